import Testing
import ThumbprintCodes
import ThumbprintWire

@Suite struct AdminMessageTests {
  @Test func argumentsComeBack() throws {
    func check<Operation: AdminOperation>(_ operation: Operation) throws {
      let request = AdminRequest(operation)
      try MessageCheck.roundTrip(request)
      let back = try AdminRequest.decoded(request.encoded())
      #expect(back.operation == Operation.name)
      #expect(try back.arguments(as: Operation.self) == operation)
    }
    try check(ListCollections())
    try check(
      CreateCollection(
        collection: "photos", shardCount: 8, replicationFactor: 2, tableCount: 128,
        coder: WireSamples.coder))
    try check(DropCollection(collection: "photos"))
    try check(DescribeCollection(collection: "photos"))
    try check(CollectionStatsOperation(collection: "photos"))
    try check(SetReplicas(collection: "photos", replicationFactor: 3))
    try check(ClusterStatusOperation())
    try check(Rebalance(isDryRun: true, byteRate: nil))
    try check(Drain(worker: WireSamples.worker, isDryRun: false))
    try check(Undrain(worker: WireSamples.worker))
    try check(RemoveWorker(worker: WireSamples.worker))
    try check(AbortMove(move: 12))
    try check(SetBandwidth(byteRate: 1 << 20))
  }

  @Test func resultsComeBack() throws {
    let description = CollectionDescription(
      name: "photos", id: WireSamples.collection, shardCount: 8, replicationFactor: 2,
      tableCount: 64, coder: nil, created: 1_700_000_000, recordCount: 12)
    let report = ShardReport(
      number: 3, worker: WireSamples.worker, position: WireSamples.position, recordCount: 1,
      deadRowCount: 2, segmentCount: 3, recentRowCount: 4, fileByteCount: 5, freeByteCount: 6,
      indexByteCount: 7, logStart: 8, digest: RecordDigest(high: 9, low: 10))
    let stats = CollectionStatsOperation.Result(collection: description, shards: [report])
    let reply = AdminReply(stats, of: CollectionStatsOperation.self)
    let back = try AdminReply.decoded(reply.encoded())
    #expect(try back.result(of: CollectionStatsOperation.self) == stats)
    #expect(stats.digest == RecordDigest(high: 9, low: 10))
  }

  @Test func bodiesAreForPeople() {
    let request = AdminRequest(Drain(worker: WireSamples.worker, isDryRun: true))
    #expect(
      String(decoding: request.encoded(), as: UTF8.self)
        == #"{"arguments":{"isDryRun":true,"worker":"w1"},"operation":"drain"}"#)
    let control = ControlRequest(operation: "fence", arguments: ["term": Term(4)])
    #expect(
      String(decoding: control.encoded(), as: UTF8.self)
        == #"{"arguments":{"term":4},"operation":"fence"}"#)
  }

  @Test func whatIsMissingIsNamedInOneLine() throws {
    func error(_ json: String) -> ServiceError? {
      #expect(throws: ServiceError.self) {
        let request = try AdminRequest.decoded(Array(json.utf8))
        _ = try request.arguments(as: Drain.self)
      }
    }
    #expect(error("{")?.code == .malformed)
    #expect(error("[]")?.code == .malformed)
    #expect(error(#"{"operation":"explode"}"#)?.message.contains("'explode'") == true)
    #expect(error(#"{"operation":"drain"}"#)?.message.contains("'arguments'") == true)
    let wrong = error(#"{"operation":"drain","arguments":{"worker":"W 1","isDryRun":true}}"#)
    #expect(wrong?.message.contains("worker") == true)
    #expect(wrong?.message.contains("\n") == false)
    let deep = String(repeating: "[", count: WireLimits.adminByteCountMax)
    #expect(error(deep)?.code == .malformed)
    #expect(error(deep + "[")?.code == .tooLarge)
  }

  /// What a coordinator said before it named moves that have ended.
  @Test func anOlderStatusIsRead() throws {
    let json =
      #"{"cluster":"000102030405060708090a0b0c0d0e0f","mapVersion":7,"workers":[],"#
      + #""collections":[],"shards":[],"moves":[]}"#
    let status = try AdminReply.decoded(Array(json.utf8)).result(of: ClusterStatusOperation.self)
    #expect(status.mapVersion == MapVersion(7) && status.endedMoves.isEmpty)
    let now = AdminReply(status, of: ClusterStatusOperation.self)
    #expect(try now.result(of: ClusterStatusOperation.self) == status)
  }

  /// A later version may say more than this one knows.
  @Test func unknownKeysArePassedOver() throws {
    let json = #"{"operation":"abortMove","new":1,"arguments":{"move":3,"why":"late"}}"#
    let request = try AdminRequest.decoded(Array(json.utf8))
    #expect(try request.arguments(as: AbortMove.self) == AbortMove(move: 3))
  }
}
