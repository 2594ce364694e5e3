/// A scalar quantiser of 1 to 3 bits whose value is a weighted sum of its bits as ±1, so that a
/// linear decoder can have it, and each bit of which says on which side of what the bits before it
/// give the number lies.
package struct SuccessiveQuantizer {
  package static let bitCountMax = 3

  /// The weights of the bits, descending.
  package private(set) var steps: [Float]
  /// The mean squared error on the samples that it was fitted to.
  package private(set) var distortion: Double

  /// Fits the weights to samples of mean 0 and variance about 1: bits and weights in turns, the
  /// weights by least squares.
  package init(_ samples: some Collection<Float>, bitCount: Int) {
    precondition((1...Self.bitCountMax).contains(bitCount), "no quantiser of \(bitCount) bits")
    // The optimal steps for a normal distribution, about.
    steps = [[0.8], [0.98, 0.53], [1.15, 0.6, 0.3]][bitCount - 1]
    distortion = .infinity
    for _ in 0..<12 {
      var moments = [Double](repeating: 0, count: bitCount * bitCount)
      var products = [Double](repeating: 0, count: bitCount)
      var error = 0.0
      for sample in samples {
        var rest = sample
        var signs = SIMD4<Float>.zero
        for bit in 0..<bitCount {
          signs[bit] = rest >= 0 ? 1 : -1
          rest -= signs[bit] * steps[bit]
        }
        error += Double(rest * rest)
        for i in 0..<bitCount {
          products[i] += Double(sample * signs[i])
          for j in 0..<bitCount { moments[i * bitCount + j] += Double(signs[i] * signs[j]) }
        }
      }
      distortion = error / Double(max(1, samples.count))
      guard let better = Self.solve(moments, products), better.allSatisfy({ $0 > 0 }),
        zip(better, better.dropFirst()).allSatisfy({ $0 > $1 })
      else { return }
      steps = better.map { Float($0) }
    }
  }

  /// The places where bit `number` changes, ascending: an odd number, symmetric about 0.
  package func crossings(ofBit number: Int) -> [Float] {
    var places: [Float] = [0]
    for step in steps.prefix(number) { places = places.flatMap { [$0 - step, $0, $0 + step] } }
    // 0 ± a ± b with every a: the middle ones repeat, and those of the outer bits are all there.
    return Array(Set(places.filter { isCrossing($0, ofBit: number) })).sorted()
  }

  /// Whether the bits before `number` give exactly `place` on one of its sides.
  private func isCrossing(_ place: Float, ofBit number: Int) -> Bool {
    let margin = 1e-4 * (steps.last ?? 1)
    return bit(number, of: place - margin) != bit(number, of: place + margin)
  }

  private func bit(_ number: Int, of sample: Float) -> Bool {
    var rest = sample
    for step in steps.prefix(number) { rest -= rest >= 0 ? step : -step }
    return rest >= 0
  }

  /// Solves a symmetric system of up to three equations by elimination; `nil` if it is singular.
  private static func solve(_ matrix: [Double], _ right: [Double]) -> [Double]? {
    let order = right.count
    var (a, x) = (matrix, right)
    for pivot in 0..<order {
      guard a[pivot * order + pivot].magnitude > 1e-9 else { return nil }
      for row in 0..<order where row != pivot {
        let factor = a[row * order + pivot] / a[pivot * order + pivot]
        for column in pivot..<order {
          a[row * order + column] -= factor * a[pivot * order + column]
        }
        x[row] -= factor * x[pivot]
      }
    }
    return (0..<order).map { x[$0] / a[$0 * order + $0] }
  }
}
