import ThumbprintCodes

enum LogLayout {
  static let kind = FormatField("kind", 0, 1)
  static let reserved = FormatField("reserved", 1, 3)
  static let count = FormatField("count", 4, 4)
  static let body = FormatField("body", 8, 0)
  static let byteCount = 8
  static let fields = [kind, reserved, count, body]
}

/// An operation of the log. Rows are not written a second time: an entry names their block.
package enum LogEntry: Sendable, Hashable {
  /// The rows of a block were added; they replace those of the same ids.
  case append(block: UInt64, rowCount: Int, digest: RecordDigest)
  /// Records of these ids were deleted.
  case delete([ItemID])

  func encoded(sequence: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .append(let block, let rowCount, let digest):
      writer.append(UInt32(1))
      writer.append(UInt32(rowCount))
      writer.append(block)
      writer.append(digest.high)
      writer.append(digest.low)
    case .delete(let ids):
      writer.append(UInt32(2))
      writer.append(UInt32(ids.count))
      for id in ids { writer.append(id.rawValue) }
    }
    return writer.checked(seed: ShardDatabase.log.seed(sequence))
  }

  static func decode(_ value: UnsafeRawBufferPointer, sequence: UInt64) throws -> LogEntry {
    let error = FormatError(
      "log entry \(sequence)", expected: "an intact entry", found: "\(value.count) other bytes")
    guard let payload = value.unchecked(seed: ShardDatabase.log.seed(sequence)),
      payload.count >= LogLayout.byteCount
    else { throw error }
    let count = Int(payload.integer(LogLayout.count, as: UInt32.self))
    switch payload.integer(LogLayout.kind.offset, as: UInt32.self) {
    case 1:
      guard payload.count == LogLayout.byteCount + 24 else { throw error }
      return .append(
        block: payload.integer(8), rowCount: count,
        digest: RecordDigest(high: payload.integer(16), low: payload.integer(24)))
    case 2:
      guard payload.count == LogLayout.byteCount + 8 * count else { throw error }
      return .delete((0..<count).map { ItemID(payload.integer(8 + 8 * $0)) })
    default: throw error
    }
  }
}
