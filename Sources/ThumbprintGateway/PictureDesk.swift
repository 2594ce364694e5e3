import Dispatch
import Synchronization
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintWire

/// Codes pictures and decodes image codes, on a thread of its own, one after another.
public final class PictureDesk: Sendable {
  public let identity: CoderIdentity
  /// The identity of codes whose pictures this model shows, beside its own: it codes no features.
  public let imageIdentity: CoderIdentity
  /// Whether the model makes the codes that pictures are found by.
  public let hasFeatures: Bool

  private let model: Model
  private let queue = DispatchQueue(label: "thumbprint.pictures", qos: .userInitiated)
  private let waiting = Atomic(0)

  /// - Throws: What reading a model throws, naming the path.
  public init(modelPath: String) throws {
    model = try Model(path: modelPath)
    identity = model.identity
    imageIdentity = try Model(codec: model.codec, features: nil).identity
    hasFeatures = model.features != nil
  }

  /// Codes a PNG or JPEG file.
  func code(_ file: [UInt8]) async throws -> (feature: FeatureCode, image: ImageCode) {
    guard let features = model.features else {
      throw ServiceError(.unavailable, "the model of this coordinator makes no feature codes")
    }
    return try await run { [model] in
      let picture: Picture
      do throws(ImagesError) {
        picture = try PictureReader.decode(
          file, sideMin: max(Thumbnails.side, features.inputSide),
          limits: DecodingLimits(
            fileByteCountMax: GatewayLimits.pictureByteCountMax,
            pixelCountMax: GatewayLimits.pixelCountMax))
      } catch {
        throw ServiceError(
          error.code == .tooLarge ? .tooLarge : .invalid, "the picture: \(error.message)")
      }
      return (features.encode(picture), model.codec.encode(picture))
    }
  }

  /// The picture of the first bytes of an image code, as a PNG file.
  func png(_ code: ImageCode, byteCount: Int) async throws -> [UInt8] {
    try await run { [model] in
      try model.codec.decode(code, byteCount: byteCount).png()
    }
  }

  private func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    let count = waiting.add(1, ordering: .relaxed).newValue
    defer { waiting.subtract(1, ordering: .relaxed) }
    guard count <= GatewayLimits.waitingCountMax else {
      throw ServiceError(
        .busy, "\(GatewayLimits.waitingCountMax) pictures wait already", hint: "ask again later")
    }
    return try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result { try body() }) }
    }
  }
}
