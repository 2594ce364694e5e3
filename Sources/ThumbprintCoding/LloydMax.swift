/// The levels of a scalar quantiser with the least mean squared error, by Lloyd's iteration from
/// quantiles.
package struct LloydMax {
  /// Ascending.
  package let levels: [Float]
  package let distortion: Double

  package init(sorted samples: [Float], levelCount: Int) {
    let count = samples.count
    precondition(count > 0 && levelCount > 0, "\(levelCount) levels for \(count) samples")
    var sums = [0.0]
    var squares = [0.0]
    for sample in samples {
      sums.append(sums[sums.count - 1] + Double(sample))
      squares.append(squares[squares.count - 1] + Double(sample) * Double(sample))
    }
    var levels = (0..<levelCount).map {
      Double(samples[min(count - 1, (2 * $0 + 1) * count / (2 * levelCount))])
    }
    var distortion = Double.infinity
    for _ in 0..<60 {
      var error = 0.0
      var start = 0
      var better = levels
      for level in 0..<levelCount {
        let end =
          level + 1 == levelCount
          ? count : Self.firstAbove((levels[level] + levels[level + 1]) / 2, samples, from: start)
        if end > start {
          let sum = sums[end] - sums[start]
          better[level] = sum / Double(end - start)
          error += squares[end] - squares[start] - sum * better[level]
        }
        start = end
      }
      levels = better
      let isSettled = distortion - error / Double(count) < 1e-5 * distortion
      distortion = error / Double(count)
      if isSettled, distortion.isFinite { break }
    }
    self.levels = levels.map { Float($0) }
    self.distortion = max(0, distortion)
  }

  /// The first place from `start` whose sample is above `value`.
  private static func firstAbove(_ value: Double, _ samples: [Float], from start: Int) -> Int {
    var (low, high) = (start, samples.count)
    while low < high {
      let middle = (low + high) / 2
      if Double(samples[middle]) > value { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
