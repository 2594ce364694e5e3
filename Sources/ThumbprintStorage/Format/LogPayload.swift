import ThumbprintCodes
import ThumbprintIndex

enum PayloadLayout {
  static let magic = FormatField("magic", 0, 8)
  static let version = FormatField("version", 8, 2)
  static let kind = FormatField("kind", 10, 2)
  static let count = FormatField("count", 12, 4)
  static let term = FormatField("term", 16, 8)
  static let sequence = FormatField("sequence", 24, 8)
  static let recordCount = FormatField("record count", 32, 8)
  static let digestHigh = FormatField("digest, bits 64 to 127", 40, 8)
  static let digestLow = FormatField("digest, bits 0 to 63", 48, 8)
  static let rowsHigh = FormatField("digest of the rows, bits 64 to 127", 56, 8)
  static let rowsLow = FormatField("digest of the rows, bits 0 to 63", 64, 8)
  static let columns = FormatField("checksums of the columns", 72, 40)
  static let nameByteCount = FormatField("byte count of the names", 112, 8)
  static let tagByteCount = FormatField("byte count of the tags", 120, 8)
  static let rest = FormatField("checksum of what follows the columns", 128, 8)
  static let checksum = FormatField("header checksum", 136, 8)
  static let byteCount = 144
  static let fields = [
    magic, version, kind, count, term, sequence, recordCount, digestHigh, digestLow, rowsHigh,
    rowsLow, columns, nameByteCount, tagByteCount, rest, checksum,
  ]
  static let magicValue = UInt64(littleEndianBytes: "TPLOG\r\n\u{1A}")
  static let versionValue: UInt16 = 1
}

/// An operation of the log on its way to another replica: everything that it takes to do the same
/// there, and what the replica must hold afterwards.
struct LogPayload {
  enum Operation {
    case append(RowBatch, digest: RecordDigest)
    case delete([UInt64])
    case term
  }

  private enum Kind: UInt16 {
    case append = 1
    case delete, term
  }

  var operation: Operation
  var position: LogPosition
  var content: ShardContent

  /// The bytes of an operation.
  ///
  /// - Parameters:
  ///   - block: The rows, if it adds any.
  ///   - seed: ``ShardMeta/replicaSeed``.
  static func encode(
    _ entry: LogEntry, sequence: UInt64, block: BlockView?, content: ShardContent, seed: UInt64
  ) -> [UInt8] {
    var header = ByteWriter(byteCount: PayloadLayout.checksum.offset)
    var body = ByteWriter()
    var rest = ByteWriter()
    header.set(PayloadLayout.magic, PayloadLayout.magicValue)
    header.set(PayloadLayout.version, PayloadLayout.versionValue)
    header.set(PayloadLayout.term, entry.term.rawValue)
    header.set(PayloadLayout.sequence, sequence)
    header.set(PayloadLayout.recordCount, content.recordCount)
    header.set(PayloadLayout.digestHigh, content.digest.high)
    header.set(PayloadLayout.digestLow, content.digest.low)
    switch entry.operation {
    case .append(_, let rowCount, let digest):
      guard let block else { preconditionFailure("an append has a block") }
      header.set(PayloadLayout.kind, Kind.append.rawValue)
      header.set(PayloadLayout.count, UInt32(rowCount))
      header.set(PayloadLayout.rowsHigh, digest.high)
      header.set(PayloadLayout.rowsLow, digest.low)
      for (i, sum) in block.header.checksums.enumerated() {
        header.set(FormatField("column", PayloadLayout.columns.offset + 8 * i, 8), sum)
      }
      body.append(UnsafeRawBufferPointer(rebasing: block.bytes[BlockLayout.byteCount...]))
      if let names = block.names { rest.append(names.body) }
      if let tags = block.tags { rest.append(tags.body) }
      header.set(PayloadLayout.nameByteCount, UInt64(block.names?.byteCount ?? 0))
      header.set(PayloadLayout.tagByteCount, UInt64(block.tags?.byteCount ?? 0))
    case .delete(let ids):
      header.set(PayloadLayout.kind, Kind.delete.rawValue)
      header.set(PayloadLayout.count, UInt32(ids.count))
      for id in ids { rest.append(id.rawValue) }
    case .term:
      header.set(PayloadLayout.kind, Kind.term.rawValue)
    }
    header.set(PayloadLayout.rest, rest.bytes.withUnsafeBytes { Checksum.of($0) })
    return header.checked(seed: seed) + body.bytes + rest.bytes
  }

  /// Reads and checks the bytes of an operation; they may come from anyone.
  ///
  /// - Throws: ``StoreError``: `damagedTransfer`, `unsupportedVersion`.
  init(_ bytes: UnsafeRawBufferPointer, meta: ShardMeta) throws {
    let header = try Self.header(bytes, seed: meta.replicaSeed)
    position = LogPosition(
      term: Term(header.integer(PayloadLayout.term)),
      sequence: SequenceNumber(header.integer(PayloadLayout.sequence)))
    content = ShardContent(
      recordCount: header.integer(PayloadLayout.recordCount),
      digest: RecordDigest(
        high: header.integer(PayloadLayout.digestHigh),
        low: header.integer(PayloadLayout.digestLow)))
    let count = Int(header.integer(PayloadLayout.count, as: UInt32.self))
    let body = UnsafeRawBufferPointer(rebasing: bytes[PayloadLayout.byteCount...])
    switch Kind(rawValue: header.integer(PayloadLayout.kind)) {
    case .append:
      operation = .append(
        try Self.rows(body, count: count, header: header, meta: meta),
        digest: RecordDigest(
          high: header.integer(PayloadLayout.rowsHigh),
          low: header.integer(PayloadLayout.rowsLow)))
    case .delete:
      try Self.requireNoRows(header)
      guard (1...Shard.deleteCountMax).contains(count), body.count == 8 * count else {
        throw Self.damaged("\(count) ids in \(body.count) bytes")
      }
      try Self.check(body, header)
      let ids = (0..<count).map { body.integer(8 * $0, as: UInt64.self) }
      try Self.check(ids: ids, meta: meta)
      operation = .delete(ids)
    case .term:
      try Self.requireNoRows(header)
      guard count == 0, body.isEmpty else { throw Self.damaged("a term with a body") }
      try Self.check(body, header)
      operation = .term
    case nil: throw Self.damaged("an unknown kind of operation")
    }
  }

  private static func header(
    _ bytes: UnsafeRawBufferPointer, seed: UInt64
  ) throws -> UnsafeRawBufferPointer {
    guard bytes.count >= PayloadLayout.byteCount,
      bytes.integer(PayloadLayout.magic, as: UInt64.self) == PayloadLayout.magicValue
    else { throw damaged("no header") }
    let version: UInt16 = bytes.integer(PayloadLayout.version)
    guard version == PayloadLayout.versionValue else {
      throw StoreError(
        .unsupportedVersion,
        "an operation of the log has version \(version); this program reads version "
          + "\(PayloadLayout.versionValue)")
    }
    let header = UnsafeRawBufferPointer(rebasing: bytes[..<PayloadLayout.byteCount])
    guard let header = header.unchecked(seed: seed) else {
      throw damaged("a header with another checksum, or of another shard")
    }
    return header
  }

  /// What an operation without rows says of them is zero.
  private static func requireNoRows(_ header: UnsafeRawBufferPointer) throws {
    let fields = PayloadLayout.rowsHigh.offset..<PayloadLayout.rest.offset
    guard header[fields].allSatisfy({ $0 == 0 }) else {
      throw damaged("rows in an operation without any")
    }
  }

  private static func rows(
    _ body: UnsafeRawBufferPointer, count: Int, header: UnsafeRawBufferPointer, meta: ShardMeta
  ) throws -> RowBatch {
    let columnByteCount = CodeColumns.rowByteCount * count
    let nameByteCount: UInt64 = header.integer(PayloadLayout.nameByteCount)
    let tagByteCount: UInt64 = header.integer(PayloadLayout.tagByteCount)
    guard (1...BlockHeader.rowCountMax).contains(count), body.count >= columnByteCount,
      nameByteCount <= UInt64(body.count), tagByteCount <= UInt64(body.count),
      UInt64(body.count - columnByteCount) == nameByteCount + tagByteCount
    else { throw damaged("\(count) rows in \(body.count) bytes") }
    let rest = UnsafeRawBufferPointer(rebasing: body[columnByteCount...])
    try check(rest, header)
    let batch = RowBatch(rowCount: count)
    batch.fill(
      columns: UnsafeRawBufferPointer(rebasing: body[..<columnByteCount]),
      names: try texts(rest[..<Int(nameByteCount)], rowCount: count),
      tags: try texts(rest[Int(nameByteCount)...], rowCount: count))
    guard batch.names.areNames, batch.tags.areTags else { throw damaged("texts of another form") }
    batch.finish()
    for (i, sum) in batch.checksums.enumerated()
    where header.integer(PayloadLayout.columns.offset + 8 * i, as: UInt64.self) != sum {
      throw damaged("the \(BlockColumn.allCases[i]) with another checksum")
    }
    try check(ids: (0..<count).map { batch.id($0).rawValue }, meta: meta)
    return batch
  }

  private static func texts(
    _ body: Slice<UnsafeRawBufferPointer>, rowCount: Int
  ) throws -> Texts {
    if body.isEmpty { return Texts() }
    guard let texts = Texts(body: UnsafeRawBufferPointer(rebasing: body), rowCount: rowCount) else {
      throw damaged("texts for other rows than \(rowCount)")
    }
    return texts
  }

  /// Ids ascend and are of the shard.
  private static func check(ids: [UInt64], meta: ShardMeta) throws {
    for (i, id) in ids.enumerated()
    where (i > 0 && ids[i - 1] >= id)
      || ShardHash.shard(of: ItemID(id), count: meta.shardCount) != meta.shardNumber
    {
      throw damaged("id \(id), out of order or of another shard")
    }
  }

  private static func check(
    _ rest: UnsafeRawBufferPointer, _ header: UnsafeRawBufferPointer
  ) throws {
    guard Checksum.of(rest) == header.integer(PayloadLayout.rest, as: UInt64.self) else {
      throw damaged("ids or texts with another checksum")
    }
  }

  private static func damaged(_ found: String) -> StoreError {
    StoreError(.damagedTransfer, "an operation of the log: expected intact bytes, found \(found)")
  }
}
