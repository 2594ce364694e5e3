import ThumbprintCodes

enum LogPullLayout: WireLayout {
  static let name: StaticString = "log pull"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let shard = WireField("shard", 16, 2)
  static let flags = WireField("flags", 18, 1)
  static let followerByteCount = WireField("follower byte count", 19, 1)
  static let byteCountMax = WireField("most bytes", 20, 4)
  static let term = WireField("term", 24, 8)
  static let since = WireField("since", 32, 8)
  static let afterTerm = WireField("after, term", 40, 8)
  static let afterSequence = WireField("after, sequence", 48, 8)
  static let byteCount = 56
  static var fields: [WireField] {
    [
      collectionHigh, collectionLow, shard, flags, followerByteCount, byteCountMax, term, since,
      afterTerm, afterSequence,
    ]
  }
}

/// A follower asks the primary for what comes after its own last operation, which is on its disk:
/// so it acknowledges all before. The primary keeps the question until there is something.
public struct LogPullRequest: WireRequest, Hashable {
  public typealias Reply = LogReply
  public static let type = MessageType.logPull

  public var shard: ShardKey
  public var follower: WorkerName
  /// The term in which it follows; the primary must be of it.
  public var term: Term
  /// The version of the map since which it is a replica, in sync or not.
  public var since: MapVersion
  /// The last operation that the follower has on disk.
  public var after: LogPosition
  /// Whether it has found its content equal to the primary's since then.
  public var isVerified: Bool
  /// The most bytes of operations, but at least one operation.
  public var byteCountMax: Int

  public init(
    shard: ShardKey, follower: WorkerName, term: Term, since: MapVersion, after: LogPosition,
    isVerified: Bool, byteCountMax: Int = WireLimits.payloadByteCountMax
  ) {
    self.shard = shard
    self.follower = follower
    self.term = term
    self.since = since
    self.after = after
    self.isVerified = isVerified
    self.byteCountMax = byteCountMax
  }

  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let verified = Flags(rawValue: 1)
  }

  public func encoded() -> [UInt8] {
    typealias Layout = LogPullLayout
    let name = Array(follower.text.utf8)
    let flags: Flags = isVerified ? .verified : []
    var writer = WireWriter(capacity: Layout.byteCount + name.count)
    writer.begin(Layout.self)
    writer.set(Layout.collectionHigh, shard.collection.high)
    writer.set(Layout.collectionLow, shard.collection.low)
    writer.set(Layout.shard, UInt16(shard.number))
    writer.set(Layout.flags, flags.rawValue)
    writer.set(Layout.followerByteCount, UInt8(name.count))
    writer.set(Layout.byteCountMax, UInt32(byteCountMax))
    writer.set(Layout.term, term.rawValue)
    writer.set(Layout.since, since.rawValue)
    writer.set(Layout.afterTerm, after.term.rawValue)
    writer.set(Layout.afterSequence, after.sequence.rawValue)
    writer.append(name)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> LogPullRequest {
    typealias Layout = LogPullLayout
    var reader = WireReader(body, place: "log pull")
    try reader.begin(Layout.self)
    let nameByteCount: UInt8 = try reader.get(
      Layout.followerByteCount, in: 1...UInt8(WorkerName.characterCountMax))
    let flags = try reader.get(Layout.flags, flags: Flags.self, known: .verified)
    guard let follower = try reader.identity(nameByteCount, "follower", WorkerName.init) else {
      throw reader.wrong(Layout.followerByteCount, "a name", found: nameByteCount)
    }
    try reader.end()
    return LogPullRequest(
      shard: try reader.shardKey(Layout.collectionHigh, Layout.collectionLow, Layout.shard),
      follower: follower, term: Term(reader.get(Layout.term)),
      since: MapVersion(reader.get(Layout.since)),
      after: reader.position(Layout.afterTerm, Layout.afterSequence),
      isVerified: flags.contains(.verified),
      byteCountMax: Int(
        try reader.get(Layout.byteCountMax, in: 1...UInt32(WireLimits.payloadByteCountMax))))
  }
}

enum LogReplyLayout: WireLayout {
  static let name: StaticString = "log reply"
  static let kind = WireField("kind", 0, 1)
  static let flags = WireField("flags", 1, 1)
  static let zero = WireField("reserved", 2, 2)
  static let entryCount = WireField("entry count", 4, 4)
  static let term = WireField("term", 8, 8)
  static let lastTerm = WireField("last, term", 16, 8)
  static let lastSequence = WireField("last, sequence", 24, 8)
  static let recordCount = WireField("record count", 32, 8)
  static let digestHigh = WireField("digest, first half", 40, 8)
  static let digestLow = WireField("digest, second half", 48, 8)
  static let byteCount = 56
  static var fields: [WireField] {
    [
      kind, flags, zero, entryCount, term, lastTerm, lastSequence, recordCount, digestHigh,
      digestLow,
    ]
  }
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
  /// The position of the last of these operations; where the follower is if there are none.
  public var last: LogPosition
  /// What the primary held after it, if that was the end of its log: for the follower to compare.
  public var state: State?

  public init(content: Content, term: Term, last: LogPosition, state: State? = nil) {
    self.content = content
    self.term = term
    self.last = last
    self.state = state
  }

  /// The records of a replica.
  public struct State: Sendable, Hashable {
    public var recordCount: UInt64
    public var digest: RecordDigest

    public init(recordCount: UInt64, digest: RecordDigest) {
      self.recordCount = recordCount
      self.digest = digest
    }
  }

  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let state = Flags(rawValue: 1)
  }

  public func encoded() -> [UInt8] {
    typealias Layout = LogReplyLayout
    var writer = WireWriter()
    writer.begin(Layout.self)
    writer.set(Layout.term, term.rawValue)
    writer.set(Layout.lastTerm, last.term.rawValue)
    writer.set(Layout.lastSequence, last.sequence.rawValue)
    if let state {
      writer.set(Layout.flags, Flags.state.rawValue)
      writer.set(Layout.recordCount, state.recordCount)
      writer.set(Layout.digestHigh, state.digest.high)
      writer.set(Layout.digestLow, state.digest.low)
    }
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
    let state = try state(reader)
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
    return LogReply(content: content, term: term, last: last, state: state)
  }

  private static func state(_ reader: WireReader) throws(ServiceError) -> State? {
    typealias Layout = LogReplyLayout
    let flags = try reader.get(Layout.flags, flags: Flags.self, known: .state)
    let state = State(
      recordCount: try reader.get(Layout.recordCount, in: 0...1 << 52),
      digest: RecordDigest(
        high: reader.get(Layout.digestHigh), low: reader.get(Layout.digestLow)))
    if flags.contains(.state) { return state }
    guard state.recordCount == 0, state.digest == RecordDigest() else {
      throw reader.wrong(Layout.recordCount, "zeros without a state", found: "others")
    }
    return nil
  }
}
