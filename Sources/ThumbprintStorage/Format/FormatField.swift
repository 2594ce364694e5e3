import ThumbprintCodes
import ThumbprintIndex

/// One field of a fixed layout. The tables of `docs/formats/storage.md` are compared with these.
package struct FormatField: Sendable, Hashable {
  package let name: String
  package let offset: Int
  package let byteCount: Int

  init(_ name: String, _ offset: Int, _ byteCount: Int) {
    self.name = name
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// Every layout with its fields, in the order of the tables.
package enum FormatLayouts {
  package static let all: [(name: String, fields: [FormatField], byteCount: Int)] = [
    ("meta", MetaLayout.fields, MetaLayout.byteCount),
    ("block header", BlockLayout.fields, BlockLayout.byteCount),
    ("recent", RecentLayout.fields, RecentLayout.byteCount),
    ("segment", SegmentLayout.fields, SegmentLayout.byteCount),
    ("segment block", SegmentLayout.blockFields, SegmentLayout.blockByteCount),
    ("segment piece", SegmentLayout.pieceFields, SegmentLayout.pieceByteCount),
    ("dead rows", DeadLayout.fields, DeadLayout.byteCount),
    ("log entry", LogLayout.fields, LogLayout.byteCount),
    ("log entry of version 1", LogLayout.fieldsOfVersion1, LogLayout.byteCountOfVersion1),
    ("log payload", PayloadLayout.fields, PayloadLayout.byteCount),
    ("manifest", ManifestLayout.fields, ManifestLayout.byteCount),
    ("manifest entry", ManifestLayout.entryFields, ManifestLayout.entryHeaderByteCount),
    ("texts", TextLayout.fields, TextLayout.byteCount),
  ]

  /// The bounds of the table of limits.
  package static let limits: [(name: String, value: Int)] = [
    ("rows of a block", BlockHeader.rowCountMax),
    ("rows of a segment", IndexProfile.rowCountMax),
    ("shards of a collection", StoreLimits.shardCounts.upperBound),
    ("characters of a collection's name", StoreLimits.nameCharacterCountMax),
    ("bytes of a name", RecordLimits.nameByteCountMax),
    ("bytes of the tags of a record", RecordLimits.tagsByteCountMax),
    ("ids of one delete entry", Shard.deleteCountMax),
    ("entries of the log", LogRetention.entryCountMax),
    ("bytes of rows kept for the log alone", LogRetention.standard.retiredByteCountMax),
    ("bytes of a manifest", ShardCopyManifest.byteCountMax),
    ("bytes of an item of a copy", ShardCopyManifest.itemByteCountMax),
    ("bytes of the map of a file", LMDBEnvironment.mapByteCountMax),
  ]

  /// The meta value that the page shows.
  package static var sampleMeta: [UInt8] {
    ShardMeta(
      shardNumber: 1, shardCount: 4, tableCount: 128,
      permutationSeed: 0x0123_4567_89AB_CDEF, collectionHigh: 0x1122_3344_5566_7788,
      collectionLow: 0x99AA_BBCC_DDEE_FF00, created: 1_700_000_000, term: Term(2), sequence: 7,
      logStart: 3, logStartTerm: Term(1), promisedTerm: Term(3), recordCount: 1_000, nextBlock: 9,
      nextSegment: 2,
      digest: RecordDigest(high: 0xFEDC_BA98_7654_3210, low: 0x0F1E_2D3C_4B5A_6978),
      coder: CoderIdentity("vgg-2")
    ).encoded()
  }

  /// The header of a block that the page shows.
  package static var sampleBlockHeader: [UInt8] {
    BlockHeader(
      number: 5, rowCount: 3, flags: .names, sequence: 7, checksums: [1, 2, 3, 4, 5],
      idMin: 10, idMax: 4_000_000_000
    ).encoded()
  }
}

/// Builds a value, integers little-endian.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(byteCount: Int = 0) {
    bytes = [UInt8](repeating: 0, count: byteCount)
  }

  mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: more)
  }

  mutating func set<T: FixedWidthInteger>(_ field: FormatField, _ value: T) {
    precondition(
      field.byteCount == T.bitWidth / 8, "\(field.name) has \(field.byteCount) bytes")
    withUnsafeBytes(of: value.littleEndian) { source in
      for i in 0..<source.count { bytes[field.offset + i] = source[i] }
    }
  }

  /// The bytes with their checksum behind them.
  func checked(seed: UInt64) -> [UInt8] {
    var result = bytes
    let sum = bytes.withUnsafeBytes { Checksum.of($0, seed: seed) }
    withUnsafeBytes(of: sum.littleEndian) { result.append(contentsOf: $0) }
    return result
  }
}

extension UnsafeRawBufferPointer {
  /// The integer at `offset`, little-endian, at any alignment.
  func integer<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
    precondition(offset >= 0 && offset + T.bitWidth / 8 <= count, "no integer at \(offset)")
    return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  func integer<T: FixedWidthInteger>(_ field: FormatField, as type: T.Type = T.self) -> T {
    integer(field.offset, as: type)
  }

  /// The bytes before the checksum that ends them, or `nil` if it is not theirs.
  func unchecked(seed: UInt64) -> UnsafeRawBufferPointer? {
    guard count >= 8 else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: self[..<(count - 8)])
    return Checksum.of(payload, seed: seed) == integer(count - 8, as: UInt64.self)
      ? payload : nil
  }
}

/// The databases of a shard. The raw value is part of the format: it seeds checksums, so that
/// a value in the wrong place is seen.
package enum ShardDatabase: Int, CaseIterable, Sendable {
  case meta, log, blocks, recent, segments, pieces, dead, names, tags

  package var name: String { String(describing: self) }

  /// The seed of the checksum of the value at `number`.
  package func seed(_ number: UInt64) -> UInt64 {
    UInt64(rawValue) << 56 ^ number
  }
}

/// Keys are big-endian, so that LMDB's order of bytes is that of numbers.
enum ValueKey {
  static let meta: [UInt8] = Array("shard".utf8)

  static func number(_ number: UInt64) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }

  static func piece(_ segment: UInt64, _ piece: UInt32) -> [UInt8] {
    number(segment) + withUnsafeBytes(of: piece.bigEndian) { Array($0) }
  }

  static func number(of key: UnsafeRawBufferPointer) -> UInt64? {
    key.count == 8 ? UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)) : nil
  }

  static func piece(of key: UnsafeRawBufferPointer) -> (segment: UInt64, piece: UInt32)? {
    guard key.count == 12 else { return nil }
    return (
      UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)),
      UInt32(bigEndian: key.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    )
  }
}

/// What is wrong with a stored value; ``ShardView`` adds the file.
struct FormatError: Error {
  var place: String
  var expected: String
  var found: String

  init(
    _ place: String, expected: some CustomStringConvertible,
    found: some CustomStringConvertible
  ) {
    self.place = place
    self.expected = expected.description
    self.found = found.description
  }
}
