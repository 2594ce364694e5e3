import Testing
import ThumbprintNets

/// The prepared network against the plain one, which is compared with naive loops elsewhere.
@Suite struct InferenceTests {
  struct Case: CustomTestStringConvertible {
    var (channels, outputs, height, width, images): (Int, Int, Int, Int, Int)
    var testDescription: String { "\(channels)→\(outputs), \(height)×\(width), \(images) images" }
  }

  static let cases = [
    Case(channels: 16, outputs: 16, height: 16, width: 16, images: 1),
    // Rows and columns that fill neither the last tile nor the last vector.
    Case(channels: 17, outputs: 21, height: 19, width: 14, images: 3),
    Case(channels: 16, outputs: 33, height: 13, width: 37, images: 2),
    // More than one band, and one that begins inside an image.
    Case(channels: 64, outputs: 80, height: 50, width: 66, images: 3),
  ]

  private func images(_ shape: FeatureShape, _ count: Int, seed: UInt64) -> Tensor {
    var random = NetRandom(seed)
    return Tensor(
      shape: [count, shape.channels, shape.height, shape.width],
      values: (0..<count * shape.count).map { _ in random.normal() })
  }

  private func compare(_ spec: NetworkSpec, images count: Int, seed: UInt64) throws {
    var network = try Network(spec, seed: seed)
    var random = NetRandom(seed, 1)
    for i in network.parameters.indices { network.parameters[i] += 0.1 * random.normal() }
    let input = images(spec.input, count, seed: seed)
    let plain = network.apply(to: input)
    let fast = InferenceNetwork(network).apply(to: input)
    #expect(fast.shape == plain.shape)
    let scale = plain.values.reduce(0) { max($0, abs($1)) }
    let worst = zip(fast.values, plain.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst.isFinite && worst <= 1e-5 * scale, "off by \(worst) of \(scale), seed \(seed)")
  }

  @Test(arguments: cases) func aConvolutionEqualsThePlainProduct(_ example: Case) throws {
    for (bias, seed) in [(true, 1), (false, 2)] as [(Bool, UInt64)] {
      try compare(
        NetworkSpec(
          input: FeatureShape(
            channels: example.channels, height: example.height, width: example.width),
          layers: [
            .convolution(
              name: "c", channels: example.outputs, kernel: 3, padding: 1, bias: bias)
          ]), images: example.images, seed: seed)
    }
  }

  @Test func aWholeNetworkEqualsThePlainOne() throws {
    // ReLU is done by the convolution, batch normalisation folded, pooling done the short way; the
    // last convolution is too small for Winograd's.
    let description = VGGDescription(
      side: 36, blocks: [[16, 20], [24], [16]], poolsLastBlock: true, isNormalized: true,
      preprocessing: .symmetric)
    try compare(description.convolutions, images: 5, seed: 3)
    try compare(description.classifier(hiddenCount: 12, classCount: 7), images: 2, seed: 4)
  }

  @Test func everyKindOfLayerEqualsThePlainOne() throws {
    let shape = FeatureShape(channels: 5, height: 13, width: 11)
    let heads: [[LayerSpec]] = [
      [.convolution(name: "c", channels: 9, kernel: 3, stride: 2, padding: 1), .tanh],
      [.convolution(name: "c", channels: 70, kernel: 1), .relu, .relu],
      [.convolution(name: "c", channels: 4, kernel: 5, stride: 3, padding: 4, bias: false)],
      [.transposedConvolution(name: "t", channels: 3, kernel: 4, stride: 2, padding: 1), .relu],
      [.transposedConvolution(name: "t", channels: 3, kernel: 1, bias: false)],
      [.maxPooling(kernel: 3, stride: 2), .batchNormalization(name: "n"), .dropout(rate: 0.5)],
      [.fullyConnected(name: "f", channels: 67, bias: false), .relu],
      // The first alone, and behind a layer whose pixels have floats to spare.
      [.relu, .fullyConnected(name: "f", channels: 3)],
    ]
    for (number, head) in heads.enumerated() {
      let seed = UInt64(10 + number)
      try compare(NetworkSpec(input: shape, layers: head), images: 3, seed: seed)
      try compare(
        NetworkSpec(
          input: shape,
          layers: [.convolution(name: "first", channels: 6, kernel: 3, padding: 1)] + head
            + [.fullyConnected(name: "last", channels: 2)]), images: 17, seed: seed)
    }
  }

  @Test func theCodecsShapesEqualThePlainOnes() throws {
    let picture = FeatureShape(channels: 3, height: 32, width: 32)
    try compare(
      NetworkSpec(
        input: picture,
        layers: [
          .convolution(name: "a", channels: 20, kernel: 32), .relu,
          .convolution(name: "b", channels: 30, kernel: 1),
        ]), images: 5, seed: 30)
    try compare(
      NetworkSpec(
        input: FeatureShape(channels: 30, height: 1, width: 1),
        layers: [
          .transposedConvolution(name: "a", channels: 20, kernel: 1), .relu,
          .transposedConvolution(name: "b", channels: 3, kernel: 32),
        ]), images: 5, seed: 31)
    // 3 × 3 × 3 values a pixel are no whole group.
    try compare(
      NetworkSpec(
        input: FeatureShape(channels: 30, height: 1, width: 1),
        layers: [.transposedConvolution(name: "b", channels: 3, kernel: 3), .relu]),
      images: 5, seed: 32)
  }

  @Test func poolingBehindAConvolutionDropsOddRows() throws {
    for (height, width) in [(16, 16), (17, 18), (18, 19), (13, 14), (15, 13)] {
      try compare(
        NetworkSpec(
          input: FeatureShape(channels: 16, height: height, width: width),
          layers: [
            .convolution(name: "c", channels: 16, kernel: 3, padding: 1), .relu,
            .maxPooling(kernel: 2, stride: 2),
          ]), images: 2, seed: 40)
      try compare(
        NetworkSpec(
          input: FeatureShape(channels: 16, height: height, width: width),
          layers: [
            .convolution(name: "c", channels: 16, kernel: 3, padding: 1),
            .maxPooling(kernel: 2, stride: 2),
          ]), images: 2, seed: 41)
    }
  }

  @Test func callsAtTheSameTimeDoNotDisturbEachOther() throws {
    let network = InferenceNetwork(
      try Network(VGGDescription.compact.convolutions, seed: 8))
    let inputs = (0..<6).map { images(network.network.plan.spec.input, 2, seed: 50 + $0) }
    let expected = inputs.map { network.apply(to: $0) }
    Parallel.forEach(24, threadCount: 4) { call in
      #expect(network.apply(to: inputs[call % 6]) == expected[call % 6])
    }
  }

  @Test func gradientsOfDecodersEqualThoseOfTheLayers() throws {
    let specs = [
      NetworkSpec(
        input: FeatureShape(channels: 8, height: 4, width: 4),
        layers: [
          .transposedConvolution(name: "a", channels: 20, kernel: 4, stride: 2, padding: 1), .relu,
          .transposedConvolution(
            name: "b", channels: 9, kernel: 3, stride: 2, padding: 1, bias: false),
          .transposedConvolution(name: "c", channels: 3, kernel: 2, stride: 1), .relu,
        ]),
      NetworkSpec(
        input: FeatureShape(channels: 40, height: 1, width: 1),
        layers: [
          .transposedConvolution(name: "a", channels: 30, kernel: 1), .relu,
          .transposedConvolution(name: "b", channels: 3, kernel: 32),
        ]),
    ]
    for (number, spec) in specs.enumerated() {
      var network = try Network(spec, seed: 60)
      var random = NetRandom(61)
      for i in network.parameters.indices { network.parameters[i] += 0.1 * random.normal() }
      let plain = Workspace(network.plan, imageCountMax: 1, isTraining: true)
      let fast = DecoderGradientWorkspace(
        try #require(DecoderGradient(network)), imageCountMax: 3)
      for i in 0..<spec.input.count { plain.input[i] = random.normal() }
      fast.input.update(from: plain.input, count: spec.input.count)
      plain.forward(network, imageCount: 1)
      fast.forward(imageCount: 1)
      let size = network.plan.output.count
      for i in 0..<size {
        #expect(abs(plain.output[i] - fast.output[i]) < 1e-4)
        plain.outputGradient[i] = random.normal()
      }
      fast.outputGradient.update(from: plain.outputGradient, count: size)
      let expected = try #require(plain.backward(network, wantsInputGradient: true))
      let found = fast.backward()
      for i in 0..<spec.input.count {
        #expect(abs(expected[i] - found[i]) < 1e-3 * max(1, abs(expected[i])), "\(number), \(i)")
      }
    }
    let other = try Network(
      NetworkSpec(input: specs[0].input, layers: [.relu]), seed: 1)
    #expect(DecoderGradient(other) == nil)
  }

  @Test func theNumberOfThreadsChangesNothing() throws {
    let network = InferenceNetwork(
      try Network(
        VGGDescription(
          side: 24, blocks: [[16], [16]], poolsLastBlock: false, preprocessing: .caffe
        ).convolutions, seed: 5))
    let input = images(network.network.plan.spec.input, 37, seed: 6)
    let one = network.apply(to: input)
    for threadCount in [2, 3] {
      #expect(network.apply(to: input, threadCount: threadCount) == one)
    }
  }

  @Test func halfPrecisionIsRoundedToTheNearest() {
    let cases: [(Float, UInt16)] = [
      (0, 0), (-0.0, 0x8000), (1, 0x3C00), (-2, 0xC000), (65_504, 0x7BFF), (65_519, 0x7BFF),
      (65_520, 0x7C00), (.infinity, 0x7C00), (0x1p-14, 0x0400), (0x1p-24, 1), (0x1p-25, 0),
      (0x1.8p-25, 1), (1 + 0x1p-11, 0x3C00), (1 + 0x1.8p-11 + 0x1p-11, 0x3C01),
      (1 + 3 * 0x1p-11, 0x3C02), (0x1.FF8p-15, 0x03FF), (0x1.FFFp-15, 0x0400),
    ]
    for (value, bits) in cases { #expect(half(value) == bits, "\(value)") }
    for bits in stride(from: UInt16(0), to: 0x7C00, by: 1) {
      if half(float(half: bits)) != bits { Issue.record("\(bits) does not come back") }
    }
  }
}
