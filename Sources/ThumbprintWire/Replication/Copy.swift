import ThumbprintCodes

enum CopyOpenLayout: WireLayout {
  static let name: StaticString = "copy open"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let shard = WireField("shard", 16, 2)
  static let zero = WireField("reserved", 18, 6)
  static let term = WireField("term", 24, 8)
  static let byteCount = 32
  static var fields: [WireField] { [collectionHigh, collectionLow, shard, zero, term] }
  static var reserved: [WireField] { [zero] }
}

/// Asks for a consistent copy of a shard, to be read item by item.
public struct CopyOpenRequest: WireRequest, Hashable {
  public typealias Reply = CopyOpenReply
  public static let type = MessageType.copyOpen

  public var shard: ShardKey
  /// The term of which the source must be the primary.
  public var term: Term

  public init(shard: ShardKey, term: Term) {
    self.shard = shard
    self.term = term
  }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: CopyOpenLayout.byteCount)
    writer.begin(CopyOpenLayout.self)
    writer.set(CopyOpenLayout.collectionHigh, shard.collection.high)
    writer.set(CopyOpenLayout.collectionLow, shard.collection.low)
    writer.set(CopyOpenLayout.shard, UInt16(shard.number))
    writer.set(CopyOpenLayout.term, term.rawValue)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyOpenRequest {
    var reader = WireReader(body, place: "copy open")
    try reader.begin(CopyOpenLayout.self)
    try reader.end()
    return CopyOpenRequest(
      shard: try reader.shardKey(
        CopyOpenLayout.collectionHigh, CopyOpenLayout.collectionLow, CopyOpenLayout.shard),
      term: Term(reader.get(CopyOpenLayout.term)))
  }
}

enum CopyOpenReplyLayout: WireLayout {
  static let name: StaticString = "copy open reply"
  static let session = WireField("session", 0, 8)
  static let manifestByteCount = WireField("manifest byte count", 8, 4)
  static let manifestRest = WireField("bytes left of the manifest", 12, 4)
  static let byteCount = 16
  static var fields: [WireField] { [session, manifestByteCount, manifestRest] }
}

/// The copy stands still until it is closed, or not read for long.
///
/// A manifest that is too long for one message comes in parts: whoever wants it asks for
/// ``manifestRead`` and calls ``add(_:)`` with the answer until there is nothing to be read.
public struct CopyOpenReply: WireMessage, Hashable {
  public static let type = MessageType.copyOpenReply

  public var session: UInt64
  /// What there is to be copied, as storage writes it; its beginning while
  /// ``manifestRestByteCount`` is not 0.
  public private(set) var manifest: [UInt8]
  /// The bytes of the manifest that are not in ``manifest``.
  public private(set) var manifestRestByteCount: Int

  /// - Parameters:
  ///   - manifest: All of it.
  ///   - partByteCountMax: The most of it that goes with this message.
  public init(
    session: UInt64, manifest: [UInt8],
    partByteCountMax: Int = WireLimits.manifestPartByteCountMax
  ) {
    self.session = session
    self.manifest = Array(manifest.prefix(partByteCountMax))
    manifestRestByteCount = manifest.count - self.manifest.count
  }

  /// The request for the next bytes of the manifest; `nil` once all are there.
  public var manifestRead: CopyReadRequest? {
    guard manifestRestByteCount > 0 else { return nil }
    return CopyReadRequest(
      session: session, item: CopyReadRequest.manifestItem, offset: UInt64(manifest.count),
      byteCountMax: min(manifestRestByteCount, WireLimits.manifestPartByteCountMax))
  }

  /// Adds the answer to ``manifestRead``.
  ///
  /// - Throws: `malformed` if it has no bytes, or more than there are left.
  public mutating func add(_ part: CopyReadReply) throws(ServiceError) {
    guard (1...max(1, manifestRestByteCount)).contains(part.bytes.count) else {
      throw .malformed(
        "the manifest of a copy", expected: "1 to \(manifestRestByteCount) more bytes",
        found: "\(part.bytes.count)")
    }
    manifest += part.bytes
    manifestRestByteCount -= part.bytes.count
  }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: CopyOpenReplyLayout.byteCount + manifest.count)
    writer.begin(CopyOpenReplyLayout.self)
    writer.set(CopyOpenReplyLayout.session, session)
    writer.set(CopyOpenReplyLayout.manifestByteCount, UInt32(manifest.count))
    writer.set(CopyOpenReplyLayout.manifestRest, UInt32(manifestRestByteCount))
    writer.append(manifest)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyOpenReply {
    var reader = WireReader(body, place: "copy open reply")
    try reader.begin(CopyOpenReplyLayout.self)
    let session: UInt64 = reader.get(CopyOpenReplyLayout.session)
    let byteCount = Int(reader.get(CopyOpenReplyLayout.manifestByteCount, as: UInt32.self))
    let manifest = try reader.take(byteCount, "manifest")
    let restMax = max(0, WireLimits.manifestByteCountMax - byteCount)
    let rest: UInt32 = try reader.get(CopyOpenReplyLayout.manifestRest, in: 0...UInt32(restMax))
    try reader.end()
    var reply = CopyOpenReply(session: session, manifest: [])
    reply.manifest = Array(body[manifest])
    reply.manifestRestByteCount = Int(rest)
    return reply
  }
}

enum CopyReadLayout: WireLayout {
  static let name: StaticString = "copy read"
  static let session = WireField("session", 0, 8)
  static let item = WireField("item", 8, 4)
  static let byteCountMax = WireField("most bytes", 12, 4)
  static let offset = WireField("offset", 16, 8)
  static let byteCount = 24
  static var fields: [WireField] { [session, item, byteCountMax, offset] }
}

/// Asks for bytes of one item of a copy.
public struct CopyReadRequest: WireRequest, Hashable {
  public typealias Reply = CopyReadReply
  public static let type = MessageType.copyRead

  public var session: UInt64
  /// The item that is the manifest itself.
  public static let manifestItem = UInt32.max

  /// The number of the item in the manifest; ``manifestItem`` for the manifest.
  public var item: UInt32
  public var offset: UInt64
  /// 1 to ``WireLimits/payloadByteCountMax``.
  public var byteCountMax: Int

  public init(session: UInt64, item: UInt32, offset: UInt64, byteCountMax: Int) {
    self.session = session
    self.item = item
    self.offset = offset
    self.byteCountMax = byteCountMax
  }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: CopyReadLayout.byteCount)
    writer.begin(CopyReadLayout.self)
    writer.set(CopyReadLayout.session, session)
    writer.set(CopyReadLayout.item, item)
    writer.set(CopyReadLayout.byteCountMax, UInt32(byteCountMax))
    writer.set(CopyReadLayout.offset, offset)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyReadRequest {
    var reader = WireReader(body, place: "copy read")
    try reader.begin(CopyReadLayout.self)
    try reader.end()
    return CopyReadRequest(
      session: reader.get(CopyReadLayout.session), item: reader.get(CopyReadLayout.item),
      offset: try reader.get(CopyReadLayout.offset, in: 0...UInt64(Int64.max)),
      byteCountMax: Int(
        try reader.get(
          CopyReadLayout.byteCountMax, in: 1...UInt32(WireLimits.payloadByteCountMax))))
  }
}

enum CopyReadReplyLayout: WireLayout {
  static let name: StaticString = "copy read reply"
  static let byteCountField = WireField("byte count", 0, 4)
  static let zero = WireField("reserved", 4, 4)
  static let byteCount = 8
  static var fields: [WireField] { [byteCountField, zero] }
  static var reserved: [WireField] { [zero] }
}

/// Bytes of an item; fewer than asked for only at its end.
public struct CopyReadReply: WireMessage, Hashable {
  public static let type = MessageType.copyReadReply

  public var bytes: [UInt8]

  public init(bytes: [UInt8]) { self.bytes = bytes }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: CopyReadReplyLayout.byteCount + bytes.count)
    writer.begin(CopyReadReplyLayout.self)
    writer.set(CopyReadReplyLayout.byteCountField, UInt32(bytes.count))
    writer.append(bytes)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyReadReply {
    var reader = WireReader(body, place: "copy read reply")
    try reader.begin(CopyReadReplyLayout.self)
    let byteCount = Int(reader.get(CopyReadReplyLayout.byteCountField, as: UInt32.self))
    let range = try reader.take(byteCount, "bytes")
    try reader.end()
    return CopyReadReply(bytes: Array(body[range]))
  }
}

enum CopyCloseLayout: WireLayout {
  static let name: StaticString = "copy close"
  static let session = WireField("session", 0, 8)
  static let byteCount = 8
  static var fields: [WireField] { [session] }
}

/// The copy is not needed any more.
public struct CopyCloseRequest: WireRequest, Hashable {
  public typealias Reply = CopyCloseReply
  public static let type = MessageType.copyClose

  public var session: UInt64

  public init(session: UInt64) { self.session = session }

  public func encoded() -> [UInt8] {
    var writer = WireWriter(capacity: CopyCloseLayout.byteCount)
    writer.begin(CopyCloseLayout.self)
    writer.set(CopyCloseLayout.session, session)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyCloseRequest {
    var reader = WireReader(body, place: "copy close")
    try reader.begin(CopyCloseLayout.self)
    try reader.end()
    return CopyCloseRequest(session: reader.get(CopyCloseLayout.session))
  }
}

/// Answers a copy close; it has no bytes.
public struct CopyCloseReply: WireMessage, Hashable {
  public static let type = MessageType.copyCloseReply

  public init() {}

  public func encoded() -> [UInt8] { [] }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> CopyCloseReply {
    try WireReader(body, place: "copy close reply").end()
    return CopyCloseReply()
  }
}
