import ThumbprintCodes
import ThumbprintWire

/// One message of each kind and shape: those that the page of the format shows, and others.
enum WireSamples {
  static let collection = CollectionID(high: 0x1122_3344_5566_7788, low: 0x99AA_BBCC_DDEE_FF00)
  static let cluster = ClusterID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
  static let shard = ShardKey(collection: collection, number: 7)
  static let position = LogPosition(term: Term(3), sequence: SequenceNumber(1025))
  static let worker = name("w1")
  static let coder = coder("vgg-2")

  static func name(_ text: String) -> WorkerName {
    guard let name = WorkerName(text) else { preconditionFailure("'\(text)' is no name") }
    return name
  }

  static func coder(_ text: String) -> CoderIdentity {
    guard let coder = CoderIdentity(text) else { preconditionFailure("'\(text)' is no coder") }
    return coder
  }

  /// A code whose bytes all have the given value.
  static func feature(_ byte: UInt8) -> FeatureCode {
    var code = FeatureCode()
    code.withUnsafeMutableBytes { for i in $0.indices { $0[i] = byte } }
    return code
  }

  static func image(_ byte: UInt8) -> ImageCode {
    var code = ImageCode()
    code.withUnsafeMutableBytes { for i in $0.indices { $0[i] = byte } }
    return code
  }

  static func rows(_ parts: RowParts, texts: Bool) -> RowColumns {
    var builder = RowColumnsBuilder(parts: parts, capacity: 2)
    builder.append(
      Record(
        id: ItemID(5), name: texts ? "été" : nil, tags: [:], feature: feature(0xA5),
        image: image(0x5A)))
    builder.append(
      Record(
        id: ItemID(.max - 1), name: nil, tags: texts ? ["kind": "cat"] : [:],
        feature: feature(0x0F), image: image(0xF0)))
    return builder.columns()
  }

  static var search: SearchRequest {
    var search = SearchRequest(
      collection: collection, extent: .nearest(10), promise: .certified,
      wants: [.images, .names], coder: coder)
    search.shards = [1, 7]
    search.missProbability = 5e-10
    search.append(feature: feature(0xA5))
    return search
  }

  static var combinedSearch: SearchRequest {
    var search = SearchRequest(
      collection: collection, extent: .within(300), distanceMax: 200, promise: .recall(0.95),
      metric: .combined, wants: [.certificate, .partial, .tags])
    search.append(feature: feature(1), image: image(2))
    search.append(feature: feature(3), image: image(4))
    return search
  }

  static var boundedProbe: SearchRequest {
    var search = combinedSearch
    search.isProbe = true
    search.bounds = [150, 4608]
    return search
  }

  static var searchReply: SearchReply {
    SearchReply(
      answers: [.init(matches: 0..<2)],
      shards: [
        ShardStatus(
          shard: 1, waitedMicroseconds: 20, searchedMicroseconds: 350, position: position),
        ShardStatus(shard: 7, failure: .unavailable),
      ],
      distances: [0, 1000], rows: rows([.names], texts: true))
  }

  static var explainedReply: SearchReply {
    var certificate = WireCertificate()
    certificate.missProbability = 1e-9
    certificate.radius = 1001
    certificate.rowCount = 1_000_000
    certificate.codesCompared = 12
    certificate.sketchesRead = 13
    certificate.bucketsProbed = 14
    certificate.postingsRead = 15
    certificate.excludedByTables = 16
    certificate.excludedBySketches = 17
    certificate.excludedByClusters = 18
    certificate.predictedNanoseconds = 2.5e5
    certificate.segmentsByTables = 1
    certificate.segmentsBySketches = 2
    certificate.segmentsByClusters = 3
    certificate.segmentsByScan = 4
    return SearchReply(
      answers: [
        .init(matches: 0..<2, certificate: certificate),
        .init(matches: 2..<2, certificate: WireCertificate()),
      ],
      shards: [], distances: [7, 4608], rows: rows([.images, .tags], texts: false))
  }

  static var logPull: LogPullRequest {
    LogPullRequest(
      shard: shard, follower: worker, term: Term(4), since: MapVersion(17), after: position,
      isVerified: true, byteCountMax: 1 << 20)
  }

  static let state = LogReply.State(
    recordCount: 1000, digest: RecordDigest(high: 0x0102_0304_0506_0708, low: 9))

  static var hello: Hello {
    Hello(role: .worker, name: worker, coder: coder, cluster: cluster, program: "thumbprint 0.1")
  }

  static var welcome: Welcome {
    Welcome(
      role: .coordinator, cluster: cluster, inFlightCountMax: 256, program: "thumbprint 0.1")
  }

  static var error: ErrorMessage {
    ErrorMessage(
      ServiceError(
        .unavailable, "shard 7 of 'photos' has no live replica",
        hint: "see 'thumbprint cluster shards'"))
  }

  /// Every message, with a word for messages of tests.
  static let all: [(name: String, message: any WireMessage)] = [
    ("hello", hello),
    ("hello of a client", Hello(role: .client, program: "")),
    ("welcome", welcome),
    ("welcome of a worker", Welcome(role: .worker, name: worker, program: "t")),
    ("ping", Ping(token: 0x0102_0304_0506_0708)),
    ("pong", Pong(token: 1)),
    ("cancel", Cancel(requestID: 42)),
    ("error", error),
    ("error without a hint", ErrorMessage(ServiceError(.invalid, "k is 0, not 1 to 16384"))),
    ("error with an empty hint", ErrorMessage(ServiceError(.busy, "", hint: ""))),
    ("search", search),
    ("combined search", combinedSearch),
    ("probe under bounds", boundedProbe),
    ("search reply", searchReply),
    ("explained search reply", explainedReply),
    (
      "fetch",
      FetchRequest(collection: collection, ids: [ItemID(5), ItemID(.max)], parts: .all)
    ),
    ("fetch reply", FetchReply(rows: rows(.all, texts: true))),
    ("fetch reply of nothing", FetchReply(rows: .empty)),
    ("scan", ScanRequest(shard: shard, after: ItemID(0))),
    ("scan from the start", ScanRequest(shard: shard, after: nil, parts: [])),
    ("scan reply", ScanReply(rows: rows([.features, .images], texts: false), isLast: true)),
    (
      "append",
      AppendRequest(shard: shard, operation: .upsert(rows(.all, texts: true)), coder: coder)
    ),
    ("delete", AppendRequest(shard: shard, operation: .delete([ItemID(9), ItemID(5)]))),
    ("append reply", AppendReply(position: position, added: 1, replaced: 2, unchanged: 3)),
    ("log pull", logPull),
    (
      "log reply",
      LogReply(
        content: .entries([[1, 2, 3], [], [255]]), term: Term(4), last: position, state: state)
    ),
    ("log reply, diverged", LogReply(content: .diverged, term: Term(4), last: position)),
    ("log reply, truncated", LogReply(content: .truncated, term: Term(4), last: position)),
    ("copy open", CopyOpenRequest(shard: shard, term: Term(4))),
    ("copy open reply", CopyOpenReply(session: 11, manifest: Array("manifest".utf8))),
    ("copy read", CopyReadRequest(session: 11, item: 3, offset: 1 << 33, byteCountMax: 65536)),
    ("copy read reply", CopyReadReply(bytes: [9, 8, 7])),
    ("copy close", CopyCloseRequest(session: 11)),
    ("copy close reply", CopyCloseReply()),
    ("admin", AdminRequest(Drain(worker: worker, isDryRun: true))),
    ("admin reply", AdminReply(MovePlan(steps: [], notes: ["done"]), of: Drain.self)),
    ("control", ControlRequest(operation: "heartbeat", arguments: ["position": position])),
    ("control reply", ControlReply(["term": Term(5)])),
  ]
}
