import Testing
import ThumbprintNets

@Suite struct LossTests {
  private func tensor(_ shape: [Int], seed: UInt64, scale: Float = 1) -> Tensor {
    var random = NetRandom(seed)
    return Tensor(
      shape: shape, values: (0..<shape.reduce(1, *)).map { _ in scale * random.normal() })
  }

  /// Compares a gradient with central differences of a loss in double precision.
  private func check(
    _ gradient: Tensor, at point: Tensor, _ loss: ([Double]) -> Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let exact = point.values.map(Double.init)
    let differences = exact.indices.map { place in
      var (up, down) = (exact, exact)
      up[place] += 1e-6
      down[place] -= 1e-6
      return (loss(up) - loss(down)) / 2e-6
    }
    expectClose(gradient.values, differences, "gradient", sourceLocation)
  }

  @Test func meanSquaredError() {
    let (a, b) = (tensor([2, 3, 2, 2], seed: 1), tensor([2, 3, 2, 2], seed: 2))
    func loss(_ x: [Double]) -> Double {
      zip(x, b.values).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) } / 24
    }
    #expect(abs(MeanSquaredError.value(a, b) - loss(a.values.map(Double.init))) < 1e-6)
    check(MeanSquaredError.gradient(a, b), at: a, loss)
  }

  @Test(arguments: [0, 0.1] as [Float]) func softmaxCrossEntropy(_ smoothing: Float) {
    let logits = tensor([5, 7], seed: 3, scale: 3)
    let labels = [0, 6, 3, 3, 1]
    func loss(_ x: [Double]) -> Double {
      var sum = 0.0
      for (image, label) in labels.enumerated() {
        let row = x[image * 7..<image * 7 + 7]
        let total = row.reduce(0) { $0 + exponential($1) }
        for (number, value) in row.enumerated() {
          let target = Double(smoothing) / 7 + (number == label ? 1 - Double(smoothing) : 0)
          sum -= target * (value - naturalLogarithm(total))
        }
      }
      return sum / 5
    }
    let answer = SoftmaxCrossEntropy(labelSmoothing: smoothing)(logits, labels: labels)
    #expect(abs(answer.loss - loss(logits.values.map(Double.init))) < 1e-5)
    check(answer.gradient, at: logits, loss)
  }

  @Test func softmaxCrossEntropyOfHugeLogitsIsFinite() {
    let logits = Tensor(shape: [1, 3], values: [1e30, -1e30, 0])
    let answer = SoftmaxCrossEntropy()(logits, labels: [0])
    #expect(answer.loss == 0)
    #expect(answer.gradient.values == [0, 0, 0])
  }

  @Test(arguments: TripletLoss.Mining.allCases, [0, 24])
  func tripletLoss(_ mining: TripletLoss.Mining, _ fixedBitCount: Int) {
    let groups = [0, 0, 1, 1, 2, 2, 2, 3]
    let codes = tensor([8, 20], seed: 4, scale: 0.5)
    let fixed = tensor([8, fixedBitCount], seed: 5).values.map { $0 > 0 ? 1.0 : -1.0 }
    let products: [Double] = (0..<64).map { pair in
      (0..<fixedBitCount).reduce(0) {
        $0 + fixed[pair / 8 * fixedBitCount + $1] * fixed[pair % 8 * fixedBitCount + $1]
      }
    }
    let length = Double(20 + fixedBitCount)
    func loss(_ x: [Double]) -> Double {
      func distance(_ a: Int, _ b: Int) -> Double {
        let product = (0..<20).reduce(products[a * 8 + b]) { $0 + x[a * 20 + $1] * x[b * 20 + $1] }
        return (length - product) / (2 * length)
      }
      var (sum, pairs) = (0.0, 0)
      for a in 0..<8 {
        for p in 0..<8 where p != a && groups[p] == groups[a] {
          pairs += 1
          let values = (0..<8).filter { groups[$0] != groups[a] }
            .map { 0.1 + distance(a, p) - distance(a, $0) }.filter { $0 > 0 }
          if values.isEmpty { continue }
          sum +=
            mining == .hardest ? values.max()! : values.reduce(0, +) / Double(values.count)
        }
      }
      return sum / Double(pairs)
    }
    let answer = TripletLoss(margin: 0.1, mining: mining)(
      codes, groups: groups,
      fixedProducts: fixedBitCount == 0 ? nil : products.map { Float($0) },
      fixedBitCount: fixedBitCount)
    #expect(answer.loss > 0 && answer.activeShare > 0)
    #expect(abs(answer.loss - loss(codes.values.map(Double.init))) < 1e-5)
    check(answer.gradient, at: codes, loss)
  }

  @Test func rewardsForAnIndexAreAdded() {
    let groups = [0, 0, 1, 1, 2]
    let codes = tensor([5, 12], seed: 6, scale: 0.5)
    let reward = TripletLoss.IndexReward(tightness: 0.7, spread: 0.3)
    func loss(_ x: [Double]) -> Double {
      var (same, different): ([Double], [Double]) = ([], [])
      for a in 0..<5 {
        for b in 0..<5 where a != b {
          let distance = (12 - (0..<12).reduce(0) { $0 + x[a * 12 + $1] * x[b * 12 + $1] }) / 24
          if groups[a] == groups[b] {
            same.append(distance)
          } else {
            different.append((1 - 2 * distance) * (1 - 2 * distance))
          }
        }
      }
      return 0.7 * same.reduce(0, +) / Double(same.count)
        + 0.3 * different.reduce(0, +) / Double(different.count)
    }
    let plain = TripletLoss(margin: 0)(codes, groups: groups)
    let rewarded = TripletLoss(margin: 0, reward: reward)(codes, groups: groups)
    #expect(abs(rewarded.loss - plain.loss - loss(codes.values.map(Double.init))) < 1e-5)
    let difference = Tensor(
      shape: codes.shape,
      values: zip(rewarded.gradient.values, plain.gradient.values).map { $0 - $1 })
    check(difference, at: codes, loss)
  }

  @Test func tripletLossOfSeparatedGroupsIsZero() {
    let codes = Tensor(
      shape: [4, 2], values: [1, 1, 1, 1, -1, -1, -1, -1])
    let answer = TripletLoss(margin: 0.5)(codes, groups: [0, 0, 1, 1])
    #expect(answer.loss == 0 && answer.activeShare == 0)
    #expect(answer.gradient.values.allSatisfy { $0 == 0 })
    let lonely = TripletLoss(margin: 0.5)(codes, groups: [0, 1, 2, 3])
    #expect(lonely.loss == 0)
  }
}

/// e^x by its series.
func exponential(_ x: Double) -> Double {
  var (term, sum) = (1.0, 1.0)
  for i in 1..<200 {
    term *= abs(x) / Double(i)
    sum += term
  }
  return x < 0 ? 1 / sum : sum
}

/// The x with e^x = y, by Newton's method.
func naturalLogarithm(_ y: Double) -> Double {
  var x = 0.0
  for _ in 0..<200 { x += 2 * (y - exponential(x)) / (y + exponential(x)) }
  return x
}
