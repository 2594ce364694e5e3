import ThumbprintCodes
import ThumbprintNets

/// The shape of an image codec: four residual stages of 128 bits, each an encoder of three
/// convolutions and a binariser, and a decoder of three transposed convolutions.
///
/// Source: Zhang, Liu, Li, "Deep network-based image coding for simultaneous compression and
/// retrieval", ICIP 2017, after Toderici and others, ICLR 2016.
public struct CodecSpec: Sendable, Codable, Equatable {
  /// Stages: 4.
  public static let stageCount = 4
  /// Bits of one stage: 128.
  public static let stageBitCount = ImageCode.bitCount / stageCount
  /// Bytes of one stage: 16.
  public static let stageByteCount = ImageCode.byteCount / stageCount

  static let picture = FeatureShape(
    channels: 3, height: Thumbnails.side, width: Thumbnails.side)

  /// What the bits of a stage look at.
  public enum Bottleneck: String, Sendable, Codable {
    /// 8 channels of 4×4, by kernels of 3 or 4 and a stride of 2: each bit belongs to a place of the
    /// picture, and all places share weights.
    case grid
    /// 128 channels of 1×1, by kernels of 32, 1 and 1: each bit looks at the whole picture, so that
    /// what places have in common is coded once. A third of the multiplications of ``grid``, and
    /// fifteen times the weights.
    case whole
  }

  /// Channels of the decoders next to the picture (``Bottleneck/grid``: at 16×16) and next to the
  /// bits (at 8×8).
  public let outerChannels: Int
  public let innerChannels: Int
  /// The same of the encoders.
  public let encoderOuterChannels: Int
  public let encoderInnerChannels: Int
  /// How the binarisers pass gradients in training.
  public let binarizer: BinarizerMode
  public let bottleneck: Bottleneck

  public init(
    outerChannels: Int = 32, innerChannels: Int = 64, encoderOuterChannels: Int? = nil,
    encoderInnerChannels: Int? = nil, binarizer: BinarizerMode = .deterministic,
    bottleneck: Bottleneck = .grid
  ) {
    self.encoderOuterChannels = encoderOuterChannels ?? outerChannels
    self.encoderInnerChannels = encoderInnerChannels ?? innerChannels
    self.bottleneck = bottleneck
    self.outerChannels = outerChannels
    self.innerChannels = innerChannels
    self.binarizer = binarizer
  }

  /// The shape of a stage's bits.
  var bits: FeatureShape {
    switch bottleneck {
    case .grid: FeatureShape(channels: Self.stageBitCount / 16, height: 4, width: 4)
    case .whole: FeatureShape(channels: Self.stageBitCount, height: 1, width: 1)
    }
  }

  /// Kernel, stride and padding of the three layers, from the picture to the bits.
  private func kernels(transposed: Bool) -> [(kernel: Int, stride: Int, padding: Int)] {
    switch bottleneck {
    case .grid: Array(repeating: (transposed ? 4 : 3, 2, 1), count: 3)
    case .whole: [(Thumbnails.side, 1, 0), (1, 1, 0), (1, 1, 0)]
    }
  }

  var encoder: NetworkSpec {
    let channels = [encoderOuterChannels, encoderInnerChannels, bits.channels]
    let convolutions = zip(channels, kernels(transposed: false)).enumerated().map {
      LayerSpec.convolution(
        name: "conv\($0 + 1)", channels: $1.0, kernel: $1.1.kernel, stride: $1.1.stride,
        padding: $1.1.padding)
    }
    return NetworkSpec(
      input: Self.picture,
      layers: [
        convolutions[0], .relu, convolutions[1], .relu, convolutions[2], .binarizer(binarizer),
      ])
  }

  var decoder: NetworkSpec {
    let channels = [innerChannels, outerChannels, Self.picture.channels]
    let convolutions = zip(channels, kernels(transposed: true).reversed()).enumerated().map {
      LayerSpec.transposedConvolution(
        name: "deconv\($0 + 1)", channels: $1.0, kernel: $1.1.kernel, stride: $1.1.stride,
        padding: $1.1.padding)
    }
    return NetworkSpec(
      input: bits, layers: [convolutions[0], .relu, convolutions[1], .relu, convolutions[2]])
  }
}
