/// A convolutional network of the construction of VGG: blocks of 3×3 convolutions with ReLU, each
/// block but perhaps the last followed by 2×2 max pooling. Any blocks, any input size.
///
/// Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
/// recognition", ICLR 2015, table 1.
public struct VGGDescription: Sendable, Codable, Equatable {
  /// How the bytes of a picture become the numbers that go in: `(byte − mean) / deviation`.
  public struct Preprocessing: Sendable, Codable, Equatable {
    /// Whether blue comes first, as in the networks that Caffe trained.
    public let isBlueFirst: Bool
    /// Subtracted from the bytes, in the order of the channels that go in.
    public let means: [Float]
    /// Then divided by.
    public let deviations: [Float]

    public init(isBlueFirst: Bool, means: [Float], deviations: [Float]) {
      self.isBlueFirst = isBlueFirst
      self.means = means
      self.deviations = deviations
    }

    /// What the authors of VGG trained with: blue first, 0…255 less the mean colour of ImageNet.
    public static let caffe = Preprocessing(
      isBlueFirst: true, means: [103.939, 116.779, 123.68], deviations: [1, 1, 1])
    /// What torchvision and timm trained with: red first, 0…1, normalised by ImageNet's colours.
    public static let torchvision = Preprocessing(
      isBlueFirst: false, means: [123.675, 116.28, 103.53], deviations: [58.395, 57.12, 57.375])
    /// Red first, spread over −1…1.
    public static let symmetric = Preprocessing(
      isBlueFirst: false, means: [127.5, 127.5, 127.5], deviations: [127.5, 127.5, 127.5])
  }

  /// Rows and columns of a picture that goes in.
  public let side: Int
  /// The channels of each convolution, block by block.
  public let blocks: [[Int]]
  /// Whether the last block is pooled too.
  public let poolsLastBlock: Bool
  /// Whether every convolution is followed by batch normalisation.
  public let isNormalized: Bool
  public let preprocessing: Preprocessing

  public init(
    side: Int, blocks: [[Int]], poolsLastBlock: Bool, isNormalized: Bool = false,
    preprocessing: Preprocessing
  ) {
    self.side = side
    self.blocks = blocks
    self.poolsLastBlock = poolsLastBlock
    self.isNormalized = isNormalized
    self.preprocessing = preprocessing
  }

  /// VGG-19, configuration E, at 224×224.
  public static let vgg19 = VGGDescription(
    side: 224,
    blocks: [
      [64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512], [512, 512, 512, 512],
    ], poolsLastBlock: true, preprocessing: .caffe)

  /// VGG-19 up to its eighth convolution, conv3_4, at 64×64: what the first 9 MB of its weights
  /// can do.
  public static let vgg19Lower = VGGDescription(
    side: 64, blocks: [[64, 64], [128, 128], [256, 256, 256, 256]], poolsLastBlock: false,
    preprocessing: .caffe)

  /// The small network that is trained here, for machines and data like ours: 98 million
  /// multiplications a picture.
  public static let compact = VGGDescription(
    side: 64, blocks: [[32], [64], [128, 128], [256]], poolsLastBlock: false, isNormalized: true,
    preprocessing: .symmetric)

  /// The same without batch normalisation: what folding leaves.
  public var folded: VGGDescription {
    VGGDescription(
      side: side, blocks: blocks, poolsLastBlock: poolsLastBlock, preprocessing: preprocessing)
  }

  /// What goes in.
  public var input: FeatureShape { FeatureShape(channels: 3, height: side, width: side) }

  /// The layers, the convolutions named as in the paper: `conv1_1`, `conv1_2`, `conv2_1` …
  public var convolutions: NetworkSpec {
    var layers: [LayerSpec] = []
    for (b, block) in blocks.enumerated() {
      for (c, channels) in block.enumerated() {
        let name = "\(b + 1)_\(c + 1)"
        layers.append(
          .convolution(
            name: "conv\(name)", channels: channels, kernel: 3, padding: 1, bias: !isNormalized))
        if isNormalized { layers.append(.batchNormalization(name: "norm\(name)")) }
        layers.append(.relu)
      }
      if b + 1 < blocks.count || poolsLastBlock {
        layers.append(.maxPooling(kernel: 2, stride: 2))
      }
    }
    return NetworkSpec(input: input, layers: layers)
  }

  /// The whole network for classification: `fc6` and `fc7` with ReLU and dropout, `fc8`.
  public func classifier(hiddenCount: Int = 4_096, classCount: Int = 1_000) -> NetworkSpec {
    NetworkSpec(
      input: input,
      layers: convolutions.layers + [
        .fullyConnected(name: "fc6", channels: hiddenCount), .relu, .dropout(rate: 0.5),
        .fullyConnected(name: "fc7", channels: hiddenCount), .relu, .dropout(rate: 0.5),
        .fullyConnected(name: "fc8", channels: classCount),
      ])
  }

  /// Throws unless the description makes a network.
  ///
  /// - Throws: ``NetsError/Code/invalidSpec`` naming what is out of range.
  public func check() throws(NetsError) {
    guard preprocessing.means.count == 3, preprocessing.deviations.count == 3,
      (preprocessing.means + preprocessing.deviations).allSatisfy(\.isFinite),
      preprocessing.deviations.allSatisfy({ $0 > 0 })
    else {
      throw NetsError(
        .invalidSpec, "preprocessing: three means and three deviations above 0 are needed")
    }
    guard !blocks.isEmpty, blocks.allSatisfy({ !$0.isEmpty }) else {
      throw NetsError(.invalidSpec, "a network of VGG's kind has blocks, and blocks convolutions")
    }
    _ = try NetworkPlan(convolutions)
  }
}
