import ThumbprintCodes

enum ScanLayout: WireLayout {
  static let name: StaticString = "scan"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let shard = WireField("shard", 16, 2)
  static let parts = WireField("parts", 18, 1)
  static let hasStarted = WireField("has started", 19, 1)
  static let rowCountMax = WireField("most rows", 20, 4)
  static let after = WireField("after", 24, 8)
  static let byteCount = 32
  static var fields: [WireField] {
    [collectionHigh, collectionLow, shard, parts, hasStarted, rowCountMax, after]
  }
}

/// Asks for the next records of one shard, in the order of their ids.
public struct ScanRequest: WireRequest, Hashable {
  public typealias Reply = ScanReply
  public static let type = MessageType.scan

  public var shard: ShardKey
  /// The last id that was had; `nil` for the first records.
  public var after: ItemID?
  /// 1 to ``WireLimits/rowCountMax``; fewer come when they would be too many bytes.
  public var rowCountMax: Int
  public var parts: RowParts

  public init(
    shard: ShardKey, after: ItemID?, rowCountMax: Int = 4096, parts: RowParts = .all
  ) {
    self.shard = shard
    self.after = after
    self.rowCountMax = rowCountMax
    self.parts = parts
  }

  public func encoded() -> [UInt8] {
    precondition(
      (1...WireLimits.rowCountMax).contains(rowCountMax), "a scan of \(rowCountMax) rows")
    var writer = WireWriter(capacity: ScanLayout.byteCount)
    writer.begin(ScanLayout.self)
    writer.set(ScanLayout.collectionHigh, shard.collection.high)
    writer.set(ScanLayout.collectionLow, shard.collection.low)
    writer.set(ScanLayout.shard, UInt16(shard.number))
    writer.set(ScanLayout.parts, parts.rawValue)
    writer.set(ScanLayout.hasStarted, UInt8(after == nil ? 0 : 1))
    writer.set(ScanLayout.rowCountMax, UInt32(rowCountMax))
    writer.set(ScanLayout.after, after?.rawValue ?? 0)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> ScanRequest {
    var reader = WireReader(body, place: "scan")
    try reader.begin(ScanLayout.self)
    try reader.end()
    let hasStarted: UInt8 = try reader.get(ScanLayout.hasStarted, in: 0...1)
    let after: UInt64 = try reader.get(
      ScanLayout.after, in: 0...(hasStarted == 1 ? UInt64.max : 0))
    return ScanRequest(
      shard: try reader.shardKey(
        ScanLayout.collectionHigh, ScanLayout.collectionLow, ScanLayout.shard),
      after: hasStarted == 1 ? ItemID(after) : nil,
      rowCountMax: Int(
        try reader.get(ScanLayout.rowCountMax, in: 1...UInt32(WireLimits.rowCountMax))),
      parts: try reader.get(ScanLayout.parts, flags: RowParts.self, known: .all))
  }
}

extension WireReader {
  /// A collection's identity in two fields and the number of a shard in a third.
  func shardKey(
    _ high: WireField, _ low: WireField, _ shard: WireField
  ) throws(ServiceError) -> ShardKey {
    ShardKey(
      collection: CollectionID(high: get(high), low: get(low)),
      number: Int(try get(shard, in: 0...UInt16(WireLimits.shardCountMax - 1))))
  }
}

enum ScanReplyLayout: WireLayout {
  static let name: StaticString = "scan reply"
  static let isLast = WireField("is last", 0, 1)
  static let zero = WireField("reserved", 1, 7)
  static let byteCount = 8
  static var fields: [WireField] { [isLast, zero] }
  static var reserved: [WireField] { [zero] }
}

/// Answers a scan.
public struct ScanReply: WireMessage, Hashable {
  public static let type = MessageType.scanReply

  /// Ascending by id.
  public var rows: RowColumns
  /// Whether the shard has no more.
  public var isLast: Bool

  public init(rows: RowColumns, isLast: Bool) {
    self.rows = rows
    self.isLast = isLast
  }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: ScanReplyLayout.byteCount + rows.byteCount)
    writer.begin(ScanReplyLayout.self)
    writer.set(ScanReplyLayout.isLast, UInt8(isLast ? 1 : 0))
    writer.append(rows.bytes)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> ScanReply {
    var reader = WireReader(body, place: "scan reply")
    try reader.begin(ScanReplyLayout.self)
    let isLast: UInt8 = try reader.get(ScanReplyLayout.isLast, in: 0...1)
    let rows = try RowColumns(&reader, rowCountMax: WireLimits.rowCountMax)
    try reader.end()
    return ScanReply(rows: rows, isLast: isLast == 1)
  }
}
