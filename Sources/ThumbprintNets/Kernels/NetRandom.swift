import ThumbprintCodes

/// Random numbers that are a function of a key alone, so that neither the number of threads nor an
/// interruption changes them: nothing has to be saved but the seed and the step.
public struct NetRandom: RandomNumberGenerator, Sendable {
  private var generator: SplitMix64

  /// The stream for a key: for instance a seed, a step, an image and a layer.
  public init(_ key: UInt64...) {
    var state: UInt64 = 0x5448_554D_4250_524E
    for part in key {
      var mixer = SplitMix64(seed: state ^ part)
      state = mixer.next()
    }
    generator = SplitMix64(seed: state)
  }

  public mutating func next() -> UInt64 { generator.next() }

  /// A number in `0..<1`, one of 2^24 evenly spaced.
  public mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// A number below `limit`, which is positive; the bias is below `limit` / 2^64.
  public mutating func integer(below limit: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(limit)).high)
  }

  /// A number of the standard normal distribution (Box and Muller, 1958).
  public mutating func normal() -> Float {
    let radius = Double(next() >> 11) * 0x1p-53
    let angle = Double(next() >> 11) * 0x1p-53
    return Float((-2 * Elementwise.log(1 - radius)).squareRoot())
      * Float(Elementwise.cosine(2 * .pi * angle))
  }

  /// Puts the elements in random order (Fisher and Yates).
  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    guard elements.count > 1 else { return }
    for i in (1..<elements.count).reversed() { elements.swapAt(i, integer(below: i + 1)) }
  }
}
