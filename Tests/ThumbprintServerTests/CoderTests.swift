import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// Codes of two coders are never in one collection, if anybody says of which coder they are.
@Suite struct CoderTests {
  private static func records(_ ids: Range<UInt64>) -> [Record] {
    ids.map { Record(id: ItemID($0), feature: FeatureCode(), image: ImageCode()) }
  }

  /// The story: a collection of a cluster that was made without a coder took codes of every coder,
  /// one after the other, while one of a store takes the first that is named and no other.
  @Test func theFirstThatIsNamedIsThatOfTheCollection() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let (first, second) = try (
      #require(CoderIdentity("vgg-2")), #require(CoderIdentity("other"))
    )
    let collection = try await client.createCollection("c", shardCount: 2, replicationFactor: 2)
    // Who names none may write before and after.
    _ = try await collection.upsert(Self.records(0..<10))
    #expect(try await client.collection("c").description.coder == nil)
    // What is only deleted has no coder.
    _ = try await collection.append(.delete([ItemID(999)]), 0, coder: second)
    _ = try await collection.upsert(Self.records(10..<20), coder: first)
    #expect(try await client.collection("c").description.coder == first)
    func expectRefusal(_ records: Range<UInt64>) async {
      let error = await #expect(throws: ServiceError.self) {
        _ = try await collection.upsert(Self.records(records), coder: second)
      }
      #expect(error?.code == .coderMismatch)
      #expect(
        error?.message.contains("'other'") == true && error?.message.contains("'vgg-2'") == true)
    }
    await expectRefusal(20..<30)
    var search = SearchRequest(collection: collection.id, extent: .nearest(1), coder: second)
    search.append(feature: FeatureCode())
    let mismatch = await #expect(throws: ServiceError.self) {
      _ = try await collection.search(search)
    }
    #expect(mismatch?.code == .coderMismatch)
    try await cluster.restartCoordinator()
    try await cluster.waitForWorkers(2, client)
    await expectRefusal(30..<40)
    _ = try await collection.upsert(Self.records(40..<50))
    let stats = try await collection.stats()
    #expect(stats.shards.reduce(0) { $0 + $1.recordCount } == 30)
    // The files say it too, for snapshots and copies.
    try await cluster.wait(for: "files that name their coder", client) { _ in true }
    for number in 0..<2 {
      var coder: CoderIdentity?
      var tries = 0
      while coder == nil, tries < 500 {
        tries += 1
        let opened = try await client.ask(
          CopyOpenRequest(shard: ShardKey(collection: collection.id, number: number), term: Term(0))
        )
        coder = try ShardCopyManifest(opened.manifest).meta.coder
        _ = try await client.ask(CopyCloseRequest(session: opened.session))
        if coder == nil { try await Task.sleep(for: .milliseconds(10)) }
      }
      #expect(coder == first, "shard \(number)")
    }
    await client.close()
    try await cluster.end()
  }

  @Test func ofManyAtOnceOneIsTheFirst() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let collection = try await client.createCollection("c", shardCount: 3, replicationFactor: 1)
    let coders = try ["red", "green", "blue"].map { try #require(CoderIdentity($0)) }
    let written = try await withThrowingTaskGroup(of: (CoderIdentity, Bool).self) { group in
      for number in 0..<30 {
        let coder = coders[number % coders.count]
        let records = Self.records(UInt64(number) * 10..<UInt64(number) * 10 + 10)
        group.addTask {
          do {
            _ = try await collection.upsert(records, coder: coder)
            return (coder, true)
          } catch let error as ServiceError where error.code == .coderMismatch {
            return (coder, false)
          }
        }
      }
      var written: [CoderIdentity: Int] = [:]
      for try await (coder, isWritten) in group where isWritten {
        written[coder, default: 0] += 1
      }
      return written
    }
    let winner = try #require(try await client.collection("c").description.coder)
    #expect(written == [winner: 10])
    let stats = try await collection.stats()
    #expect(stats.shards.reduce(0) { $0 + $1.recordCount } == 100)
    await client.close()
    try await cluster.end()
  }
}
