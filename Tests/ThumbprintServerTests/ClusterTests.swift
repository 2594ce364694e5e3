import Foundation
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintWire

/// Whole clusters of this process against a store of this machine.
@Suite(.serialized) struct ClusterTests {
  /// The same records in a cluster and in a store.
  private struct Twins {
    var remote: RemoteCollection
    var local: LocalCollection
    var store: LocalStore
    var generator: RecordGenerator

    /// Asks both the same.
    mutating func compare(_ count: Int, _ what: String) async throws {
      for number in 0..<count {
        let query = generator.query()
        var wire = SearchRequest(
          collection: remote.id, extent: .nearest(1), metric: .feature,
          wants: [.images, .names, .certificate])
        switch query.extent {
        case .nearest(let k): wire.extent = .nearest(k)
        case .within(let radius): wire.extent = .within(radius)
        }
        var asked = query
        asked.metric = .feature
        asked.image = nil
        asked.distanceMax = min(asked.distanceMax, 4096)
        wire.append(feature: query.feature)
        let expected = try local.search(asked)
        let reply = try await remote.search(wire)
        let found = reply.distances.enumerated().map {
          SearchMatch(distance: Int($1), id: reply.rows.id($0))
        }
        #expect(found == expected.matches, "\(what), query \(number)")
        #expect(reply.shards.allSatisfy { $0.failure == nil }, "\(what)")
        let records = try local.records(expected.matches.map(\.id))
        for (row, record) in records.enumerated() {
          #expect(reply.rows.image(row) == record?.image, "\(what), query \(number)")
          #expect(reply.rows.name(row) == record?.name, "\(what), query \(number)")
        }
        #expect(reply.answers[0].certificate.map { $0.missProbability <= 1e-9 } == true)
      }
    }

    mutating func write(_ count: Int) async throws {
      let records = generator.records(count, idsBelow: 3_000)
      _ = try local.upsert(records)
      _ = try await remote.upsert(records)
      let ids = (0..<count / 4).map { _ in generator.id(below: 3_000) }
      _ = try local.delete(ids)
      _ = try await remote.delete(ids)
    }
  }

  private func twins(
    _ cluster: LocalCluster, _ client: ClusterClient, shardCount: Int, replicas: Int
  ) async throws -> Twins {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("ClusterTests: seed=\(seed)")
    let remote = try await client.createCollection(
      "photos", shardCount: shardCount, replicationFactor: replicas, tableCount: 0)
    let store = try LocalStore(
      path: cluster.folder.appending(path: "local").path, access: .readWrite)
    try store.createCollection("photos", shardCount: 3, profile: .sketchesOnly, coder: nil)
    return Twins(
      remote: remote, local: try store.collection("photos"), store: store,
      generator: RecordGenerator(seed: seed))
  }

  @Test func oneWorkerAnswersAsAStoreDoes() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    var twins = try await twins(cluster, client, shardCount: 4, replicas: 1)
    for round in 0..<3 {
      try await twins.write(300)
      try await twins.compare(20, "round \(round)")
    }
    let stats = try await twins.remote.stats()
    #expect(stats.digest == (try twins.local.stats().digest))
    #expect(stats.shards.reduce(0) { $0 + $1.recordCount } == (try twins.local.info.recordCount))
    twins.store.close()
    await client.close()
    try await cluster.end()
  }

  @Test func everyReplicaHasWhatWasAcknowledged() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b", "c"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(3, client)
    var twins = try await twins(cluster, client, shardCount: 4, replicas: 2)
    try await twins.write(400)
    try await twins.compare(20, "three workers")
    try await cluster.waitForReplicas(2, client)
    await cluster.crash("b")
    // Until another replica is primary, writes wait; they are not lost.
    try await twins.write(200)
    try await twins.compare(20, "after a crash")
    try await cluster.start("b")
    try await twins.write(100)
    try await cluster.waitForReplicas(2, client)
    try await cluster.restartCoordinator()
    try await twins.write(100)
    try await twins.compare(20, "after the coordinator began anew")
    #expect(try await twins.remote.stats().digest == twins.local.stats().digest)
    twins.store.close()
    await client.close()
    try await cluster.end()
  }

  @Test func whatCannotBeIsNamed() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let missing = await #expect(throws: ServiceError.self) {
      _ = try await client.collection("none")
    }
    #expect(missing?.code == .notFound && missing?.message.contains("'none'") == true)
    let many = await #expect(throws: ServiceError.self) {
      _ = try await client.createCollection("x", shardCount: 1, replicationFactor: 2)
    }
    #expect(many?.code == .unavailable, "\(String(describing: many))")
    let coded = try await client.createCollection(
      "x", shardCount: 1, replicationFactor: 1, tableCount: 0, coder: CoderIdentity("vgg-2"))
    var search = SearchRequest(
      collection: coded.id, extent: .nearest(1), coder: CoderIdentity("other"))
    search.append(feature: FeatureCode())
    let mismatch = await #expect(throws: ServiceError.self) { _ = try await coded.search(search) }
    #expect(mismatch?.code == .coderMismatch && mismatch?.message.contains("'other'") == true)
    let again = await #expect(throws: ServiceError.self) {
      _ = try await client.createCollection("x", shardCount: 1, replicationFactor: 1)
    }
    #expect(again?.code == .exists)
    _ = try await client.run(DropCollection(collection: "x"))
    search.coder = nil
    let dropped = await #expect(throws: ServiceError.self) { _ = try await coded.search(search) }
    #expect(dropped?.code == .notFound)
    await client.close()
    try await cluster.end()
  }
}
