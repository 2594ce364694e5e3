import ThumbprintNets

/// The order in which a run sees its pictures: each epoch all of them, shuffled anew.
struct EpochOrder {
  private let count: Int
  private let seed: UInt64
  private var epoch = -1
  private var permutation: [Int] = []

  init(count: Int, seed: UInt64) {
    self.count = count
    self.seed = seed
  }

  mutating func index(_ position: Int) -> Int {
    if position / count != epoch {
      epoch = position / count
      permutation = Array(0..<count)
      var random = NetRandom(seed, 4, UInt64(epoch))
      random.shuffle(&permutation)
    }
    return permutation[position % count]
  }
}
