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
  /// Bits of one stage: 128, in 8 channels of 4×4.
  public static let stageBitCount = ImageCode.bitCount / stageCount
  /// Bytes of one stage: 16.
  public static let stageByteCount = ImageCode.byteCount / stageCount

  static let picture = FeatureShape(
    channels: 3, height: Thumbnails.side, width: Thumbnails.side)
  static let bits = FeatureShape(channels: 8, height: 4, width: 4)

  /// Channels next to the picture (at 16×16) and next to the bits (at 8×8).
  public let outerChannels: Int
  public let innerChannels: Int
  /// How the binarisers pass gradients in training.
  public let binarizer: BinarizerMode

  public init(
    outerChannels: Int = 32, innerChannels: Int = 64, binarizer: BinarizerMode = .deterministic
  ) {
    self.outerChannels = outerChannels
    self.innerChannels = innerChannels
    self.binarizer = binarizer
  }

  var encoder: NetworkSpec {
    NetworkSpec(
      input: Self.picture,
      layers: [
        .convolution(name: "conv1", channels: outerChannels, kernel: 3, stride: 2, padding: 1),
        .relu,
        .convolution(name: "conv2", channels: innerChannels, kernel: 3, stride: 2, padding: 1),
        .relu,
        .convolution(
          name: "conv3", channels: Self.bits.channels, kernel: 3, stride: 2, padding: 1),
        .binarizer(binarizer),
      ])
  }

  var decoder: NetworkSpec {
    NetworkSpec(
      input: Self.bits,
      layers: [
        .transposedConvolution(
          name: "deconv1", channels: innerChannels, kernel: 4, stride: 2, padding: 1),
        .relu,
        .transposedConvolution(
          name: "deconv2", channels: outerChannels, kernel: 4, stride: 2, padding: 1),
        .relu,
        .transposedConvolution(
          name: "deconv3", channels: Self.picture.channels, kernel: 4, stride: 2, padding: 1),
      ])
  }
}
