import ThumbprintCodes

enum SearchReplyLayout: WireLayout {
  static let name: StaticString = "search reply"
  static let answerCount = WireField("answer count", 0, 2)
  static let shardCount = WireField("shard count", 2, 2)
  static let matchCount = WireField("match count", 4, 4)
  static let flags = WireField("flags", 8, 1)
  static let zero = WireField("reserved", 9, 7)
  static let byteCount = 16
  static var fields: [WireField] { [answerCount, shardCount, matchCount, flags, zero] }
  static var reserved: [WireField] { [zero] }
}

enum ShardStatusLayout: WireLayout {
  static let name: StaticString = "shard status"
  static let shard = WireField("shard", 0, 2)
  static let errorNumber = WireField("error number", 2, 2)
  static let waited = WireField("waited", 4, 4)
  static let searched = WireField("searched", 8, 4)
  static let zero = WireField("reserved", 12, 4)
  static let term = WireField("term", 16, 8)
  static let sequence = WireField("sequence", 24, 8)
  static let byteCount = 32
  static var fields: [WireField] {
    [shard, errorNumber, waited, searched, zero, term, sequence]
  }
  static var reserved: [WireField] { [zero] }
}

/// What became of one shard in a search.
public struct ShardStatus: Sendable, Hashable {
  public var shard: Int
  /// Why it was not searched; `nil` if it was.
  public var failure: ServiceError.Code?
  /// Microseconds before the search of its worker began, and until it ended.
  public var waitedMicroseconds: UInt32
  public var searchedMicroseconds: UInt32
  /// The last operation that the search saw.
  public var position: LogPosition

  public init(
    shard: Int, failure: ServiceError.Code? = nil, waitedMicroseconds: UInt32 = 0,
    searchedMicroseconds: UInt32 = 0, position: LogPosition = .start
  ) {
    self.shard = shard
    self.failure = failure
    self.waitedMicroseconds = waitedMicroseconds
    self.searchedMicroseconds = searchedMicroseconds
    self.position = position
  }
}

/// Answers a search: for each query its matches in the order (distance, id).
public struct SearchReply: WireMessage, Hashable {
  public static let type = MessageType.searchReply

  public struct Answer: Sendable, Hashable {
    /// Where the matches of this query are among all matches of the reply.
    public var matches: Range<Int>
    /// `nil` if it was not asked for.
    public var certificate: WireCertificate?

    public init(matches: Range<Int>, certificate: WireCertificate? = nil) {
      self.matches = matches
      self.certificate = certificate
    }
  }

  /// One for each query, in their order; the matches of one follow those of another.
  public var answers: [Answer]
  /// Every shard that was to be searched, ascending.
  public var shards: [ShardStatus]
  /// Distances of the matches, in bits.
  public var distances: [UInt16]
  /// Ids of the matches, with image codes, names and tags if they were asked for.
  public var rows: RowColumns

  public init(
    answers: [Answer], shards: [ShardStatus], distances: [UInt16], rows: RowColumns
  ) {
    precondition(
      distances.count == rows.rowCount, "\(distances.count) distances of \(rows.rowCount) rows")
    self.answers = answers
    self.shards = shards
    self.distances = distances
    self.rows = rows
  }

  /// The most matches that an answer can have: what is known of each has room in one message, names
  /// and tags, which may be short, not counted.
  public static func matchCountMax(with parts: RowParts) -> Int {
    let room = WireLimits.bodyByteCountMax - SearchReplyLayout.byteCount - RowsLayout.byteCount
    // Its distance, its id, its codes.
    let byteCount =
      2 + 8 + (parts.contains(.features) ? FeatureCode.byteCount : 0)
      + (parts.contains(.images) ? ImageCode.byteCount : 0)
    return min(WireLimits.matchCountMax, room / byteCount)
  }

  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let certificates = Flags(rawValue: 1)
  }

  public func encoded() -> [UInt8] {
    let hasCertificates = answers.contains { $0.certificate != nil }
    var writer = WireWriter(
      capacity: 64 + 128 * answers.count + 32 * shards.count + 2 * distances.count
        + rows.byteCount)
    writer.begin(SearchReplyLayout.self)
    writer.set(SearchReplyLayout.answerCount, UInt16(answers.count))
    writer.set(SearchReplyLayout.shardCount, UInt16(shards.count))
    writer.set(SearchReplyLayout.matchCount, UInt32(distances.count))
    let flags: Flags = hasCertificates ? .certificates : []
    writer.set(SearchReplyLayout.flags, flags.rawValue)
    for status in shards { Self.write(status, to: &writer) }
    for answer in answers { writer.append(UInt32(answer.matches.count)) }
    if hasCertificates {
      for answer in answers { (answer.certificate ?? WireCertificate()).write(to: &writer) }
    }
    for distance in distances { writer.append(distance) }
    writer.append(rows.bytes)
    return writer.bytes
  }

  private static func write(_ status: ShardStatus, to writer: inout WireWriter) {
    writer.begin(ShardStatusLayout.self)
    writer.set(ShardStatusLayout.shard, UInt16(status.shard))
    writer.set(ShardStatusLayout.errorNumber, status.failure?.value.wireNumber ?? 0)
    writer.set(ShardStatusLayout.waited, status.waitedMicroseconds)
    writer.set(ShardStatusLayout.searched, status.searchedMicroseconds)
    writer.set(ShardStatusLayout.term, status.position.term.rawValue)
    writer.set(ShardStatusLayout.sequence, status.position.sequence.rawValue)
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> SearchReply {
    typealias Layout = SearchReplyLayout
    var reader = WireReader(body, place: "search reply")
    try reader.begin(Layout.self)
    let answerCount = Int(
      try reader.get(Layout.answerCount, in: 1...UInt16(WireLimits.queryCountMax)))
    let shardCount = Int(
      try reader.get(Layout.shardCount, in: 0...UInt16(WireLimits.shardCountMax)))
    let matchCount = Int(
      try reader.get(Layout.matchCount, in: 0...UInt32(WireLimits.matchCountMax)))
    let flags = try reader.get(Layout.flags, flags: Flags.self, known: .certificates)
    var shards: [ShardStatus] = []
    for _ in 0..<shardCount { shards.append(try status(&reader)) }
    guard zip(shards, shards.dropFirst()).allSatisfy({ $0.shard < $1.shard }) else {
      throw .malformed("search reply: shards", expected: "ascending numbers", found: "others")
    }
    var answers: [Answer] = []
    var end = 0
    for _ in 0..<answerCount {
      let count = Int(try reader.next("match count of an answer", as: UInt32.self))
      guard count <= matchCount - end else {
        throw .malformed(
          "search reply: answers", expected: "\(matchCount) matches", found: "more")
      }
      answers.append(Answer(matches: end..<end + count))
      end += count
    }
    guard end == matchCount else {
      throw .malformed("search reply: answers", expected: "\(matchCount) matches", found: end)
    }
    if flags.contains(.certificates) {
      for i in answers.indices { answers[i].certificate = try WireCertificate(&reader) }
    }
    let bytes = try reader.take(2 * matchCount, "distances")
    let distances = (0..<matchCount).map {
      body.littleEndianInteger(at: bytes.lowerBound + 2 * $0, as: UInt16.self)
    }
    let rows = try RowColumns(&reader, rowCountMax: WireLimits.matchCountMax)
    try reader.end()
    guard rows.rowCount == matchCount else {
      throw .malformed("search reply: rows", expected: matchCount, found: rows.rowCount)
    }
    return SearchReply(answers: answers, shards: shards, distances: distances, rows: rows)
  }

  private static func status(_ reader: inout WireReader) throws(ServiceError) -> ShardStatus {
    typealias Layout = ShardStatusLayout
    try reader.begin(Layout.self)
    let number: UInt16 = reader.get(Layout.errorNumber)
    let failure = ServiceError.Code.Value(wireNumber: number)
    guard number == 0 || failure != nil else {
      throw reader.wrong(Layout.errorNumber, "the number of an error", found: number)
    }
    return ShardStatus(
      shard: Int(try reader.get(Layout.shard, in: 0...UInt16(WireLimits.shardCountMax - 1))),
      failure: failure.map(ServiceError.Code.init),
      waitedMicroseconds: reader.get(Layout.waited),
      searchedMicroseconds: reader.get(Layout.searched),
      position: LogPosition(
        term: Term(reader.get(Layout.term)), sequence: SequenceNumber(reader.get(Layout.sequence))
      ))
  }
}
