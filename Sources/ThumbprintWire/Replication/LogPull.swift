import ThumbprintCodes

enum LogPullLayout: WireLayout {
  static let name: StaticString = "log pull"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let shard = WireField("shard", 16, 2)
  static let zero = WireField("reserved", 18, 2)
  static let waitMilliseconds = WireField("wait", 20, 4)
  static let byteCountMax = WireField("most bytes", 24, 4)
  static let zero2 = WireField("reserved", 28, 4)
  static let promisedTerm = WireField("promised term", 32, 8)
  static let afterTerm = WireField("after, term", 40, 8)
  static let afterSequence = WireField("after, sequence", 48, 8)
  static let byteCount = 56
  static var fields: [WireField] {
    [
      collectionHigh, collectionLow, shard, zero, waitMilliseconds, byteCountMax, zero2,
      promisedTerm, afterTerm, afterSequence,
    ]
  }
  static var reserved: [WireField] { [zero, zero2] }
}

/// A follower asks the primary for what comes after its own last operation, which is on its disk:
/// so it acknowledges all before.
public struct LogPullRequest: WireRequest, Hashable {
  public typealias Reply = LogReply
  public static let type = MessageType.logPull

  public var shard: ShardKey
  /// The last operation that the follower has on disk.
  public var after: LogPosition
  /// The newest term that the follower has promised; the primary must be of it.
  public var promisedTerm: Term
  /// The longest wait for an operation when there is none yet.
  public var waitMilliseconds: UInt32
  /// The most bytes of operations, but at least one operation.
  public var byteCountMax: Int

  public init(
    shard: ShardKey, after: LogPosition, promisedTerm: Term, waitMilliseconds: UInt32,
    byteCountMax: Int = WireLimits.payloadByteCountMax
  ) {
    self.shard = shard
    self.after = after
    self.promisedTerm = promisedTerm
    self.waitMilliseconds = waitMilliseconds
    self.byteCountMax = byteCountMax
  }

  public func encoded() -> [UInt8] {
    typealias Layout = LogPullLayout
    var writer = WireWriter(capacity: Layout.byteCount)
    writer.begin(Layout.self)
    writer.set(Layout.collectionHigh, shard.collection.high)
    writer.set(Layout.collectionLow, shard.collection.low)
    writer.set(Layout.shard, UInt16(shard.number))
    writer.set(Layout.waitMilliseconds, waitMilliseconds)
    writer.set(Layout.byteCountMax, UInt32(byteCountMax))
    writer.set(Layout.promisedTerm, promisedTerm.rawValue)
    writer.set(Layout.afterTerm, after.term.rawValue)
    writer.set(Layout.afterSequence, after.sequence.rawValue)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> LogPullRequest {
    typealias Layout = LogPullLayout
    var reader = WireReader(body, place: "log pull")
    try reader.begin(Layout.self)
    try reader.end()
    return LogPullRequest(
      shard: try reader.shardKey(Layout.collectionHigh, Layout.collectionLow, Layout.shard),
      after: reader.position(Layout.afterTerm, Layout.afterSequence),
      promisedTerm: Term(reader.get(Layout.promisedTerm)),
      waitMilliseconds: try reader.get(
        Layout.waitMilliseconds, in: 0...WireLimits.waitMillisecondsMax),
      byteCountMax: Int(
        try reader.get(Layout.byteCountMax, in: 1...UInt32(WireLimits.payloadByteCountMax))))
  }
}

enum LogReplyLayout: WireLayout {
  static let name: StaticString = "log reply"
  static let kind = WireField("kind", 0, 1)
  static let zero = WireField("reserved", 1, 3)
  static let entryCount = WireField("entry count", 4, 4)
  static let term = WireField("term", 8, 8)
  static let lastTerm = WireField("last, term", 16, 8)
  static let lastSequence = WireField("last, sequence", 24, 8)
  static let byteCount = 32
  static var fields: [WireField] { [kind, zero, entryCount, term, lastTerm, lastSequence] }
  static var reserved: [WireField] { [zero] }
}

/// Answers a log pull.
public struct LogReply: WireMessage, Hashable {
  public static let type = MessageType.logReply

  public enum Content: Sendable, Hashable {
    /// What comes next, one operation after another, each as storage writes it; none when the
    /// wait was over.
    case entries([[UInt8]])
    /// The follower's log is not the beginning of the primary's: it has to be copied anew.
    case diverged
    /// The primary's log no longer reaches back so far: the shard has to be copied anew.
    case truncated
  }

  public var content: Content
  /// The primary's term.
  public var term: Term
  /// The primary's last operation.
  public var last: LogPosition

  public init(content: Content, term: Term, last: LogPosition) {
    self.content = content
    self.term = term
    self.last = last
  }

  public func encoded() -> [UInt8] {
    typealias Layout = LogReplyLayout
    var writer = WireWriter()
    writer.begin(Layout.self)
    writer.set(Layout.term, term.rawValue)
    writer.set(Layout.lastTerm, last.term.rawValue)
    writer.set(Layout.lastSequence, last.sequence.rawValue)
    switch content {
    case .entries(let entries):
      writer.set(Layout.entryCount, UInt32(entries.count))
      for entry in entries {
        writer.append(UInt32(entry.count))
        writer.append(entry)
      }
    case .diverged: writer.set(Layout.kind, UInt8(1))
    case .truncated: writer.set(Layout.kind, UInt8(2))
    }
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> LogReply {
    typealias Layout = LogReplyLayout
    var reader = WireReader(body, place: "log reply")
    try reader.begin(Layout.self)
    let kind: UInt8 = try reader.get(Layout.kind, in: 0...2)
    let entryCount: UInt32 = try reader.get(
      Layout.entryCount, in: 0...(kind == 0 ? UInt32(WireLimits.logEntryCountMax) : 0))
    let term = Term(reader.get(Layout.term))
    let last = reader.position(Layout.lastTerm, Layout.lastSequence)
    var entries: [[UInt8]] = []
    for _ in 0..<entryCount {
      let byteCount = Int(try reader.next("byte count of an entry", as: UInt32.self))
      entries.append(Array(body[try reader.take(byteCount, "entry")]))
    }
    try reader.end()
    let content: Content =
      switch kind {
      case 0: .entries(entries)
      case 1: .diverged
      default: .truncated
      }
    return LogReply(content: content, term: term, last: last)
  }
}
