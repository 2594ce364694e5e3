import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

// The JSON of answers. Ids are texts: numbers of JSON lose digits in browsers.

struct AboutAnswer: Encodable {
  struct Model: Encodable {
    var identity: String
    var imageIdentity: String
    var codesPictures: Bool
  }

  struct Limits: Encodable {
    var recordBytes = GatewayLimits.recordsByteCountMax
    var writes = GatewayLimits.writeCountMax
    var nameBytes = RecordLimits.nameByteCountMax
    var tagBytes = RecordLimits.tagsByteCountMax
    var pictureBytes = GatewayLimits.pictureByteCountMax
    var picturePixels = GatewayLimits.pixelCountMax
    var matches = GatewayLimits.matchCountMax
    var records = GatewayLimits.recordCountMax
  }

  var version: String
  /// Absent if this coordinator codes and shows no pictures.
  var model: Model?
  /// Whether everything that would change something is refused.
  var isReadOnly: Bool
  var limits = Limits()
}

struct CollectionAnswer: Encodable {
  var name: String
  var records: Int
  var shards: Int
  var replicas: Int
  var tables: Int
  var coder: String?
  /// Seconds since 1970.
  var created: UInt64

  init(_ description: CollectionDescription) {
    name = description.name
    records = description.recordCount
    shards = description.shardCount
    replicas = description.replicationFactor
    tables = description.tableCount
    coder = description.coder?.name
    created = description.created
  }
}

struct StatsAnswer: Encodable {
  var collection: CollectionAnswer
  var digest: RecordDigest
  var shards: [ShardReport]

  init(_ result: CollectionStatsOperation.Result) {
    collection = CollectionAnswer(result.collection)
    // The primaries were asked just now, and not when they last reported.
    collection.records = result.shards.reduce(0) { $0 + $1.recordCount }
    digest = result.digest
    shards = result.shards
  }
}

struct RecordAnswer: Encodable {
  var id: String
  var name: String?
  /// 64 bytes in hexadecimal: an address of its thumbnail, and the first half of it of a coarser one.
  var image: String
  /// 512 bytes in Base64, where it was asked for.
  var feature: String?
  var tags: [String: String]?
  /// Of a match: bits in which it differs.
  var distance: Int?
}

extension RecordAnswer {
  /// All of a record.
  init(_ record: Record) {
    self.init(
      id: "\(record.id)", name: record.name, image: record.image.hexadecimal,
      feature: record.feature.base64, tags: record.tags.isEmpty ? nil : record.tags)
  }
}

struct RecordsAnswer: Encodable {
  var records: [RecordAnswer]
}

struct ScrollAnswer: Encodable {
  var records: [RecordAnswer]
  /// What the next page comes after; absent if there is none.
  var next: String?
}

struct SampleAnswer: Encodable {
  var records: [RecordAnswer]
  /// How many records they were drawn from.
  var drawnFrom: Int
  /// Whether those were all that the shards that were looked at hold.
  var isWhole: Bool
}

/// What storing did; all of it is on the disks of all replicas in sync.
struct UpsertAnswer: Encodable {
  var added: Int
  var replaced: Int
  var unchanged: Int

  init(_ counts: WriteCounts) {
    added = counts.added
    replaced = counts.replaced
    unchanged = counts.unchanged
  }
}

struct DeleteAnswer: Encodable {
  var deleted: Int
  /// Ids of which there was no record.
  var absent: Int

  init(_ counts: WriteCounts) {
    deleted = counts.deleted
    absent = counts.absent
  }
}

struct AddedAnswer: Encodable {
  var record: RecordAnswer
  var counts: UpsertAnswer
}

struct CodeAnswer: Encodable {
  var coder: String
  var feature: String
  var image: String
}

struct SearchAnswerBody: Encodable {
  struct Certificate: Encodable {
    var sentence: String
    var missProbability: Double
    var radius: UInt64
    var rowCount: UInt64
    var codesCompared: UInt64
  }

  struct Shard: Encodable {
    var shard: Int
    var milliseconds: Double
    /// The code of an error, if it was not searched.
    var failure: String?
  }

  var matches: [RecordAnswer]
  /// Bits of the codes that were compared: the distance of opposites.
  var distanceMax: Int
  var isComplete: Bool
  var certificate: Certificate?
  var shards: [Shard]
  var milliseconds: Double
}

extension ImageCode {
  var hexadecimal: String { withUnsafeBytes { Hexadecimal.text($0) } }
}

extension FeatureCode {
  var base64: String { withUnsafeBytes { Data($0).base64EncodedString() } }
}

enum Hexadecimal {
  private static let digits = Array("0123456789abcdef".utf8)

  static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  static func bytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
