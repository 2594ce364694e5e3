import ThumbprintCodes

/// Random choices of a history, all from its seed.
struct SimulatedRandom {
  private var generator: SplitMix64

  init(seed: UInt64) { generator = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { generator.next() }

  /// A whole number of `range`.
  mutating func int(_ range: ClosedRange<Int>) -> Int {
    let count = UInt64(range.upperBound - range.lowerBound + 1)
    return range.lowerBound + Int(generator.next().multipliedFullWidth(by: count).high)
  }

  /// True with a chance of `probability`.
  mutating func chance(_ probability: Double) -> Bool {
    Double(generator.next() >> 11) / 9_007_199_254_740_992 < probability
  }

  /// A time of `range` in microseconds, as nanoseconds.
  mutating func microseconds(_ range: ClosedRange<Int>) -> Int64 { Int64(int(range)) * 1_000 }

  /// A time of `range` in milliseconds, as nanoseconds.
  mutating func milliseconds(_ range: ClosedRange<Int>) -> Int64 {
    Int64(int(range.lowerBound * 1_000...range.upperBound * 1_000)) * 1_000
  }

  mutating func element<C: RandomAccessCollection>(_ choices: C) -> C.Element {
    choices[choices.index(choices.startIndex, offsetBy: int(0...choices.count - 1))]
  }
}

/// Mixes `value` into `hash`, so that any difference changes it.
func mixed(_ hash: UInt64, _ value: UInt64) -> UInt64 {
  var z = (hash ^ value) &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
