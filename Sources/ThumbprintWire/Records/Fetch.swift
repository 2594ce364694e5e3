import ThumbprintCodes

enum FetchLayout: WireLayout {
  static let name: StaticString = "fetch"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let idCount = WireField("id count", 16, 4)
  static let parts = WireField("parts", 20, 1)
  static let zero = WireField("reserved", 21, 3)
  static let byteCount = 24
  static var fields: [WireField] { [collectionHigh, collectionLow, idCount, parts, zero] }
  static var reserved: [WireField] { [zero] }
}

/// Asks for records by their ids, from whatever shards they are in.
public struct FetchRequest: WireRequest, Hashable {
  public typealias Reply = FetchReply
  public static let type = MessageType.fetch

  public var collection: CollectionID
  /// 1 to ``WireLimits/idCountMax`` ids.
  public var ids: [ItemID]
  public var parts: RowParts

  public init(collection: CollectionID, ids: [ItemID], parts: RowParts) {
    self.collection = collection
    self.ids = ids
    self.parts = parts
  }

  public func encoded() -> [UInt8] {
    precondition(
      (1...WireLimits.idCountMax).contains(ids.count), "a fetch of \(ids.count) ids")
    var writer = WireWriter(capacity: FetchLayout.byteCount + 8 * ids.count)
    writer.begin(FetchLayout.self)
    writer.set(FetchLayout.collectionHigh, collection.high)
    writer.set(FetchLayout.collectionLow, collection.low)
    writer.set(FetchLayout.idCount, UInt32(ids.count))
    writer.set(FetchLayout.parts, parts.rawValue)
    for id in ids { writer.append(id.rawValue) }
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> FetchRequest {
    var reader = WireReader(body, place: "fetch")
    try reader.begin(FetchLayout.self)
    let count = Int(try reader.get(FetchLayout.idCount, in: 1...UInt32(WireLimits.idCountMax)))
    let collection = CollectionID(
      high: reader.get(FetchLayout.collectionHigh), low: reader.get(FetchLayout.collectionLow))
    let parts = try reader.get(FetchLayout.parts, flags: RowParts.self, known: .all)
    let ids = try reader.ids(count)
    try reader.end()
    return FetchRequest(collection: collection, ids: ids, parts: parts)
  }
}

extension WireReader {
  mutating func ids(_ count: Int) throws(ServiceError) -> [ItemID] {
    let range = try take(8 * count, "ids")
    return (0..<count).map { ItemID(bytes.littleEndianInteger(at: range.lowerBound + 8 * $0)) }
  }
}

/// Answers a fetch: a row for each id that there is, in the order of the ids. What there is not
/// has no row.
public struct FetchReply: WireMessage, Hashable {
  public static let type = MessageType.fetchReply

  public var rows: RowColumns

  public init(rows: RowColumns) { self.rows = rows }

  public func encoded() -> [UInt8] { Array(rows.bytes) }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> FetchReply {
    var reader = WireReader(body, place: "fetch reply")
    let rows = try RowColumns(&reader, rowCountMax: WireLimits.idCountMax)
    try reader.end()
    return FetchReply(rows: rows)
  }
}
