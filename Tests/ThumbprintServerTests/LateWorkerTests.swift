import Logging
import Testing
import ThumbprintClient
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintTestKit
import ThumbprintWire

/// Workers that answer late, or one thing and not another.
@Suite(.serialized) struct LateWorkerTests {
  private static let count = 400

  private func load(_ client: ClusterClient, replicas: Int) async throws -> RemoteCollection {
    let remote = try await client.createCollection(
      "c", shardCount: 4, replicationFactor: replicas, tableCount: 0)
    var generator = RecordGenerator(seed: 3)
    _ = try await remote.upsert(
      (0..<Self.count).map { generator.record(id: ItemID(UInt64($0))) })
    return remote
  }

  /// The story: who took longer than a moment for a fetch was asked anew and anew, and the client
  /// never got an answer.
  @Test func aFetchMayTakeItsTime() async throws {
    let cluster = try await LocalCluster(
      workers: [], coordinator: { $0.fetchPatience = .milliseconds(20) })
    let proxy = try await WorkerProxy.start("a", in: cluster)
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let remote = try await load(client, replicas: 1)
    proxy.set(.delay(.milliseconds(400)), for: .fetch)
    let ids = (0..<Self.count).map { ItemID(UInt64($0)) }
    #expect(try await remote.records(ids).count == Self.count)
    #expect(proxy.count(.fetch) == 1, "asked once, since nobody else could be asked")
    await client.close()
    try await cluster.end()
    await proxy.end()
  }

  @Test func aFetchIsJoinedByAnotherReplica() async throws {
    let cluster = try await LocalCluster(
      workers: ["a"], coordinator: { $0.fetchPatience = .milliseconds(20) })
    let proxy = try await WorkerProxy.start("b", in: cluster)
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let remote = try await load(client, replicas: 2)
    try await cluster.waitForReplicas(2, client)
    proxy.set(.keep, for: .fetch)
    let ids = (0..<Self.count).map { ItemID(UInt64($0)) }
    #expect(try await remote.records(ids).count == Self.count)
    await client.close()
    try await cluster.end()
    await proxy.end()
  }

  enum Trouble: String, CaseIterable {
    /// Contents are not sent; contents do not come in time; the search does not end in time.
    case contentsRefused, contentsLate, searchLate
  }

  /// The story: matches whose image codes could not be fetched were left out without a word.
  @Test(arguments: Trouble.allCases)
  func whatIsMissingIsNamed(_ trouble: Trouble) async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let proxy = try await WorkerProxy.start("b", in: cluster)
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let remote = try await load(client, replicas: 1)
    let status = try await client.run(ClusterStatusOperation())
    let lost = Set(status.shards.filter { $0.primary?.text == "b" }.map(\.number))
    #expect((1...3).contains(lost.count))
    switch trouble {
    case .contentsRefused: proxy.set(.refuse(ServiceError(.io, "made up")), for: .fetch)
    case .contentsLate: proxy.set(.keep, for: .fetch)
    case .searchLate: proxy.set(.keep, for: .search)
    }
    var search = SearchRequest(
      collection: remote.id, extent: .within(FeatureCode.bitCount),
      wants: [.images, .certificate, .partial])
    search.append(feature: FeatureCode())
    let reply = try await client.ask(search, within: .seconds(3))
    let kept = Set(
      (0..<Self.count).map { ItemID(UInt64($0)) }.filter {
        !lost.contains(ShardHash.shard(of: $0, count: 4))
      })
    #expect(Set((0..<reply.rows.rowCount).map(reply.rows.id)) == kept)
    #expect(Set(reply.shards.filter { $0.failure != nil }.map(\.shard)) == lost)
    #expect(reply.answers[0].certificate?.rowCount == UInt64(kept.count))
    // Who wants all or nothing gets nothing.
    search.wants.remove(.partial)
    await #expect(throws: ServiceError.self) {
      _ = try await client.ask(search, within: .seconds(1))
    }
    await client.close()
    try await cluster.end()
    await proxy.end()
  }

  /// The story: every search that was taken back was a defect in the log.
  @Test func aClientThatLeavesIsNoDefect() async throws {
    let cluster = try await LocalCluster(workers: [])
    let proxy = try await WorkerProxy.start("a", in: cluster)
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let remote = try await load(client, replicas: 1)
    proxy.set(.keep, for: .search)
    proxy.set(.keep, for: .fetch)
    var search = SearchRequest(collection: remote.id, extent: .nearest(1))
    search.append(feature: FeatureCode())
    let leaving = try await cluster.client()
    let fetch = FetchRequest(collection: remote.id, ids: [ItemID(1)], parts: .all)
    let asking = [
      Task { [search] in _ = try await leaving.ask(search) },
      Task { _ = try await leaving.ask(fetch) },
    ]
    while proxy.count(.search) == 0 || proxy.count(.fetch) == 0 {
      try await Task.sleep(for: .milliseconds(5))
    }
    await leaving.close()
    for task in asking { await #expect(throws: ServiceError.self) { try await task.value } }
    // A worker that leaves gives up its wait for orders.
    await cluster.crash("a")
    try await cluster.wait(for: "a worker that is gone", client) { !$0.workers[0].isAlive }
    let failed = cluster.log.lines("request failed").filter { $0.level >= .warning }
    #expect(failed.isEmpty, "\(failed)")
    await client.close()
    try await cluster.end()
    await proxy.end()
  }
}
