import Foundation
import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// What a model made of one generated picture, kept in its file, so that any machine can show that
/// it makes the same codes.
///
/// Networks answer with the same bits on every processor (`InferenceNetwork`). A later version may
/// add in another order, and a bit whose network answers almost 0 may then turn: a comparison allows
/// ``flippedBitShareMax``.
public struct GoldenCode: Sendable, Equatable {
  public let image: ImageCode
  /// `nil` if the model has no feature network.
  public let feature: FeatureCode?

  /// Pictures that are generated: 16.
  public static let count = 16
  /// The share of bits that may differ between versions: 1 in 500.
  public static let flippedBitShareMax = 0.002

  /// Picture `number`: 96×64 pixels of soft waves and blobs in colours, some noise; by integers, so
  /// that every machine draws the same.
  public static func picture(_ number: Int) -> Picture {
    let (width, height) = (96, 64)
    var random = NetRandom(0x676F_6C64, UInt64(number))
    var blobs: [(x: Int, y: Int, size: Int, color: [Int])] = []
    for _ in 0..<6 {
      blobs.append(
        (
          random.integer(below: width), random.integer(below: height),
          80 + random.integer(below: 900),
          (0..<3).map { _ in random.integer(below: 256) }
        ))
    }
    let sky = (0..<3).map { _ in random.integer(below: 256) }
    let ground = (0..<3).map { _ in random.integer(below: 256) }
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        var color = (0..<3).map { (sky[$0] * (height - y) + ground[$0] * y) / height }
        for blob in blobs {
          let distance = (x - blob.x) * (x - blob.x) + (y - blob.y) * (y - blob.y)
          guard distance < blob.size else { continue }
          let weight = 256 * (blob.size - distance) / blob.size
          color = (0..<3).map { (color[$0] * (256 - weight) + blob.color[$0] * weight) / 256 }
        }
        let noise = random.integer(below: 17) - 8
        pixels += color.map { UInt8(min(255, max(0, $0 + noise))) }
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  /// The base64 of the codes one after another.
  static func text(_ codes: [GoldenCode]) -> String {
    var bytes: [UInt8] = []
    for code in codes {
      code.image.withUnsafeBytes { bytes += $0 }
      code.feature?.withUnsafeBytes { bytes += $0 }
    }
    return Data(bytes).base64EncodedString()
  }

  static func parse(
    _ text: String, hasFeatures: Bool, path: String
  ) throws(CodingError) -> [GoldenCode] {
    let size = ImageCode.byteCount + (hasFeatures ? FeatureCode.byteCount : 0)
    guard let data = Data(base64Encoded: text), data.count == count * size else {
      throw CodingError(
        .malformedModel, "its golden codes are not those of \(count) pictures", path: path)
    }
    let bytes = Array(data)
    return (0..<count).compactMap { number in
      let code = bytes[number * size..<(number + 1) * size]
      return ImageCode(code.prefix(ImageCode.byteCount)).map {
        GoldenCode(image: $0, feature: FeatureCode(code.dropFirst(ImageCode.byteCount)))
      }
    }
  }
}

extension Model {
  /// The codes of the generated pictures as this machine makes them.
  public func makeGoldenCodes() -> [GoldenCode] {
    let pictures = (0..<GoldenCode.count).map(GoldenCode.picture)
    let features = features?.encode(pictures.count) { pictures[$0] }
    return pictures.indices.map {
      GoldenCode(image: codec.encode(pictures[$0]), feature: features?[$0])
    }
  }

  /// The model with golden codes made here and now.
  public func withGoldenCodes() throws -> Model {
    try Model(codec: codec, features: features, notes: notes, goldenCodes: makeGoldenCodes())
  }

  /// Bits in which this machine's codes of the generated pictures differ from the file's, and bits
  /// in all; `nil` if the file has none.
  public func compareGoldenCodes() -> (flipped: Int, of: Int)? {
    guard !goldenCodes.isEmpty else { return nil }
    var flipped = 0
    for (ours, theirs) in zip(makeGoldenCodes(), goldenCodes) {
      for bit in 0..<ImageCode.bitCount where ours.image[bit] != theirs.image[bit] { flipped += 1 }
      guard let a = ours.feature, let b = theirs.feature else { continue }
      for bit in 0..<FeatureCode.bitCount where a[bit] != b[bit] { flipped += 1 }
    }
    let bitCount = ImageCode.bitCount + (features == nil ? 0 : FeatureCode.bitCount)
    return (flipped, goldenCodes.count * bitCount)
  }
}
