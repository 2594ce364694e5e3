import Testing
import ThumbprintNets

@Suite struct LayerTests {
  static let input = FeatureShape(channels: 3, height: 9, width: 7)

  static let convolutions: [(kernel: Int, stride: Int, padding: Int)] = [
    (1, 1, 0), (3, 1, 1), (3, 2, 1), (3, 1, 0), (5, 3, 4), (4, 2, 1), (7, 1, 6), (2, 5, 1),
  ]

  @Test(arguments: convolutions.indices, [1, 5])
  func convolutionEqualsItsTwin(_ index: Int, _ imageCount: Int) throws {
    let shape = Self.convolutions[index]
    try GradientCheck(
      NetworkSpec(
        input: Self.input,
        layers: [
          .convolution(
            name: "c", channels: 4, kernel: shape.kernel, stride: shape.stride,
            padding: shape.padding, bias: index % 2 == 0)
        ]),
      imageCount: imageCount, seed: UInt64(index)
    ).check()
  }

  @Test(arguments: convolutions.indices, [1, 4])
  func transposedConvolutionEqualsItsTwin(_ index: Int, _ imageCount: Int) throws {
    let shape = Self.convolutions[index]
    guard shape.padding < shape.kernel else { return }
    try GradientCheck(
      NetworkSpec(
        input: Self.input,
        layers: [
          .transposedConvolution(
            name: "d", channels: 4, kernel: shape.kernel, stride: shape.stride,
            padding: shape.padding, bias: index % 2 == 1)
        ]),
      imageCount: imageCount, seed: UInt64(index)
    ).check()
  }

  /// A convolution whose unfolded matrix is cut into several bands within and across images.
  @Test func bandsOfALargeConvolutionEqualItsTwin() throws {
    try GradientCheck(
      NetworkSpec(
        input: FeatureShape(channels: 40, height: 24, width: 23),
        layers: [.convolution(name: "c", channels: 2, kernel: 3, stride: 1, padding: 1)]),
      imageCount: 2, seed: 3
    ).check()
    try GradientCheck(
      NetworkSpec(
        input: FeatureShape(channels: 2, height: 20, width: 23),
        layers: [.transposedConvolution(name: "c", channels: 30, kernel: 4, stride: 2, padding: 1)]
      ),
      imageCount: 2, seed: 4
    ).check()
  }

  @Test(arguments: [1, 6]) func fullyConnectedEqualsItsTwin(_ imageCount: Int) throws {
    try GradientCheck(
      NetworkSpec(
        input: Self.input,
        layers: [
          .fullyConnected(name: "a", channels: 11),
          .fullyConnected(name: "b", channels: 5, bias: false),
        ]),
      imageCount: imageCount, seed: 8
    ).check()
  }

  @Test(arguments: [(2, 2), (3, 2), (2, 1), (3, 3)] as [(Int, Int)])
  func maxPoolingEqualsItsTwin(_ kernel: Int, _ stride: Int) throws {
    try GradientCheck(
      NetworkSpec(input: Self.input, layers: [.maxPooling(kernel: kernel, stride: stride)]),
      imageCount: 3, seed: 9
    ).check()
  }

  @Test(arguments: [[LayerSpec.relu], [.tanh], [.relu, .relu], [.tanh, .relu], [.relu, .tanh]])
  func activationsEqualTheirTwins(_ layers: [LayerSpec]) throws {
    try GradientCheck(NetworkSpec(input: Self.input, layers: layers), imageCount: 2, seed: 10)
      .check()
  }

  @Test(arguments: [false, true]) func batchNormalizationEqualsItsTwin(_ isTraining: Bool) throws {
    let check = try GradientCheck(
      NetworkSpec(
        input: Self.input,
        layers: [.tanh, .batchNormalization(name: "n"), .relu]),
      imageCount: 4, seed: 11)
    if isTraining {
      check.check(isTraining: true)
    } else {
      let naive = NaiveNetwork(check.network, isTraining: false)
      expectClose(
        check.run(key: nil).output,
        naive.apply(to: check.input.map(Double.init), count: check.imageCount), "output")
    }
  }

  @Test func aDeepNetworkEqualsItsTwin() throws {
    try GradientCheck(
      NetworkSpec(
        input: FeatureShape(channels: 3, height: 16, width: 16),
        layers: [
          .convolution(name: "c1", channels: 6, kernel: 3, stride: 1, padding: 1),
          .batchNormalization(name: "n1"), .relu, .maxPooling(kernel: 2, stride: 2),
          .convolution(name: "c2", channels: 5, kernel: 3, stride: 2, padding: 1), .tanh,
          .transposedConvolution(name: "d1", channels: 4, kernel: 4, stride: 2, padding: 1), .relu,
          .fullyConnected(name: "f1", channels: 12), .relu,
          .fullyConnected(name: "f2", channels: 3),
        ]),
      imageCount: 4, seed: 12
    ).check(isTraining: true)
  }

  @Test func theBinarizerIsTheSignAndPassesGradientsByItsMode() throws {
    for mode in BinarizerMode.allCases {
      let check = try GradientCheck(
        NetworkSpec(input: Self.input, layers: [.binarizer(mode)]), imageCount: 3, seed: 13)
      let plain = check.run(key: nil)
      #expect(plain.output == check.input.map { $0 >= 0 ? 1 : -1 })
      let expected = zip(check.input, check.slopes).map { z, slope in
        let soft = hyperbolicTangent(Double(z))
        return mode == .window
          ? (abs(z) <= 1 ? Double(slope) : 0) : Double(slope) * (1 - soft * soft)
      }
      expectClose(plain.input, expected, "\(mode)")
      let trained = check.run(key: PassKey(seed: 4, step: 5, firstImage: 6))
      #expect(trained.output.allSatisfy { $0 == 1 || $0 == -1 })
      #expect((trained.output == plain.output) == (mode != .stochastic))
    }
  }

  /// The stochastic binariser's mean is tanh, and dropout keeps the mean, within 5 standard errors.
  @Test func randomLayersHaveTheRightMeans() throws {
    let shape = FeatureShape(channels: 1, height: 64, width: 64)
    let key = PassKey(seed: 9, step: 0, firstImage: 0)
    for z in [-1.5, -0.3, 0, 0.8] as [Float] {
      let output = try training(
        [.binarizer(.stochastic)], shape, repeating: z, key: key)
      let mean = output.reduce(0, +) / Float(output.count)
      #expect(abs(Double(mean) - hyperbolicTangent(Double(z))) < 0.08)
    }
    let dropped = try training([.dropout(rate: 0.25)], shape, repeating: 3, key: key)
    #expect(Set(dropped) == [0, 4])
    let droppedMean = dropped.reduce(0, +) / Float(dropped.count)
    #expect(abs(droppedMean - 3) < 0.14)
    let kept = try training([.dropout(rate: 0.25)], shape, repeating: 3, key: nil)
    #expect(kept.allSatisfy { $0 == 3 })
  }

  @Test func dropoutPassesGradientsWhereItPassedValues() throws {
    let check = try GradientCheck(
      NetworkSpec(input: Self.input, layers: [.dropout(rate: 0.5)]), imageCount: 2, seed: 14)
    let run = check.run(key: PassKey(seed: 2, step: 3, firstImage: 0))
    for i in check.input.indices {
      let factor: Float = run.output[i] == 0 ? 0 : 2
      #expect(run.output[i] == check.input[i] * factor)
      #expect(run.input[i] == check.slopes[i] * factor)
    }
  }

  /// An image's randomness is its own: it does not depend on the slice in which it is worked on.
  @Test func randomLayersDoNotDependOnTheSlicing() throws {
    let spec = NetworkSpec(
      input: Self.input, layers: [.dropout(rate: 0.4), .binarizer(.stochastic)])
    let network = try Network(spec, seed: 0)
    let images = (0..<6).map { image in
      (0..<Self.input.count).map { Float($0 % 13 - 6 + image) / 7 }
    }
    func run(_ slice: Range<Int>) -> [Float] {
      let workspace = Workspace(network.plan, imageCountMax: slice.count, isTraining: true)
      ImageOrder.interleave(
        images[slice].flatMap(\.self), Self.input, imageCount: slice.count, into: workspace.input)
      workspace.forward(
        network, imageCount: slice.count,
        key: PassKey(seed: 1, step: 2, firstImage: slice.lowerBound))
      var output = [Float](repeating: 0, count: slice.count * Self.input.count)
      ImageOrder.separate(workspace.output, Self.input, imageCount: slice.count, into: &output)
      return output
    }
    #expect(run(0..<6) == run(0..<1) + run(1..<4) + run(4..<6))
  }

  private func training(
    _ layers: [LayerSpec], _ shape: FeatureShape, repeating value: Float, key: PassKey?
  ) throws -> [Float] {
    let network = try Network(NetworkSpec(input: shape, layers: layers), seed: 0)
    let workspace = Workspace(network.plan, imageCountMax: 1, isTraining: true)
    workspace.input.update(repeating: value, count: shape.count)
    workspace.forward(network, imageCount: 1, key: key)
    return Array(UnsafeBufferPointer(start: workspace.output, count: shape.count))
  }
}
