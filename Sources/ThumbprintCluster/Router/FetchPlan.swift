import ThumbprintCodes

/// Who is asked for the records of some shards, and which shards are still waited for.
///
/// Each shard is asked of one replica after another until one answers. A replica that is late is
/// joined by the next, and goes on: what takes long would take no less if it were begun anew.
public struct FetchPlan: Sendable {
  private struct Progress: Sendable {
    /// Who was asked in this turn, and how many of those have neither answered nor failed.
    var asked: Set<WorkerName> = []
    var openCount = 0
  }

  /// Those that have not answered.
  private var shards: [Int: Progress]

  /// - Parameter shards: Numbers of shards, in any order.
  public init(shards: some Sequence<Int>) {
    self.shards = Dictionary(shards.map { ($0, Progress()) }) { old, _ in old }
  }

  /// Shards without an answer, ascending.
  public var waiting: [Int] { shards.keys.sorted() }

  /// Chooses who is asked for those of `numbers` that have no answer. When all replicas of a shard
  /// were asked, their turn begins again.
  ///
  /// - Parameter replicas: Who may be asked for a shard, the first of them first.
  public mutating func ask(
    _ numbers: [Int], of replicas: (Int) -> [WorkerName]
  ) -> [WorkerName: [Int]] {
    choose(numbers, replicas, beginsAgain: true)
  }

  /// A request is late: chooses who is asked too, for shards of which somebody was not asked yet.
  public mutating func join(
    _ numbers: [Int], with replicas: (Int) -> [WorkerName]
  ) -> [WorkerName: [Int]] {
    choose(numbers, replicas, beginsAgain: false)
  }

  private mutating func choose(
    _ numbers: [Int], _ replicas: (Int) -> [WorkerName], beginsAgain: Bool
  ) -> [WorkerName: [Int]] {
    var chosen: [WorkerName: [Int]] = [:]
    for number in numbers {
      guard var shard = shards[number] else { continue }
      let all = replicas(number)
      var next = all.first { !shard.asked.contains($0) }
      if next == nil, beginsAgain {
        shard.asked = []
        next = all.first
      }
      guard let next else { continue }
      shard.asked.insert(next)
      shard.openCount += 1
      shards[number] = shard
      chosen[next, default: []].append(number)
    }
    return chosen
  }

  /// A request for these shards was answered.
  public mutating func answered(_ numbers: [Int]) {
    for number in numbers { shards[number] = nil }
  }

  /// A request for these shards failed. Returns those for which nobody is asked any more.
  public mutating func failed(_ numbers: [Int]) -> [Int] {
    for number in numbers { shards[number]?.openCount -= 1 }
    return numbers.filter { shards[$0]?.openCount == 0 }
  }
}
