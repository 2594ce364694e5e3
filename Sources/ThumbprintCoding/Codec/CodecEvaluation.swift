import ThumbprintCodes
import ThumbprintNets

/// What a codec does to pictures.
public struct CodecEvaluation: Sendable, Codable, Equatable {
  public struct Row: Sendable, Codable, Equatable {
    /// Bytes of each code that were decoded.
    public let byteCount: Int
    /// The mean of the pictures' peak signal-to-noise ratios, in decibels.
    public let meanPSNR: Double
  }

  public let pictureCount: Int
  /// For 16, 32, 48 and 64 bytes.
  public let rows: [Row]
  /// The mean over bits of a bit's entropy, `0...1`: 1 if each is set in half of the codes.
  public let meanBitEntropy: Double

  /// The mean ratio of whole codes.
  public var psnr: Double { rows[rows.count - 1].meanPSNR }
}

extension Codec {
  /// Codes and decodes pictures and says how near the results are.
  ///
  /// - Throws: ``CodingError/Code/noPictures`` if there are none.
  public func evaluate(
    _ pictures: Thumbnails, search: CodeSearch? = nil, threadCount: Int = 1
  ) throws(CodingError) -> CodecEvaluation {
    guard pictures.count > 0 else {
      throw CodingError(.noPictures, "there are no pictures to evaluate on")
    }
    let codes = encode(pictures, search: search, threadCount: threadCount)
    let rows = (1...CodecSpec.stageCount).map { stage in
      let byteCount = stage * CodecSpec.stageByteCount
      let decoded = decode(codes, byteCount: byteCount, threadCount: threadCount)
      let sum = (0..<pictures.count).reduce(0) {
        $0 + Thumbnails.psnr(pictures, $1, decoded, $1)
      }
      return CodecEvaluation.Row(
        byteCount: byteCount, meanPSNR: sum / Double(pictures.count))
    }
    let entropies = (0..<ImageCode.bitCount).map { bit in
      PictureQuality.entropy(Double(codes.count { $0[bit] }) / Double(codes.count))
    }
    return CodecEvaluation(
      pictureCount: pictures.count, rows: rows,
      meanBitEntropy: entropies.reduce(0, +) / Double(entropies.count))
  }
}

extension Codec {
  /// Bytes of weights, as 32-bit floats, that coding and decoding one picture reads: all encoders
  /// and all decoders but the last; all decoders.
  public var weightByteCounts: (encode: Int, decode: Int) {
    func bytes(_ networks: [Network]) -> Int {
      networks.reduce(0) { $0 + 4 * $1.parameters.count }
    }
    return (
      bytes(stages.map(\.encoder)) + bytes(stages.dropLast().map(\.decoder)),
      bytes(stages.map(\.decoder))
    )
  }
}

extension PictureQuality {
  /// The entropy in bits of a bit that is set with probability `p`.
  static func entropy(_ p: Double) -> Double {
    p <= 0 || p >= 1 ? 0 : -p * binaryLogarithm(p) - (1 - p) * binaryLogarithm(1 - p)
  }
}
