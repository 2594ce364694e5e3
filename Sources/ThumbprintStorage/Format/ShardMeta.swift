import ThumbprintCodes

enum MetaLayout {
  static let magic = FormatField("magic", 0, 8)
  static let version = FormatField("version", 8, 4)
  static let shardNumber = FormatField("shard number", 12, 4)
  static let shardCount = FormatField("shard count", 16, 4)
  static let tableCount = FormatField("table count", 20, 4)
  static let permutationSeed = FormatField("permutation seed", 24, 8)
  static let collectionHigh = FormatField("collection id, first half", 32, 8)
  static let collectionLow = FormatField("collection id, second half", 40, 8)
  static let created = FormatField("created", 48, 8)
  static let term = FormatField("term", 56, 8)
  static let sequence = FormatField("applied sequence", 64, 8)
  static let logStart = FormatField("log start", 72, 8)
  static let recordCount = FormatField("record count", 80, 8)
  static let nextBlock = FormatField("next block number", 88, 8)
  static let nextSegment = FormatField("next segment number", 96, 8)
  static let digestHigh = FormatField("digest, bits 64 to 127", 104, 8)
  static let digestLow = FormatField("digest, bits 0 to 63", 112, 8)
  static let coder = FormatField("coder identity", 120, 64)
  static let promisedTerm = FormatField("promised term", 184, 8)
  static let logStartTerm = FormatField("term before the log", 192, 8)
  static let checksum = FormatField("checksum", 200, 8)
  static let byteCount = 208
  static let fields = [
    magic, version, shardNumber, shardCount, tableCount, permutationSeed, collectionHigh,
    collectionLow, created, term, sequence, logStart, recordCount, nextBlock, nextSegment,
    digestHigh, digestLow, coder, promisedTerm, logStartTerm, checksum,
  ]
  /// As in PNG, the line ends show a file that went through a conversion of text.
  static let magicValue = UInt64(littleEndianBytes: "TPSHD\r\n\u{1A}")
}

extension UInt64 {
  /// The number whose little-endian bytes are the eight of `text`.
  init(littleEndianBytes text: StaticString) {
    precondition(text.utf8CodeUnitCount == 8, "a magic has 8 bytes")
    self = UInt64(
      littleEndian: UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self))
  }
}

/// What a shard knows of itself; one value, rewritten by every transaction.
package struct ShardMeta: Sendable, Hashable {
  /// The version that this program writes. It reads the one before as well.
  package static let formatVersion: UInt32 = 2

  /// The version of the stored value.
  package var version = ShardMeta.formatVersion
  package var shardNumber: Int
  package var shardCount: Int
  package var tableCount: Int
  package var permutationSeed: UInt64
  package var collectionHigh: UInt64
  package var collectionLow: UInt64
  /// Seconds since 1970.
  package var created: UInt64
  /// The term of the last operation applied; 0 outside a cluster.
  package var term = Term(0)
  /// The sequence of the last operation applied; the first is 1.
  package var sequence: UInt64 = 0
  /// The sequence of the first operation that the log still holds.
  package var logStart: UInt64 = 1
  /// The term of the operation before it.
  package var logStartTerm = Term(0)
  /// Nothing of a lower term is accepted any more.
  package var promisedTerm = Term(0)
  package var recordCount: UInt64 = 0
  package var nextBlock: UInt64 = 1
  package var nextSegment: UInt64 = 1
  package var digest = RecordDigest()
  package var coder: CoderIdentity?

  /// Where the log ends.
  package var position: LogPosition {
    LogPosition(term: term, sequence: SequenceNumber(sequence))
  }

  package var content: ShardContent { ShardContent(recordCount: recordCount, digest: digest) }

  package var key: ShardKey {
    ShardKey(
      collection: CollectionID(high: collectionHigh, low: collectionLow), number: shardNumber)
  }

  /// Equal for all replicas of a shard, and for no other shards: the seed of the checksums of what
  /// goes from one replica to another. Does not tell the permutation.
  package var replicaSeed: UInt64 {
    var writer = ByteWriter()
    for number in [
      collectionHigh, collectionLow, UInt64(shardNumber), UInt64(shardCount), UInt64(tableCount),
      permutationSeed,
    ] {
      writer.append(number)
    }
    return writer.bytes.withUnsafeBytes { Checksum.of($0) }
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter(byteCount: MetaLayout.checksum.offset)
    writer.set(MetaLayout.magic, MetaLayout.magicValue)
    writer.set(MetaLayout.version, Self.formatVersion)
    writer.set(MetaLayout.shardNumber, UInt32(shardNumber))
    writer.set(MetaLayout.shardCount, UInt32(shardCount))
    writer.set(MetaLayout.tableCount, UInt32(tableCount))
    writer.set(MetaLayout.permutationSeed, permutationSeed)
    writer.set(MetaLayout.collectionHigh, collectionHigh)
    writer.set(MetaLayout.collectionLow, collectionLow)
    writer.set(MetaLayout.created, created)
    writer.set(MetaLayout.term, term.rawValue)
    writer.set(MetaLayout.sequence, sequence)
    writer.set(MetaLayout.logStart, logStart)
    writer.set(MetaLayout.recordCount, recordCount)
    writer.set(MetaLayout.nextBlock, nextBlock)
    writer.set(MetaLayout.nextSegment, nextSegment)
    writer.set(MetaLayout.digestHigh, digest.high)
    writer.set(MetaLayout.digestLow, digest.low)
    for (i, byte) in (coder?.name ?? "").utf8.enumerated() {
      writer.set(FormatField("coder", MetaLayout.coder.offset + i, 1), byte)
    }
    writer.set(MetaLayout.promisedTerm, promisedTerm.rawValue)
    writer.set(MetaLayout.logStartTerm, logStartTerm.rawValue)
    return writer.checked(seed: ShardDatabase.meta.seed(0))
  }

  /// - Throws: ``FormatError``, or ``StoreError`` for another version.
  static func decode(_ bytes: UnsafeRawBufferPointer) throws -> ShardMeta {
    let place = "the shard's meta value"
    guard bytes.count >= MetaLayout.version.offset + 4 else {
      throw FormatError(place, expected: "\(MetaLayout.byteCount) bytes", found: bytes.count)
    }
    guard bytes.integer(MetaLayout.magic, as: UInt64.self) == MetaLayout.magicValue else {
      throw FormatError(place, expected: "the magic of a shard", found: "other bytes")
    }
    let version: UInt32 = bytes.integer(MetaLayout.version)
    guard version == formatVersion || version == formatVersion - 1 else {
      throw StoreError(
        .unsupportedVersion,
        "has format version \(version); this program reads versions \(formatVersion - 1) and "
          + "\(formatVersion)")
    }
    guard bytes.count == MetaLayout.byteCount else {
      throw FormatError(place, expected: "\(MetaLayout.byteCount) bytes", found: bytes.count)
    }
    guard let payload = bytes.unchecked(seed: ShardDatabase.meta.seed(0)) else {
      throw FormatError(place, expected: "its checksum", found: "another")
    }
    let text = payload[MetaLayout.coder.offset..<MetaLayout.promisedTerm.offset].prefix { $0 != 0 }
    let coder = CoderIdentity(String(decoding: text, as: UTF8.self))
    guard text.isEmpty || coder != nil else {
      throw FormatError(place, expected: "a coder identity", found: "other bytes")
    }
    // Version 1 had these bytes reserved, to be zero: the terms of a shard outside any cluster.
    guard version > 1 || payload[MetaLayout.promisedTerm.offset...].allSatisfy({ $0 == 0 }) else {
      throw FormatError(place, expected: "zero in reserved bytes", found: "other bytes")
    }
    return ShardMeta(
      version: version,
      shardNumber: Int(payload.integer(MetaLayout.shardNumber, as: UInt32.self)),
      shardCount: Int(payload.integer(MetaLayout.shardCount, as: UInt32.self)),
      tableCount: Int(payload.integer(MetaLayout.tableCount, as: UInt32.self)),
      permutationSeed: payload.integer(MetaLayout.permutationSeed),
      collectionHigh: payload.integer(MetaLayout.collectionHigh),
      collectionLow: payload.integer(MetaLayout.collectionLow),
      created: payload.integer(MetaLayout.created),
      term: Term(payload.integer(MetaLayout.term)),
      sequence: payload.integer(MetaLayout.sequence),
      logStart: payload.integer(MetaLayout.logStart),
      logStartTerm: Term(payload.integer(MetaLayout.logStartTerm)),
      promisedTerm: Term(payload.integer(MetaLayout.promisedTerm)),
      recordCount: payload.integer(MetaLayout.recordCount),
      nextBlock: payload.integer(MetaLayout.nextBlock),
      nextSegment: payload.integer(MetaLayout.nextSegment),
      digest: RecordDigest(
        high: payload.integer(MetaLayout.digestHigh),
        low: payload.integer(MetaLayout.digestLow)),
      coder: coder)
  }
}

extension ShardMeta {
  /// That of a new, empty shard. All replicas of a shard are made with the same.
  package init(
    key: ShardKey, shardCount: Int, tableCount: Int, permutationSeed: UInt64, created: UInt64,
    coder: CoderIdentity?
  ) {
    self.init(
      shardNumber: key.number, shardCount: shardCount, tableCount: tableCount,
      permutationSeed: permutationSeed, collectionHigh: key.collection.high,
      collectionLow: key.collection.low, created: created, coder: coder)
  }
}
