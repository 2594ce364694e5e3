import ThumbprintCodes

enum AppendLayout: WireLayout {
  static let name: StaticString = "append"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let shard = WireField("shard", 16, 2)
  static let kind = WireField("kind", 18, 1)
  static let coderByteCount = WireField("coder byte count", 19, 1)
  static let idCount = WireField("id count", 20, 4)
  static let byteCount = 24
  static var fields: [WireField] {
    [collectionHigh, collectionLow, shard, kind, coderByteCount, idCount]
  }
}

/// Writes to one shard. Its body is the same from a client to the coordinator and from there to
/// the primary.
///
/// It can be sent again when its outcome is not known: rows that are stored with the same content
/// stay, and an id that is gone stays gone.
public struct AppendRequest: WireRequest, Hashable {
  public typealias Reply = AppendReply
  public static let type = MessageType.append

  public enum Operation: Sendable, Hashable {
    /// Adds rows, with codes of both kinds, in place of those with the same ids: 1 to
    /// ``WireLimits/rowCountMax``.
    case upsert(RowColumns)
    /// Takes away the records of these ids: 1 to ``WireLimits/idCountMax``.
    case delete([ItemID])
  }

  public var shard: ShardKey
  public var operation: Operation
  /// The coder of the rows; `nil` if the sender will not say.
  public var coder: CoderIdentity?

  public init(shard: ShardKey, operation: Operation, coder: CoderIdentity? = nil) {
    self.shard = shard
    self.operation = operation
    self.coder = coder
  }

  public func encoded() -> [UInt8] {
    let coder = Array((coder?.name ?? "").utf8)
    var writer = WireWriter()
    writer.begin(AppendLayout.self)
    writer.set(AppendLayout.collectionHigh, shard.collection.high)
    writer.set(AppendLayout.collectionLow, shard.collection.low)
    writer.set(AppendLayout.shard, UInt16(shard.number))
    writer.set(AppendLayout.coderByteCount, UInt8(coder.count))
    switch operation {
    case .upsert(let rows):
      precondition(
        (1...WireLimits.rowCountMax).contains(rows.rowCount)
          && rows.parts.isSuperset(of: [.features, .images]),
        "an append of \(rows.rowCount) rows")
      writer.set(AppendLayout.kind, UInt8(1))
      writer.append(coder)
      writer.append(rows.bytes)
    case .delete(let ids):
      precondition(
        (1...WireLimits.idCountMax).contains(ids.count), "a delete of \(ids.count) ids")
      writer.set(AppendLayout.kind, UInt8(2))
      writer.set(AppendLayout.idCount, UInt32(ids.count))
      writer.append(coder)
      for id in ids { writer.append(id.rawValue) }
    }
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> AppendRequest {
    var reader = WireReader(body, place: "append")
    try reader.begin(AppendLayout.self)
    let shard = try reader.shardKey(
      AppendLayout.collectionHigh, AppendLayout.collectionLow, AppendLayout.shard)
    let kind: UInt8 = try reader.get(AppendLayout.kind, in: 1...2)
    let idCount: UInt32 = try reader.get(
      AppendLayout.idCount, in: kind == 1 ? 0...0 : 1...UInt32(WireLimits.idCountMax))
    let coderByteCount: UInt8 = reader.get(AppendLayout.coderByteCount)
    let coder = try reader.identity(coderByteCount, "coder", CoderIdentity.init)
    let operation: Operation
    if kind == 1 {
      let rows = try RowColumns(&reader, rowCountMax: WireLimits.rowCountMax)
      guard rows.rowCount > 0, rows.parts.isSuperset(of: [.features, .images]) else {
        throw .malformed("append", expected: "rows with codes of both kinds", found: "none")
      }
      operation = .upsert(rows)
    } else {
      operation = .delete(try reader.ids(Int(idCount)))
    }
    try reader.end()
    return AppendRequest(shard: shard, operation: operation, coder: coder)
  }
}

enum AppendReplyLayout: WireLayout {
  static let name: StaticString = "append reply"
  static let term = WireField("term", 0, 8)
  static let sequence = WireField("sequence", 8, 8)
  static let added = WireField("added", 16, 4)
  static let replaced = WireField("replaced", 20, 4)
  static let unchanged = WireField("unchanged", 24, 4)
  static let deleted = WireField("deleted", 28, 4)
  static let absent = WireField("absent", 32, 4)
  static let zero = WireField("reserved", 36, 4)
  static let byteCount = 40
  static var fields: [WireField] {
    [term, sequence, added, replaced, unchanged, deleted, absent, zero]
  }
  static var reserved: [WireField] { [zero] }
}

/// Answers a write: it is on the disk of every in-sync replica.
public struct AppendReply: WireMessage, Hashable {
  public static let type = MessageType.appendReply

  /// The position of the last operation of the write.
  public var position: LogPosition
  /// Records whose id was new.
  public var added: UInt32
  /// Records that took the place of one with the same id and other content.
  public var replaced: UInt32
  /// Records that were stored already with the same content.
  public var unchanged: UInt32
  /// Records taken away.
  public var deleted: UInt32
  /// Ids to be deleted that were not there.
  public var absent: UInt32

  public init(
    position: LogPosition, added: UInt32 = 0, replaced: UInt32 = 0, unchanged: UInt32 = 0,
    deleted: UInt32 = 0, absent: UInt32 = 0
  ) {
    self.position = position
    self.added = added
    self.replaced = replaced
    self.unchanged = unchanged
    self.deleted = deleted
    self.absent = absent
  }

  public func encoded() -> [UInt8] {
    typealias Layout = AppendReplyLayout
    var writer = WireWriter(capacity: Layout.byteCount)
    writer.begin(Layout.self)
    writer.set(Layout.term, position.term.rawValue)
    writer.set(Layout.sequence, position.sequence.rawValue)
    writer.set(Layout.added, added)
    writer.set(Layout.replaced, replaced)
    writer.set(Layout.unchanged, unchanged)
    writer.set(Layout.deleted, deleted)
    writer.set(Layout.absent, absent)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> AppendReply {
    typealias Layout = AppendReplyLayout
    var reader = WireReader(body, place: "append reply")
    try reader.begin(Layout.self)
    try reader.end()
    return AppendReply(
      position: reader.position(Layout.term, Layout.sequence), added: reader.get(Layout.added),
      replaced: reader.get(Layout.replaced), unchanged: reader.get(Layout.unchanged),
      deleted: reader.get(Layout.deleted), absent: reader.get(Layout.absent))
  }
}

extension WireReader {
  func position(_ term: WireField, _ sequence: WireField) -> LogPosition {
    LogPosition(term: Term(get(term)), sequence: SequenceNumber(get(sequence)))
  }
}
