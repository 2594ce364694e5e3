import CHamming
import Foundation

/// What the steps of a search cost, in nanoseconds of one thread.
///
/// First the usual constants of the kernels' level, from timing the kernels alone; then those
/// measured on a segment when it is opened (``CostCalibration``). How often each step happens comes
/// from the segment's own statistics.
package struct CostModel: Sendable {
  /// One sketch of 16 or 32 bytes compared, from memory and from the cache.
  package var scan16 = (memory: 0.34, cache: 0.12)
  package var scan32 = (memory: 0.7, cache: 0.22)
  /// One code compared over its first 64 bytes.
  package var scan64 = (memory: 1.5, cache: 0.4)
  /// One candidate narrowed by the next 16 or 32 bytes.
  package var refine = 4.0
  /// One candidate taken out of a run of sketch distances.
  package var hit = 1.5
  /// One candidate at a random place, of which 32 bytes are read.
  package var candidate = 12.0
  /// One candidate of which the rest is read at a random place: its first 64 bytes, and all.
  package var finishBegun = 16.0
  package var finishEnded = 45.0
  /// One row compared whole in a pass over memory.
  package var row = 20.0
  /// One row compared whole while it is in the cache, as one of a batch of queries does.
  package var cachedRow = 3.5
  /// One table looked up; one row number read from a list.
  package var lookup = 30.0
  package var posting = 2.5

  package init() {}

  /// Beyond this many bytes a pass runs at the speed of memory.
  static let cacheByteCount = 1 << 20

  /// The usual costs on this kind of machine.
  package static let usual: CostModel = {
    var model = CostModel()
    switch Int(tp_level_current()) {
    case Int(TP_LEVEL_AVX512): break
    case Int(TP_LEVEL_AVX2), Int(TP_LEVEL_POPCNT), Int(TP_LEVEL_NEON):
      model.scan16 = (1.0, 0.9)
      model.scan32 = (1.6, 1.4)
      model.scan64 = (3.2, 2.8)
      model.finishEnded = 60
      model.row = 24
      model.cachedRow = 14
    default:
      model.scan16 = (4, 4)
      model.scan32 = (8, 8)
      model.scan64 = (16, 16)
      model.refine = 12
      model.finishBegun = 35
      model.finishEnded = 130
      model.row = 110
      model.cachedRow = 100
    }
    return model
  }()

  /// The costs of a query that shares its passes over memory with others.
  package var shared: CostModel {
    var model = self
    model.scan16.memory = scan16.cache
    model.scan32.memory = scan32.cache
    model.scan64.memory = scan64.cache
    model.row = cachedRow
    return model
  }

  func scan(width: Int, count: Int) -> Double {
    let cost = width == 16 ? scan16 : width == 32 ? scan32 : scan64
    return Double(count) * (count * width > Self.cacheByteCount ? cost.memory : cost.cache)
  }

  /// The way through the columns of a sweep over sketches: how many bytes of every code are read,
  /// 16, 32 or 64, and what the sweep is expected to cost.
  struct Sweep {
    var width: Int
    var nanoseconds: Double
  }

  /// The cheapest sweep over `count` codes for a distance bound.
  ///
  /// - Parameter strangers: Quantiles of the distances of unrelated rows, which say what share
  ///   of the codes a threshold lets pass.
  func sweep(count: Int, bound: Int, plan: QueryPlan, strangers: [Int]) -> Sweep {
    let pass = (0..<SketchThresholds.widths.count).map { stage in
      Self.passShare(
        width: SketchThresholds.widths[stage],
        threshold: plan.threshold(stage: stage, distance: bound), strangers: strangers)
    }
    let n = Double(count)
    let tail = n * (pass[2] * finishBegun + pass[3] * finishEnded)
    let at32 = n * pass[1] * refine
    return [
      Sweep(
        width: 16,
        nanoseconds: scan(width: 16, count: count) + n * pass[0] * (hit + refine) + at32 + tail),
      Sweep(
        width: 32,
        nanoseconds: scan(width: 32, count: count) + n * pass[1] * hit + at32 + tail),
      Sweep(
        width: 64,
        nanoseconds: scan(width: 64, count: count) + n * pass[2] * hit + tail),
    ].min { $0.nanoseconds < $1.nanoseconds }!
  }

  /// The share of unrelated codes of which a prefix of `width` bits shows at most `threshold`.
  static func passShare(width: Int, threshold: Int, strangers: [Int]) -> Double {
    guard !strangers.isEmpty else { return threshold >= width / 2 ? 1 : 0 }
    let w = Double(width)
    let sum = strangers.reduce(0.0) { sum, distance in
      let p = Double(distance) / 4096
      let deviation = max(0.5, (w * p * (1 - p) * (4096 - w) / 4095).squareRoot())
      return sum + normalShare(below: (Double(threshold) + 0.5 - w * p) / deviation)
    }
    return sum / Double(strangers.count)
  }

  /// The normal distribution function, by the logistic curve nearest to it (error below 0.01,
  /// far finer than the model).
  private static func normalShare(below z: Double) -> Double {
    if z > 8 { return 1 }
    if z < -8 { return 0 }
    return 1 / (1 + exp(-1.702 * z))
  }

}
