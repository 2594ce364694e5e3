import ThumbprintCodes

enum LogLayout {
  static let kind = FormatField("kind", 0, 1)
  static let reserved = FormatField("reserved", 1, 3)
  static let count = FormatField("count", 4, 4)
  static let term = FormatField("term", 8, 8)
  static let recordCount = FormatField("record count", 16, 8)
  static let digestHigh = FormatField("digest, bits 64 to 127", 24, 8)
  static let digestLow = FormatField("digest, bits 0 to 63", 32, 8)
  static let body = FormatField("body", 40, 0)
  static let byteCount = 40
  static let fields = [
    kind, reserved, count, term, recordCount, digestHigh, digestLow, body,
  ]

  /// Version 1 of the format had no terms: the body followed the count.
  static let bodyOfVersion1 = FormatField("body", 8, 0)
  static let byteCountOfVersion1 = 8
  static let fieldsOfVersion1 = [kind, reserved, count, bodyOfVersion1]

  enum Kind: UInt32 {
    case appendOfVersion1 = 1
    case deleteOfVersion1, append, delete, term

    var byteCount: Int {
      switch self {
      case .appendOfVersion1, .deleteOfVersion1: byteCountOfVersion1
      case .append, .delete, .term: LogLayout.byteCount
      }
    }
  }
}

/// What a shard holds at one position of its log: two replicas that agree on it hold the same.
package struct ShardContent: Sendable, Hashable {
  package var recordCount: UInt64
  package var digest: RecordDigest
}

/// An operation of the log. Rows are not written a second time: an entry names their block.
package struct LogEntry: Sendable, Hashable {
  package enum Operation: Sendable, Hashable {
    /// The rows of a block were added; they replace those of the same ids. The digest is the sum
    /// over the rows.
    case append(block: UInt64, rowCount: Int, digest: RecordDigest)
    /// Records of these ids were deleted.
    case delete([ItemID])
    /// A new primary began; nothing else changed.
    case term
  }

  package var operation: Operation
  package var term: Term
  /// What the shard holds once the operation is done; `nil` in an entry of version 1.
  package var content: ShardContent?

  func encoded(sequence: UInt64) -> [UInt8] {
    var writer = ByteWriter(byteCount: LogLayout.byteCount)
    func begin(_ kind: LogLayout.Kind, _ count: Int) {
      writer.set(FormatField("kind", 0, 4), kind.rawValue)
      writer.set(LogLayout.count, UInt32(count))
    }
    switch operation {
    case .append(_, let rowCount, _): begin(.append, rowCount)
    case .delete(let ids): begin(.delete, ids.count)
    case .term: begin(.term, 0)
    }
    writer.set(LogLayout.term, term.rawValue)
    writer.set(LogLayout.recordCount, content?.recordCount ?? 0)
    writer.set(LogLayout.digestHigh, content?.digest.high ?? 0)
    writer.set(LogLayout.digestLow, content?.digest.low ?? 0)
    switch operation {
    case .append(let block, _, let digest):
      writer.append(block)
      writer.append(digest.high)
      writer.append(digest.low)
    case .delete(let ids): for id in ids { writer.append(id.rawValue) }
    case .term: break
    }
    return writer.checked(seed: ShardDatabase.log.seed(sequence))
  }

  static func decode(_ value: UnsafeRawBufferPointer, sequence: UInt64) throws -> LogEntry {
    let error = FormatError(
      "log entry \(sequence)", expected: "an intact entry", found: "\(value.count) other bytes")
    guard let payload = value.unchecked(seed: ShardDatabase.log.seed(sequence)),
      payload.count >= LogLayout.byteCountOfVersion1,
      let kind = LogLayout.Kind(rawValue: payload.integer(LogLayout.kind.offset)),
      payload.count >= kind.byteCount
    else { throw error }
    let count = Int(payload.integer(LogLayout.count, as: UInt32.self))
    let body = UnsafeRawBufferPointer(rebasing: payload[kind.byteCount...])
    let operation: Operation
    switch kind {
    case .append, .appendOfVersion1:
      guard body.count == 24 else { throw error }
      operation = .append(
        block: body.integer(0), rowCount: count,
        digest: RecordDigest(high: body.integer(8), low: body.integer(16)))
    case .delete, .deleteOfVersion1:
      guard body.count == 8 * count else { throw error }
      operation = .delete((0..<count).map { ItemID(body.integer(8 * $0)) })
    case .term:
      guard body.isEmpty, count == 0 else { throw error }
      operation = .term
    }
    if kind.byteCount == LogLayout.byteCountOfVersion1 {
      return LogEntry(operation: operation, term: Term(0), content: nil)
    }
    return LogEntry(
      operation: operation, term: Term(payload.integer(LogLayout.term)),
      content: ShardContent(
        recordCount: payload.integer(LogLayout.recordCount),
        digest: RecordDigest(
          high: payload.integer(LogLayout.digestHigh), low: payload.integer(LogLayout.digestLow)))
    )
  }
}
