import Foundation

/// What `dataset.json` says about a dataset that was written whole.
public struct DatasetManifest: Hashable, Sendable {
  /// The value of `format` in every manifest.
  public static let format = "thumbprint-dataset"
  /// The version that is written, and the only one that is read.
  public static let version = 1
  /// The most bytes of the file.
  public static let byteCountMax = 64 * 1024
  /// The most bytes of ``createdBy``.
  public static let createdByByteCountMax = 256

  /// The networks that made the codes, if that is known.
  public var coder: CoderIdentity?
  /// The number of records.
  public var count: Int
  /// The digest of the records.
  public var digest: RecordDigest
  /// The program that wrote the dataset, with its version; for people.
  public var createdBy: String

  public init(coder: CoderIdentity?, count: Int, digest: RecordDigest, createdBy: String) {
    self.coder = coder
    self.count = count
    self.digest = digest
    self.createdBy = createdBy
  }

  init(path: String) throws(CodedDatasetError) {
    let file = try MappedFile(path: path)
    let data = try file.withBytes { bytes throws(CodedDatasetError) in
      guard bytes.count <= Self.byteCountMax else {
        throw CodedDatasetError(
          .tooLarge, path: path,
          "expected at most \(Self.byteCountMax) bytes, found \(bytes.count)")
      }
      return Data(bytes)
    }
    do {
      let head = try JSONDecoder().decode(Head.self, from: data)
      guard head.format == Self.format else {
        throw CodedDatasetError(
          .malformed, path: path, "expected \"format\" to be \"\(Self.format)\", found another")
      }
      guard head.version == Self.version else {
        throw CodedDatasetError(
          .unsupportedVersion, path: path,
          "expected version \(Self.version) of the dataset format, found \(head.version)")
      }
      self = try JSONDecoder().decode(DatasetManifest.self, from: data)
    } catch let error as CodedDatasetError {
      throw error
    } catch {
      throw CodedDatasetError(.malformed, path: path, String(Self.explain(error).prefix(200)))
    }
    guard count >= 0 else {
      throw CodedDatasetError(
        .malformed, path: path, "expected a \"count\" from 0 on, found \(count)")
    }
    guard createdBy.utf8.count <= Self.createdByByteCountMax else {
      throw CodedDatasetError(
        .tooLarge, path: path,
        "expected at most \(Self.createdByByteCountMax) bytes in \"createdBy\", "
          + "found \(createdBy.utf8.count)")
    }
  }

  /// The text of the file.
  func encoded() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("numbers and text always have a form in JSON")
    }
    return Array(data) + [0x0A]
  }

  /// The part that every version has.
  private struct Head: Decodable {
    var format: String
    var version: Int
  }

  private static func explain(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "not JSON" }
    func name(_ path: [any CodingKey]) -> String {
      path.isEmpty ? "the whole" : "\"\(path.map(\.stringValue).joined(separator: "."))\""
    }
    switch error {
    case .keyNotFound(let key, _): return "no \"\(key.stringValue)\""
    case .valueNotFound(_, let context): return "\(name(context.codingPath)) is null"
    case .typeMismatch(let type, let context):
      return "\(name(context.codingPath)) is not of type \(type)"
    case .dataCorrupted(let context):
      return context.codingPath.isEmpty
        ? "not JSON" : "\(name(context.codingPath)): \(context.debugDescription)"
    @unknown default: return "not a manifest"
    }
  }
}

extension DatasetManifest: Codable {
  private enum CodingKeys: String, CodingKey {
    case format, version, coder, count, digest, createdBy
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    coder = try container.decodeIfPresent(CoderIdentity.self, forKey: .coder)
    count = try container.decode(Int.self, forKey: .count)
    digest = try container.decode(RecordDigest.self, forKey: .digest)
    createdBy = try container.decode(String.self, forKey: .createdBy)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.format, forKey: .format)
    try container.encode(Self.version, forKey: .version)
    try container.encode(coder, forKey: .coder)
    try container.encode(count, forKey: .count)
    try container.encode(digest, forKey: .digest)
    try container.encode(createdBy, forKey: .createdBy)
  }
}
