/// Times of runs of the same thing, in milliseconds.
package struct Timings: Sendable {
  package private(set) var milliseconds: [Double] = []

  package init() {}

  package mutating func append(nanoseconds: UInt64) {
    milliseconds.append(Double(nanoseconds) / 1e6)
  }

  package mutating func append(milliseconds time: Double) {
    milliseconds.append(time)
  }

  package var mean: Double {
    milliseconds.isEmpty ? 0 : milliseconds.reduce(0, +) / Double(milliseconds.count)
  }

  package var median: Double { quantile(0.5) }

  /// The smallest time that a share of all runs did not exceed.
  package func quantile(_ share: Double) -> Double {
    let sorted = milliseconds.sorted()
    guard !sorted.isEmpty else { return 0 }
    if share == 0.5, sorted.count.isMultiple(of: 2) {
      return (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
    let rank = Int((share * Double(sorted.count)).rounded(.up))
    return sorted[min(max(rank, 1), sorted.count) - 1]
  }
}
