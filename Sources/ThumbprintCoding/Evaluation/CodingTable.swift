import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Table 1 of the paper for one set of pictures: what JPEG, the codec and the baseline without
/// networks make of thumbnails, in bytes and decibels.
public struct CodingTable: Sendable, Codable {
  public struct Row: Sendable, Codable {
    public let method: String
    /// The mean of bytes a picture.
    public let meanByteCount: Double
    /// The mean of the pictures' peak signal-to-noise ratios, in decibels.
    public let meanPSNR: Double

    /// Bytes of an uncoded thumbnail for each byte.
    public var ratio: Double { Double(Thumbnails.byteCount) / meanByteCount }
  }

  public let pictureCount: Int
  public let rows: [Row]

  /// The quality of JPEG in the paper.
  public static let jpegQuality = 8

  /// Codes the pictures in all ways.
  ///
  /// - Parameters:
  ///   - search: Adds rows for codes that were searched.
  ///   - baseline: Adds rows for it.
  public init(
    _ pictures: Thumbnails, codec: Codec, search: CodeSearch?, baseline: PrincipalQuantizer?,
    threadCount: Int
  ) throws {
    pictureCount = pictures.count
    var rows = try Self.jpegRows(pictures, threadCount: threadCount)
    let byteCounts = (1...CodecSpec.stageCount).map { $0 * CodecSpec.stageByteCount }
    if let baseline {
      for byteCount in byteCounts {
        let decoded = baseline.reconstruct(pictures, byteCount: byteCount)
        rows.append(
          Row(
            method: "PCA + Lloyd-Max", meanByteCount: Double(byteCount),
            meanPSNR: pictures.meanPSNR(decoded)))
      }
    }
    var searches: [(String, CodeSearch?)] = [("codec", nil)]
    if let search { searches.append(("codec, searched", search)) }
    for (method, search) in searches {
      let evaluation = try codec.evaluate(pictures, search: search, threadCount: threadCount)
      rows += evaluation.rows.map {
        Row(method: method, meanByteCount: Double($0.byteCount), meanPSNR: $0.meanPSNR)
      }
    }
    self.rows = rows
  }

  private static func jpegRows(_ pictures: Thumbnails, threadCount: Int) throws -> [Row] {
    let results = try PictureLoader.read(
      (0..<pictures.count).map(String.init), threadCount: threadCount
    ) { text in
      let picture = pictures[Int(text) ?? 0]
      let file = try picture.jpeg(quality: jpegQuality)
      return (
        file.count, JPEGScan.byteCount(of: file),
        PictureQuality.psnr(try PictureReader.decode(file), picture)
      )
    }
    let count = Double(max(1, results.count))
    let psnr = results.reduce(0) { $0 + $1.2 } / count
    return [
      Row(
        method: "JPEG quality 8, whole file",
        meanByteCount: Double(results.reduce(0) { $0 + $1.0 }) / count, meanPSNR: psnr),
      Row(
        method: "JPEG quality 8, without headers",
        meanByteCount: Double(results.reduce(0) { $0 + $1.1 }) / count, meanPSNR: psnr),
    ]
  }
}

extension Thumbnails {
  /// The mean of the peak signal-to-noise ratios of these pictures and as many others.
  func meanPSNR(_ others: Thumbnails) -> Double {
    precondition(count == others.count && count > 0, "\(count) and \(others.count) pictures")
    return (0..<count).reduce(0) { $0 + Self.psnr(self, $1, others, $1) } / Double(count)
  }
}
