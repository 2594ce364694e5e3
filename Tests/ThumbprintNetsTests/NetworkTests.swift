import Testing
import ThumbprintNets

@Suite struct NetworkTests {
  static let spec = NetworkSpec(
    input: FeatureShape(channels: 3, height: 8, width: 8),
    layers: [
      .convolution(name: "c1", channels: 6, kernel: 3, stride: 1, padding: 1, bias: false),
      .batchNormalization(name: "n1"), .relu, .dropout(rate: 0.3),
      .transposedConvolution(name: "d1", channels: 4, kernel: 4, stride: 2, padding: 1),
      .batchNormalization(name: "n2"), .relu,
      .fullyConnected(name: "f1", channels: 10), .batchNormalization(name: "n3"), .tanh,
    ])

  /// Layers that each enlarge their input sixteenfold.
  static let growing = (0..<3).map { number in
    LayerSpec.transposedConvolution(name: "d\(number)", channels: 1, kernel: 31, stride: 16)
  }

  private func images(_ count: Int, seed: UInt64) -> Tensor {
    var random = NetRandom(seed)
    return Tensor(
      shape: [count, 3, 8, 8], values: (0..<count * 192).map { _ in random.normal() })
  }

  /// A network whose parameters and statistics are all away from their initial constants.
  private func network() throws -> Network {
    var network = try Network(Self.spec, seed: 6)
    var random = NetRandom(7)
    for i in network.parameters.indices { network.parameters[i] += 0.1 * random.normal() }
    for i in network.statistics.indices { network.statistics[i] += 0.5 * random.unit() }
    return network
  }

  @Test func inferenceEqualsTheTwinOnAnyNumberOfThreads() throws {
    let network = try network()
    let input = images(37, seed: 1)
    let output = network.apply(to: input)
    #expect(output.shape == [37, 10, 1, 1])
    let naive = NaiveNetwork(network, isTraining: false)
    expectClose(
      output.values, naive.apply(to: input.values.map(Double.init), count: 37), "output")
    for threadCount in [2, 3, 8] {
      #expect(network.apply(to: input, threadCount: threadCount) == output)
    }
    #expect(network.apply(to: images(0, seed: 1)).values.isEmpty)
  }

  @Test func foldingBatchNormalizationKeepsTheFunction() throws {
    let network = try network()
    let folded = network.folded()
    #expect(folded.plan.statistics.count == 0)
    #expect(folded.plan.spec.layers.count == 6)
    let input = images(5, seed: 2)
    expectClose(
      folded.apply(to: input).values, network.apply(to: input).values.map(Double.init), "folded")
  }

  @Test func runningStatisticsApproachThoseOfTheData() throws {
    let spec = NetworkSpec(
      input: FeatureShape(channels: 2, height: 4, width: 4),
      layers: [.batchNormalization(name: "n")])
    var network = try Network(spec, seed: 0)
    var random = NetRandom(3)
    for step in 0..<300 {
      let workspace = Workspace(network.plan, imageCountMax: 8, isTraining: true)
      for i in 0..<8 * 16 { workspace.input[i] = 3 + 2 * random.normal() }
      for i in 8 * 16..<8 * 32 { workspace.input[i] = -1 + 0.5 * random.normal() }
      workspace.forward(
        network, imageCount: 8, key: PassKey(seed: 0, step: UInt64(step), firstImage: 0))
      network.absorbStatistics(of: [workspace], momentum: 0.05)
    }
    for (value, wanted) in zip(network.statistics, [3, -1, 4, 0.25] as [Float]) {
      #expect(abs(value - wanted) < 0.1 * max(1, wanted))
    }
  }

  @Test func initialWeightsDependOnTheSeedAlone() throws {
    let a = try Network(Self.spec, seed: 1)
    #expect(try Network(Self.spec, seed: 1).parameters == a.parameters)
    #expect(try Network(Self.spec, seed: 2).parameters != a.parameters)
    let weight = a.plan.parameters.entries[0]
    #expect(weight.name == "c1.weight" && weight.shape == [6, 3, 3, 3])
    let bound = (6 / Float(3 * 9 + 6 * 9)).squareRoot()
    #expect(a.parameters[weight.range].allSatisfy { abs($0) <= bound })
    #expect(a.parameters[weight.range].contains { abs($0) > 0.8 * bound })
  }

  @Test(
    arguments: [
      ([], "1 to 256 layers"),
      ([.dropout(rate: 1)], "dropout rate"),
      ([.dropout(rate: .nan)], "dropout rate"),
      ([.convolution(name: "c", channels: 0, kernel: 3)], "channels"),
      ([.convolution(name: "c", channels: 1, kernel: 9)], "does not fit"),
      ([.convolution(name: "c", channels: 1, kernel: 99)], "kernel 99"),
      ([.convolution(name: "c", channels: 1, kernel: 3, stride: 0)], "stride 0"),
      ([.convolution(name: "c", channels: 1, kernel: 3, padding: 3)], "padding 3"),
      ([.transposedConvolution(name: "c", channels: 1, kernel: 2, padding: -1)], "padding -1"),
      ([.fullyConnected(name: "f", channels: .max)], "channels"),
      ([.fullyConnected(name: "", channels: 1)], "name"),
      ([.batchNormalization(name: "n"), .batchNormalization(name: "n")], "twice"),
      ([.maxPooling(kernel: 9, stride: 1)], "does not fit"),
      (
        [
          .fullyConnected(name: "a", channels: 65_536),
          .fullyConnected(name: "b", channels: 65_536),
        ], "parameters exceed"
      ),
      (NetworkTests.growing, "outside"),
    ] as [([LayerSpec], String)])
  func impossibleDescriptionsAreRefused(_ layers: [LayerSpec], _ reason: String) throws {
    let spec = NetworkSpec(input: FeatureShape(channels: 3, height: 8, width: 8), layers: layers)
    let error = try #require(throws: NetsError.self) { try NetworkPlan(spec) }
    #expect(error.code == .invalidSpec)
    #expect(error.message.contains(reason), "\(error.message)")
  }

  @Test func hugeInputsAreRefused() throws {
    for shape in [(0, 8, 8), (3, 0, 8), (3, 8, .max), (65_536, 4_096, 4_096)] {
      let spec = NetworkSpec(
        input: FeatureShape(channels: shape.0, height: shape.1, width: shape.2), layers: [.relu])
      #expect(throws: NetsError.self) { try NetworkPlan(spec) }
    }
  }
}
