import Foundation
import ThumbprintCodes

/// The chances by which an answer may be incomplete, over the choice of the bit permutation.
///
/// The article `docs/theory.md` derives every formula here.
package enum MissProbability {
  /// `ln n!` for `n` in `0...4608`.
  static let logFactorials: [Double] = (0...4608).map { lgamma(Double($0) + 1) }

  static func logChoose(_ n: Int, _ k: Int) -> Double {
    logFactorials[n] - logFactorials[k] - logFactorials[n - k]
  }

  /// The chance that a code at `distance` bits falls into the bucket of the query in one table:
  /// none of its `keyBitCount` bits is among the differing ones. Hypergeometric,
  /// C(4096 − d, s) / C(4096, s).
  package static func collision(distance: Int, keyBitCount: Int) -> Double {
    guard distance + keyBitCount <= FeatureCode.bitCount else { return 0 }
    var product = 1.0
    for i in 0..<keyBitCount {
      product *= Double(FeatureCode.bitCount - distance - i) / Double(FeatureCode.bitCount - i)
    }
    return product
  }

  /// A bound on the chance that a code at `distance` bits is met fewer than `voteCount` times in
  /// `tableCount` tables over disjoint bits.
  ///
  /// The indicators of a collision are negatively associated (Joag-Dev and Proschan 1983), so
  /// E f(S) ≤ E f(B) for convex f and B binomial with the same p (Shao 2000); with
  /// f(x) = max(0, v − x): P(S < v) ≤ Σ_{j<v} (v − j) C(t, j) pʲ (1 − p)^{t−j}.
  /// For one vote that is (1 − p)^t.
  package static func votes(
    distance: Int, keyBitCount: Int, tableCount: Int, voteCount: Int
  ) -> Double {
    let p = collision(distance: distance, keyBitCount: keyBitCount)
    guard p > 0 else { return 1 }
    guard p < 1 else { return tableCount >= voteCount ? 0 : 1 }
    // term = C(t, j) pʲ (1 − p)^{t−j}, from one j to the next.
    var term = exp(Double(tableCount) * log1p(-p))
    var sum = 0.0
    for j in 0..<min(voteCount, tableCount + 1) {
      sum += Double(voteCount - j) * term
      term *= Double(tableCount - j) / Double(j + 1) * p / (1 - p)
    }
    return min(1, sum)
  }

  /// P(X > threshold) where X of `width` bits drawn from 4096 are among `distance` ones.
  package static func sketchTail(distance: Int, width: Int, threshold: Int) -> Double {
    let total = FeatureCode.bitCount
    let lowest = max(0, width + distance - total)
    let highest = min(width, distance)
    guard threshold < highest else { return 0 }
    guard threshold >= lowest else { return 1 }
    func term(_ value: Int) -> Double {
      exp(
        logChoose(distance, value) + logChoose(total - distance, width - value)
          - logChoose(total, width))
    }
    // From the threshold away from the mean terms fall, so that sums end soon; a sum that began
    // far out on the other side could begin with an underflow and stay 0.
    let mean = width * distance / total
    var sum = 0.0
    if threshold >= mean {
      var value = threshold + 1
      var next = term(value)
      while value <= highest, next > sum * 1e-17 {
        sum += next
        next *=
          Double(distance - value) * Double(width - value)
          / (Double(value + 1) * Double(total - distance - width + value + 1))
        value += 1
      }
      return min(1, sum)
    }
    var value = threshold
    var next = term(value)
    while value >= lowest, next > sum * 1e-17 {
      sum += next
      next *=
        Double(value) * Double(total - distance - width + value)
        / (Double(distance - value + 1) * Double(width - value + 1))
      value -= 1
    }
    return max(0, 1 - sum)
  }
}

/// The largest number of differing bits that a prefix of a code may show before the code is
/// excluded, for every distance that the whole code may have.
package struct SketchThresholds: Sendable {
  /// Widths of the prefixes, in bits: 16, 32, 64, 128 and 256 bytes.
  package static let widths = [128, 256, 512, 1024, 2048]

  /// Chance by which a code within the distance is excluded at one width; 0: never.
  package let missProbability: Double
  private let values: [[UInt16]]

  private init(missProbability: Double) {
    self.missProbability = missProbability
    values = Self.widths.map { Self.thresholds(width: $0, missProbability: missProbability) }
  }

  /// The threshold of a prefix: `widths[stage]` bits of a code at most `distance` away show more
  /// differing bits than this with at most ``missProbability``.
  package func threshold(stage: Int, distance: Int) -> Int {
    distance >= FeatureCode.bitCount ? Self.widths[stage] : Int(values[stage][distance])
  }

  private static func thresholds(width: Int, missProbability: Double) -> [UInt16] {
    guard missProbability > 0 else {
      return (0...FeatureCode.bitCount).map { UInt16(min($0, width)) }
    }
    var threshold = 0
    return (0...FeatureCode.bitCount).map { distance in
      // Grows with the distance, so the search goes on where it stopped.
      while threshold < min(width, distance),
        MissProbability.sketchTail(distance: distance, width: width, threshold: threshold)
          > missProbability
      {
        threshold += 1
      }
      return UInt16(threshold)
    }
  }

  private static let cache = Cache()

  /// The thresholds for a chance, rounded down to the next of a grid so that few are ever made.
  /// The first use of each costs some milliseconds.
  package static func within(missProbability: Double) -> SketchThresholds {
    guard missProbability > 0 else { return cache.value(step: .max) { .init(missProbability: 0) } }
    return within(step: step(missProbability: missProbability))
  }

  /// The thresholds for a chance of 2^(−step/4).
  static func within(step: Int) -> SketchThresholds {
    let step = min(stepMax, max(1, step))
    return cache.value(step: step) { .init(missProbability: exp2(-Double(step) / 4)) }
  }

  static let stepMax = 4 * 1000

  /// The step of a chance, rounded to the smaller chance.
  static func step(missProbability: Double) -> Int {
    min(stepMax, max(1, Int((-log2(missProbability) * 4).rounded(.up))))
  }

  /// Thresholds made so far.
  private final class Cache: Sendable {
    private let made = Locked<[Int: SketchThresholds]>([:])

    func value(step: Int, make: () -> SketchThresholds) -> SketchThresholds {
      if let known = made.withLock({ $0[step] }) { return known }
      let new = make()
      made.withLock { $0[step] = new }
      return new
    }
  }
}
