import Dispatch
import Foundation
import Synchronization
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintWire

@Suite(.serialized) struct WorkerRequestTests {
  private func refusal(_ body: () throws -> Void) -> ServiceError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? ServiceError)?.code
    }
  }

  @Test func refusalsSayWhy() throws {
    let cluster = try TestCluster()
    let names = (1...2).map(TestCluster.name)
    for name in names { try cluster.start(name) }
    let id = try cluster.create(
      shardCount: 1, replicationFactor: 2, coder: CoderIdentity("made-up-1"))
    let key = ShardKey(collection: id, number: 0)
    let strange = ShardKey(collection: CollectionID(high: 9, low: 9), number: 0)
    let primary = try cluster.primary(key)
    let follower = try #require(names.first { $0 != primary })
    let delete = AppendRequest.Operation.delete([ItemID(1)])

    #expect(
      refusal { _ = try cluster.ask(AppendRequest(shard: key, operation: delete), follower) }
        == .notPrimary)
    #expect(
      refusal { _ = try cluster.ask(AppendRequest(shard: strange, operation: delete), primary) }
        == .notHere)
    let other = try #require(CoderIdentity("another-2"))
    #expect(
      refusal {
        _ = try cluster.ask(AppendRequest(shard: key, operation: delete, coder: other), primary)
      } == .coderMismatch)
    #expect(
      refusal { _ = try cluster.ask(CopyOpenRequest(shard: key, term: Term(77)), primary) }
        == .notPrimary)
    #expect(
      refusal {
        _ = try cluster.ask(
          CopyReadRequest(session: 1, item: 0, offset: 0, byteCountMax: 1), primary)
      } == .notFound)
    #expect(
      refusal {
        _ = try cluster.ask(
          LogPullRequest(
            shard: key, follower: follower, term: Term(0), since: MapVersion(0), after: .start,
            isVerified: false), primary)
      } == .staleTerm)
    #expect(refusal { _ = try cluster.ask(Ping(token: 1), primary) } == .unknownMessage)

    var search = SearchRequest(collection: id, extent: .nearest(1))
    search.append(feature: FeatureCode())
    search.shards = [0, 5]
    let statuses = try cluster.ask(search, follower).shards
    #expect(statuses.map(\.failure) == [nil, .notHere])
    search.coder = other
    #expect(refusal { _ = try cluster.ask(search, primary) } == .coderMismatch)
  }

  @Test func whatComesTooLateIsNotBegun() throws {
    let cluster = try TestCluster()
    let name = TestCluster.name(1)
    try cluster.start(name)
    let id = try cluster.create(shardCount: 1, replicationFactor: 1)
    var search = SearchRequest(collection: id, extent: .nearest(1))
    search.append(feature: FeatureCode())
    let code = Mutex<ServiceError.Code?>(nil)
    let done = DispatchSemaphore(value: 0)
    let past = MonotonicInstant.now.advanced(by: .milliseconds(-1))
    let worker = try #require(cluster.workers[name])
    worker.handle(Frame(asking: search, requestID: 1), deadline: past) { result in
      if case .failure(let error) = result { code.withLock { $0 = error.code } }
      done.signal()
    }
    done.wait()
    #expect(code.withLock { $0 } == .deadlineExceeded)
    worker.stop()
    worker.handle(Frame(asking: search, requestID: 2), deadline: nil) { result in
      if case .failure(let error) = result { code.withLock { $0 = error.code } }
      done.signal()
    }
    done.wait()
    #expect(code.withLock { $0 } == .shuttingDown)
  }

  @Test func writesSideBySideAreAllThere() throws {
    let cluster = try TestCluster()
    let names = (1...2).map(TestCluster.name)
    for name in names { try cluster.start(name) }
    let id = try cluster.create(shardCount: 1, replicationFactor: 2)
    let key = ShardKey(collection: id, number: 0)
    var generator = RecordGenerator(seed: 12)
    let records = (0..<300).map { generator.record(id: ItemID(UInt64($0))) }
    let failures = Mutex<[ServiceError]>([])
    let positions = Mutex<Set<LogPosition>>([])
    let open = DispatchGroup()
    let primary = try cluster.primary(key)
    for record in records {
      var rows = RowColumnsBuilder(parts: .all)
      rows.append(record)
      open.enter()
      cluster.network.view(of: nil).send(
        AppendRequest(shard: key, operation: .upsert(rows.columns())),
        to: TestCluster.address(primary), timeout: .seconds(20)
      ) { result in
        switch result {
        case .success(let reply): positions.withLock { _ = $0.insert(reply.position) }
        case .failure(let error): failures.withLock { $0.append(error) }
        }
        open.leave()
      }
    }
    open.wait()
    #expect(failures.withLock { $0 }.isEmpty)
    // Writes that waited together share a transaction, and so a position.
    #expect(positions.withLock { $0 }.count < records.count)
    try cluster.expectEverywhere(
      Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0) }), id)
  }

  @Test func fetchAndReports() throws {
    let cluster = try TestCluster()
    let name = TestCluster.name(1)
    try cluster.start(name)
    let id = try cluster.create(shardCount: 3, replicationFactor: 1)
    var generator = RecordGenerator(seed: 2)
    let records = (0..<50).map { generator.record(id: ItemID(UInt64($0) * 3)) }
    try cluster.upsert(records, to: id)
    let ids = [ItemID(30), ItemID(31), ItemID(0), ItemID(147)]
    let reply = try cluster.ask(FetchRequest(collection: id, ids: ids, parts: .all), name)
    #expect(
      try (0..<reply.rows.rowCount).map { try reply.rows.record($0) }
        == [records[10], records[0], records[49]])
    let reports: [ShardReport] = try cluster.ask(
      ControlRequest(operation: "shardReports", arguments: ShardReportsArguments(collection: id)),
      name
    ).result()
    #expect(reports.map(\.number) == [0, 1, 2])
    #expect(reports.reduce(0) { $0 + $1.recordCount } == records.count)
  }

  @Test func aDroppedCollectionLeavesNoFile() throws {
    let cluster = try TestCluster()
    let name = TestCluster.name(1)
    try cluster.start(name)
    let id = try cluster.create(shardCount: 2, replicationFactor: 1)
    try cluster.upsert([Record(id: ItemID(1), feature: FeatureCode(), image: ImageCode())], to: id)
    try cluster.coordinator.request(.dropCollection(name: "c"))
    try eventually("no file") {
      try filesLeft(cluster.path(name)) == 0
    }
  }

  private func filesLeft(_ path: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: path).count { $0.contains(".mdb") }
  }
}
