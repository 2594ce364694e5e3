import Foundation
import Testing
import ThumbprintNets

@Suite struct VGGTests {
  static let small = VGGDescription(
    side: 8, blocks: [[2], [3, 3]], poolsLastBlock: true, preprocessing: .caffe)
  /// Our names and those of others, in the order of the layers.
  static let names: [(ours: String, torchvision: String, timm: String)] = [
    ("conv1_1", "features.0", "features.0"), ("conv2_1", "features.3", "features.3"),
    ("conv2_2", "features.5", "features.5"), ("fc6", "classifier.0", "pre_logits.fc1"),
    ("fc7", "classifier.3", "pre_logits.fc2"), ("fc8", "classifier.6", "head.fc"),
  ]

  private func network(seed: UInt64) throws -> Network {
    try Network(Self.small.classifier(hiddenCount: 5, classCount: 4), seed: seed)
  }

  /// A network's tensors under other names.
  private func renamed(
    _ network: Network, _ name: (String) -> String?
  ) -> [(name: String, tensor: Tensor)] {
    network.tensors().compactMap { tensor in
      let parts = tensor.name.split(separator: ".")
      return name(String(parts[0])).map { ("\($0).\(parts[1])", tensor.tensor) }
    }
  }

  @Test func configurationEHasItsKnownSize() throws {
    let plan = try NetworkPlan(VGGDescription.vgg19.classifier())
    #expect(plan.parameters.count == 143_667_240)
    #expect(plan.multiplicationCount == 19_632_062_464)
    #expect(plan.output.channels == 1_000)
    let lower = try NetworkPlan(VGGDescription.vgg19Lower.convolutions)
    #expect(lower.output == FeatureShape(channels: 256, height: 16, width: 16))
    #expect(lower.parameters.entries.map(\.name).contains("conv3_4.weight"))
  }

  @Test func usualNamesAreKnown() throws {
    let source = try network(seed: 1)
    try withTemporaryFolder { folder in
      let path = folder + "/a.safetensors"
      for kind in 0..<3 {
        let tensors = renamed(source) { ours in
          Self.names.first { $0.ours == ours }.map {
            kind == 0 ? $0.ours : kind == 1 ? $0.torchvision : $0.timm
          }
        }.map { tensor in
          // timm keeps the first two matrices as convolutions.
          let isMatrix =
            kind == 2 && tensor.name.hasPrefix("pre_logits")
            && tensor.tensor.shape.count == 2
          let side = tensor.name.contains("fc1") ? 2 : 1
          return !isMatrix
            ? tensor
            : (
              tensor.name,
              Tensor(
                shape: [
                  tensor.tensor.shape[0], tensor.tensor.shape[1] / (side * side), side, side,
                ], values: tensor.tensor.values)
            )
        }
        try SafetensorsWriter.write(tensors, to: path)
        var loaded = try network(seed: 2)
        try loaded.loadVGG(Self.small, from: SafetensorsFile(path: path))
        #expect(loaded.parameters == source.parameters, "kind \(kind)")
      }
    }
  }

  @Test func whatIsMissingOrDoesNotFitIsNamed() throws {
    let source = try network(seed: 1)
    try withTemporaryFolder { folder in
      let path = folder + "/a.safetensors"
      func expect(
        _ code: NetsError.Code, _ words: String, _ tensors: [(name: String, tensor: Tensor)]
      ) throws {
        try SafetensorsWriter.write(tensors, to: path)
        var loaded = try network(seed: 2)
        let before = loaded.parameters
        do throws(NetsError) {
          try loaded.loadVGG(Self.small, from: SafetensorsFile(path: path))
          Issue.record("\(words): accepted")
        } catch {
          #expect(error.code == code && error.path == path, "\(error)")
          #expect(error.message.contains(words), "\(error)")
          #expect(!error.message.contains("\n"))
        }
        #expect(loaded.parameters == before)
      }
      let all = source.tensors()
      try expect(
        .missingTensor,
        "there is no 'fc6.weight' (classifier.0.weight, pre_logits.fc1.weight), "
          + "and 5 more are missing",
        renamed(source) { ours in
          ours.hasPrefix("conv")
            ? Self.names.first { $0.ours == ours }?.torchvision : nil
        })
      try expect(
        .wrongShape, "'conv1_1.weight' has the shape [2, 27]",
        [("conv1_1.weight", Tensor(shape: [2, 27], values: all[0].tensor.values))]
          + all.dropFirst())
      var broken = all
      broken[3].tensor.values[0] = .nan
      try expect(.malformedFile, "not a finite number", broken)
    }
  }

  @Test func descriptionsThatMakeNoNetworkAreRefused() {
    func refused(_ description: VGGDescription) -> Bool {
      do throws(NetsError) {
        try description.check()
        return false
      } catch {
        return error.code == .invalidSpec
      }
    }
    let fine = VGGDescription.Preprocessing.symmetric
    #expect(
      refused(VGGDescription(side: 8, blocks: [], poolsLastBlock: true, preprocessing: fine)))
    #expect(
      refused(
        VGGDescription(side: 8, blocks: [[2], []], poolsLastBlock: true, preprocessing: fine))
    )
    #expect(
      refused(
        VGGDescription(
          side: 4, blocks: [[2], [2], [2]], poolsLastBlock: true, preprocessing: fine)))
    #expect(
      refused(
        VGGDescription(
          side: 8, blocks: [[2]], poolsLastBlock: true,
          preprocessing: .init(isBlueFirst: true, means: [0, 0, 0], deviations: [1, 0, 1]))))
    #expect(!refused(Self.small) && !refused(.compact))
  }
}
