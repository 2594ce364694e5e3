import ThumbprintCodes
import ThumbprintNets

/// The shape of a network that makes feature codes: convolutions of VGG's kind, which are fixed, and
/// a head of `fc6` with ReLU and `fc7` whose 4096 outputs become bits by their signs ("VGG-2").
///
/// Source: Zhang, Liu, Li, "Deep network-based image coding for simultaneous compression and
/// retrieval", ICIP 2017, section 2.2.
public struct FeatureDescription: Sendable, Codable, Equatable {
  /// What of the convolutions' last activations goes on.
  public enum Pooling: String, Sendable, Codable, CaseIterable {
    /// All of them, as in VGG.
    case flat
    /// Means over quarters and whole of the picture, then their principal components, scaled down
    /// where they vary most. Needs far fewer examples than training on all activations does.
    case pyramid
  }

  public let convolutions: VGGDescription
  public let pooling: Pooling
  /// Principal components kept by ``Pooling/pyramid``; 0 for ``Pooling/flat``.
  public let componentCount: Int
  /// Outputs of `fc6`.
  public let hiddenCount: Int

  public init(
    convolutions: VGGDescription, pooling: Pooling = .pyramid, componentCount: Int = 256,
    hiddenCount: Int = 1_024
  ) {
    self.convolutions = convolutions
    self.pooling = pooling
    self.componentCount = pooling == .flat ? 0 : componentCount
    self.hiddenCount = hiddenCount
  }

  /// Numbers that describe one picture before the head.
  func descriptorCount(_ activations: FeatureShape) -> Int {
    pooling == .flat ? activations.count : PoolingPyramid.countPerChannel * activations.channels
  }

  /// The layers from the descriptor to the bits.
  func head(descriptorCount: Int) -> NetworkSpec {
    var layers: [LayerSpec] = []
    if pooling == .pyramid {
      layers.append(.fullyConnected(name: "projection", channels: componentCount))
    }
    return NetworkSpec(
      input: FeatureShape(channels: descriptorCount, height: 1, width: 1),
      layers: layers + [
        .fullyConnected(name: "fc6", channels: hiddenCount), .relu,
        .fullyConnected(name: "fc7", channels: FeatureCode.bitCount),
        .binarizer(.deterministic),
      ])
  }

  /// The layers that learn, from what goes into `fc6` to values whose signs are the bits.
  ///
  /// - Parameters:
  ///   - inputCount: Numbers that go in: those of the projection, if there is one.
  ///   - dropout: The share of `fc6` that is left out.
  ///   - bits: What stands for the signs while the network learns.
  func learner(inputCount: Int, dropout: Float, bits: LayerSpec? = .tanh) -> NetworkSpec {
    NetworkSpec(
      input: FeatureShape(channels: inputCount, height: 1, width: 1),
      layers: [
        .fullyConnected(name: "fc6", channels: hiddenCount), .relu, .dropout(rate: dropout),
        .fullyConnected(name: "fc7", channels: FeatureCode.bitCount),
      ] + (bits.map { [$0] } ?? []))
  }

  /// Writes the descriptors of images whose last activations are given in CNHW.
  func describe(
    _ activations: UnsafePointer<Float>, _ shape: FeatureShape, imageCount: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    switch pooling {
    case .flat: ImageOrder.separate(activations, shape, imageCount: imageCount, into: target)
    case .pyramid:
      PoolingPyramid.compute(activations, shape, imageCount: imageCount, into: target)
    }
  }
}
