import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintServer
import ThumbprintStorage
import ThumbprintWire

/// Copies of shards that clients read through a coordinator.
@Suite struct CopyRelayTests {
  /// A worker with a shard, a client, and what asks for a copy of that shard.
  private static func oneShard() async throws -> (LocalCluster, ClusterClient, CopyOpenRequest) {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let collection = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    let shard = ShardKey(collection: collection.id, number: 0)
    return (cluster, client, CopyOpenRequest(shard: shard, term: Term(0)))
  }

  @Test func aClientReadsItsOwnCopyAndNoOther() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let collection = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    let records = (0..<50).map {
      Record(id: ItemID($0), feature: FeatureCode(), image: ImageCode())
    }
    _ = try await collection.upsert(records)

    let shard = ShardKey(collection: collection.id, number: 0)
    // The term is that of the coordinator, whatever the client says.
    let opened = try await client.ask(CopyOpenRequest(shard: shard, term: Term(77)))
    let manifest = try ShardCopyManifest(opened.manifest)
    #expect(manifest.meta.recordCount == 50 && manifest.meta.key == shard)
    let item = try #require(manifest.items.first)
    let read = CopyReadRequest(
      session: opened.session, item: 0, offset: 0, byteCountMax: item.byteCount)
    #expect(try await client.ask(read).bytes.count == item.byteCount)

    let other = try await cluster.client()
    let stranger = await #expect(throws: ServiceError.self) { _ = try await other.ask(read) }
    #expect(stranger?.code == .notFound)
    _ = try await client.ask(CopyCloseRequest(session: opened.session))
    let closed = await #expect(throws: ServiceError.self) { _ = try await client.ask(read) }
    #expect(closed?.code == .notFound)

    let nowhere = await #expect(throws: ServiceError.self) {
      _ = try await client.ask(
        CopyOpenRequest(shard: ShardKey(collection: collection.id, number: 1), term: Term(0)))
    }
    #expect(nowhere?.code == .notFound)
    await other.close()
    await client.close()
    try await cluster.end()
  }

  /// The story: copies that were asked for at once were all opened, since none counted before it
  /// was; a client could take all that a worker gives, and its followers got none.
  @Test func soManyAndNoMoreAlsoWhenAskedForAtOnce() async throws {
    let (cluster, client, open) = try await Self.oneShard()
    func openMany(_ client: ClusterClient) async throws -> Int {
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<30 {
          group.addTask {
            do {
              _ = try await client.ask(open)
              return true
            } catch let error as ServiceError where error.code == .busy {
              return false
            }
          }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
    }
    var clients = [client]
    #expect(try await openMany(client) == 8)
    for expected in [8, 8, 8, 0] {
      clients.append(try await cluster.client())
      #expect(try await openMany(clients[clients.count - 1]) == expected)
    }
    for client in clients { await client.close() }
    try await cluster.end()
  }

  /// A manifest that does not fit into one message, as those of large shards.
  @Test func aLongManifestComesInParts() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"]) { $0.manifestPartByteCount = 100 }
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let collection = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    let records = (0..<50).map {
      Record(id: ItemID($0), name: "n\($0)", feature: FeatureCode(), image: ImageCode())
    }
    _ = try await collection.upsert(records)
    let shard = ShardKey(collection: collection.id, number: 0)
    var opened = try await client.ask(CopyOpenRequest(shard: shard, term: Term(0)))
    #expect(opened.manifest.count == 100 && opened.manifestRestByteCount > 0)
    var partCount = 1
    while let next = opened.manifestRead {
      try opened.add(try await client.ask(next))
      partCount += 1
    }
    #expect(partCount > 3)
    #expect(try ShardCopyManifest(opened.manifest).meta.recordCount == 50)
    // A replica reads it likewise.
    _ = try await client.run(SetReplicas(collection: "c", replicationFactor: 2))
    try await cluster.waitForReplicas(2, client)
    #expect(cluster.log.lines("copied").count == 1)
    await client.close()
    try await cluster.end()
  }

  @Test func oneClientHasOnlySoManyCopiesAndTheyEndWithIt() async throws {
    let (cluster, client, open) = try await Self.oneShard()
    var refusal: ServiceError?
    for _ in 0..<100 where refusal == nil {
      do {
        _ = try await client.ask(open)
      } catch {
        refusal = error
      }
    }
    #expect(refusal?.code == .busy, "\(String(describing: refusal))")
    await client.close()
    // What a client that is gone had open is let go of.
    let next = try await cluster.client()
    let end = ContinuousClock.now + .seconds(30)
    var isOpen = false
    while !isOpen, ContinuousClock.now < end {
      do {
        _ = try await next.ask(open)
        isOpen = true
      } catch {
        #expect(error.code == .busy)
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    #expect(isOpen, "no place for another copy after 30 s")
    await next.close()
    try await cluster.end()
  }
}
