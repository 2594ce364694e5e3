import CHamming
import Foundation
import ThumbprintCodes

/// What a search with a recall promise may leave out of one segment, measured when its index is
/// built: on pairs of sampled rows and their true nearest neighbours, under the permutation that
/// the segment has.
///
/// The hypergeometric tail of ``MissProbability`` is a chance over all permutations. A segment has
/// one, and where bits are correlated its pairs of near rows share their luck with it, so the
/// share of them that a threshold loses can be well above the chance. A certificate allows for
/// that by being so small; a promise to find 99 % has to measure.
struct RecallCalibration: Codable, Sendable, Hashable {
  /// Losses that are kept: 2^(−i/4) for i in 0...lossStepMax, down to 1 in 65,536.
  static let lossStepMax = 64
  /// Steps from the loss allowed to the chance to ask of every prefix where no pair was measured:
  /// five prefixes share it.
  private static let uncalibratedSteps = 10

  /// Steps by which 16 bytes are asked for more than the other prefixes are. Few searches begin
  /// with them, and none should pay for what they might have lost.
  static let firstStageSteps = 12

  /// Numbers of answers for which losses are kept.
  static let answerCounts = [1, 2, 4, 10]

  /// For each number of answers and each loss the step of ``SketchThresholds`` at which no more
  /// than that share of pairs is excluded by any prefix.
  private(set) var sketchSteps: [[Int]]
  /// For each number of answers and each loss, as far as the sample reaches: by how many of 512
  /// bits the centre of a neighbour's cluster is farther than the nearest centre, but for that
  /// share of neighbours. Empty without clusters.
  private(set) var clusterGaps: [[Int]]

  /// - Parameter clusterGaps: For each row of the sample the gaps of its neighbours, nearest
  ///   neighbour first; empty without clusters.
  init(_ statistics: SampleStatistics, clusterGaps gaps: [[Int]], rows: RowMap) {
    let pairs = Self.pairs(statistics, rows: rows)
    let own = Self.sketchSteps(
      pairs.flatMap { $0.map { Self.exclusionStep($0, bound: $0.distance) } })
    sketchSteps = Self.answerCounts.map { count in
      let steps = pairs.flatMap { pairs -> [Int] in
        let answers = pairs.prefix(count)
        return answers.map { Self.exclusionStep($0, bound: answers.last!.distance) }
      }
      // Under a bound of their own distance pairs are lost most, whatever the number of answers;
      // so that will do too, and there are more of those pairs.
      return zip(own, Self.sketchSteps(steps)).map { min($0, $1) }
    }
    clusterGaps =
      gaps.isEmpty
      ? [] : Self.answerCounts.map { count in Self.gaps(gaps.flatMap { $0.prefix(count) }) }
  }

  private init(sketchSteps: [[Int]], clusterGaps: [[Int]]) {
    self.sketchSteps = sketchSteps
    self.clusterGaps = clusterGaps
  }

  /// Chances as for any permutation, and no cluster left out.
  static let unmeasured = RecallCalibration(
    sketchSteps: answerCounts.map { _ in sketchSteps([]) }, clusterGaps: [])

  var isSound: Bool {
    func ascends(_ values: [Int], to limit: Int) -> Bool {
      values.count <= Self.lossStepMax + 1 && values.allSatisfy((0...limit).contains)
        && zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }
    }
    return sketchSteps.count == Self.answerCounts.count
      && sketchSteps.allSatisfy {
        $0.count == Self.lossStepMax + 1 && ascends($0, to: SketchThresholds.stepMax)
      }
      && [0, Self.answerCounts.count].contains(clusterGaps.count)
      && clusterGaps.allSatisfy { ascends($0, to: 16 * ClusterOrder.centreByteCount) }
  }

  /// The step of the thresholds for `answerCount` answers. The more answers, the more of them lie well within the
  /// bound; so what holds for fewer holds too.
  func sketchStep(loss: Double, answerCount: Int) -> Int {
    let known = Self.answerCounts.lastIndex { $0 <= answerCount } ?? 0
    let step = SketchThresholds.step(missProbability: loss)
    guard step > Self.lossStepMax else { return sketchSteps[known][step] }
    let last = Double(sketchSteps[known][Self.lossStepMax]) / Double(Self.lossStepMax)
    return Int((last * Double(step)).rounded(.up))
  }

  /// The gap for `answerCount` answers; `nil` where the sample is too small to say. The more
  /// answers, the farther they are; so what holds for more holds too.
  func clusterGap(loss: Double, answerCount: Int) -> Int? {
    guard !clusterGaps.isEmpty,
      let known = Self.answerCounts.firstIndex(where: { $0 >= answerCount })
    else { return nil }
    let step = SketchThresholds.step(missProbability: loss)
    return step < clusterGaps[known].count ? clusterGaps[known][step] : nil
  }

  /// Of `count` pairs so many may be lost for a loss of 2^(−step/4): fewer than that share by one
  /// standard deviation, for the pairs are a sample. Pairs of one row are alike, which makes the
  /// variance about twice that of independent ones.
  private static func allowance(step: Int, count: Int) -> Double {
    let expected = exp2(-Double(step) / 4) * Double(count)
    return expected - (2 * expected).squareRoot()
  }

  /// A sampled row and one of its neighbours: bits that differ in each prefix, and in all.
  private struct Pair {
    var shown: [Int]
    var distance: Int
  }

  /// The pairs of each sampled row, nearest neighbour first.
  private static func pairs(_ statistics: SampleStatistics, rows: RowMap) -> [[Pair]] {
    func code(_ row: Int) -> FeatureCode {
      let place = rows.place(ofRow: row)
      var code = FeatureCode()
      code.withUnsafeMutableBytes {
        rows.blocks[place.block].copyPermutedCode(ofRow: place.row, to: $0.baseAddress!)
      }
      return code
    }
    return statistics.neighbours.map { probe in
      let own = code(probe.row)
      return probe.nearest.map { row in
        let other = code(row)
        let shown = own.withUnsafeBytes { x in
          other.withUnsafeBytes { y in
            SketchThresholds.widths.map {
              Int(tp_distance(x.baseAddress!, y.baseAddress!, $0 / 8))
            }
          }
        }
        return Pair(shown: shown, distance: own.distance(to: other))
      }
    }
  }

  /// The first step at which no prefix excludes the neighbour of a pair under a bound.
  private static func exclusionStep(_ pair: Pair, bound: Int) -> Int {
    var least = 0
    for (stage, shown) in pair.shown.enumerated() {
      let width = SketchThresholds.widths[stage]
      let share = Double(bound) / Double(FeatureCode.bitCount)
      let mean = Double(width) * share
      // Most prefixes show about what they should: no need to know how likely that is.
      guard Double(shown) > mean + (mean * (1 - share)).squareRoot() / 2 else { continue }
      // A prefix that shows x bits is excluded by a threshold for a chance of P(X >= x) or more.
      let chance = MissProbability.sketchTail(
        distance: bound, width: width, threshold: shown - 1)
      guard chance > 0 else { return SketchThresholds.stepMax }
      let step = Int((-4 * log2(chance)).rounded(.down)) + 1
      least = max(least, step - (stage == 0 ? firstStageSteps : 0))
    }
    return min(SketchThresholds.stepMax, least)
  }

  private static func sketchSteps(_ unordered: [Int]) -> [Int] {
    let pairs = unordered.sorted(by: >)
    var result: [Int] = []
    var slope = 1.0
    for step in 0...lossStepMax {
      let allowed = allowance(step: step, count: pairs.count)
      var value: Int
      if allowed >= 1 {
        value = max(step, pairs[Int(allowed)])
        if step > 0 { slope = max(1, Double(value) / Double(step)) }
      } else {
        // Beyond the sample, the logarithm of the chance goes on falling as fast as it did.
        value = max(step + uncalibratedSteps, Int((slope * Double(step)).rounded(.up)))
      }
      value = min(SketchThresholds.stepMax, max(value, result.last ?? 0))
      result.append(value)
    }
    return result
  }

  private static func gaps(_ unordered: [Int]) -> [Int] {
    let pairs = unordered.sorted()
    guard let widest = pairs.last else { return [] }
    var result: [Int] = []
    for step in 0...lossStepMax {
      let allowed = allowance(step: step, count: pairs.count)
      if allowed >= 1 {
        result.append(pairs[pairs.count - 1 - Int(allowed)])
      } else if exp2(-Double(step) / 4) * Double(pairs.count) >= 1 {
        result.append(widest + widest / 8)
      } else {
        break
      }
    }
    return result
  }
}
