import Foundation
import NIOCore
import NIOPosix
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintServer
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintTransport
import ThumbprintWire

/// Whole clusters of this process against a store of this machine.
@Suite(.serialized) struct ClusterTests {
  @Test func anAnswerThatIsTooLargeIsSaidAtOnce() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let remote = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    let name = String(repeating: "n", count: RecordLimits.nameByteCountMax)
    let count = WireLimits.nearestCountMax
    for start in stride(from: 0, to: count, by: 4_096) {
      _ = try await remote.upsert(
        (start..<start + 4_096).map { number in
          var feature = FeatureCode()
          feature[number % FeatureCode.bitCount] = true
          return Record(
            id: ItemID(UInt64(number)), name: name, feature: feature, image: ImageCode())
        })
    }
    var search = SearchRequest(collection: remote.id, extent: .nearest(count), wants: .names)
    search.append(feature: FeatureCode())
    let error = await #expect(throws: ServiceError.self) { _ = try await remote.search(search) }
    #expect(error?.code == .tooLarge, "\(String(describing: error))")
    search.wants = []
    #expect(try await remote.search(search).distances.count == count)
    await client.close()
    try await cluster.end()
  }

  /// A worker that holds nothing near a query used to look for its own nearest, at the cost of a
  /// full scan; and its radius was given as that of the whole answer, which is cut to k.
  @Test func workersSearchUnderTheBoundOfAll() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b", "c"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(3, client)
    let remote = try await client.createCollection("c", shardCount: 6, replicationFactor: 1)
    var generator = CodeGenerator(seed: 5)
    let codes = generator.planted(count: 6_000, share: 0.05)
    for start in stride(from: 0, to: codes.count, by: 2_000) {
      _ = try await remote.upsert(
        (start..<start + 2_000).map {
          Record(id: ItemID(UInt64($0)), feature: codes[$0], image: ImageCode())
        })
    }
    for first in stride(from: 0, to: 400, by: 40) {
      let feature = generator.flipped(codes[first], share: 0.02)
      let truth = codes.indices.map {
        SearchMatch(distance: feature.distance(to: codes[$0]), id: ItemID(UInt64($0)))
      }.sorted()
      for k in [1, 3, 4] {
        var search = SearchRequest(
          collection: remote.id, extent: .nearest(k), wants: [.certificate])
        search.append(feature: feature)
        let reply = try await remote.search(search)
        #expect(reply.distances.map(Int.init) == truth.prefix(k).map(\.distance))
        let proof = try #require(reply.answers[0].certificate)
        #expect(proof.rowCount == 6_000)
        #expect(proof.codesCompared < 2_000, "k = \(k): \(proof.codesCompared) compared")
        #expect(
          Int(proof.radius) <= truth[k].distance,
          "k = \(k): nothing nearer than \(proof.radius), but for \(truth[k].distance)")
      }
    }
    await client.close()
    try await cluster.end()
  }

  @Test func oneWorkerAnswersAsAStoreDoes() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    var twins = try await Twins(cluster.folder, client, shardCount: 4, replicas: 1)
    for round in 0..<3 {
      try await twins.write(300)
      try await twins.compare(20, "round \(round)")
    }
    let stats = try await twins.remote.stats()
    #expect(stats.digest == (try twins.local.stats().digest))
    #expect(stats.shards.reduce(0) { $0 + $1.recordCount } == (try twins.local.info.recordCount))
    twins.close()
    await client.close()
    try await cluster.end()
  }

  @Test func everyReplicaHasWhatWasAcknowledged() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b", "c"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(3, client)
    var twins = try await Twins(cluster.folder, client, shardCount: 4, replicas: 2)
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
    twins.close()
    await client.close()
    try await cluster.end()
  }

  /// The story: a coordinator kept every write that waited for a primary, of all clients, however
  /// many bytes they had together.
  @Test func onlySoManyBytesOfWritesWait() async throws {
    let cluster = try await LocalCluster(
      workers: ["a"], coordinator: { $0.writeByteCountMax = 100_000 })
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let collection = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    func write(_ client: ClusterClient) async throws(ServiceError) -> Int {
      let records = (0..<150).map {
        Record(id: ItemID($0), feature: FeatureCode(), image: ImageCode())
      }
      let own = RemoteCollection(client: client, description: collection.description)
      return try await own.upsert(records).added
    }
    await cluster.crash("a")
    let waiting = try await cluster.client()
    let first = Task {
      while true {
        do {
          return try await write(waiting)
        } catch let error as ServiceError where error.code == .busy {
          try await Task.sleep(for: .milliseconds(1))
        }
      }
    }
    var refusal: ServiceError?
    var tries = 0
    while refusal == nil, tries < 1_000 {
      tries += 1
      let second = try await cluster.client()
      let attempt = Task { () async -> ServiceError? in
        do throws(ServiceError) {
          _ = try await write(second)
          return nil
        } catch {
          return error
        }
      }
      // Should it wait there, and not the first one, it is taken back.
      try await Task.sleep(for: .milliseconds(20))
      await second.close()
      if let error = await attempt.value, error.code == .busy { refusal = error }
    }
    #expect(refusal?.isRetryable == true && refusal?.message.contains("bytes wait") == true)
    try await cluster.start("a")
    #expect(try await first.value == 150)
    await waiting.close()
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

  @Test func anotherClusterIsRefusedByName() async throws {
    let (own, other) = (
      try await LocalCluster(workers: ["a"]), try await LocalCluster(workers: ["b"])
    )
    let (client, stranger) = (try await own.client(), try await other.client())
    try await own.waitForWorkers(1, client)
    try await other.waitForWorkers(1, stranger)
    let ids = (
      try await client.run(ClusterStatusOperation()).cluster,
      try await stranger.run(ClusterStatusOperation()).cluster
    )
    // A coordinator that comes to a worker of another cluster.
    let port = try #require(own.workers["a"]).server.port
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let refusal = await #expect(throws: ServiceError.self) {
      _ = try await WireConnection.connect(
        host: "127.0.0.1", port: port,
        hello: Hello(role: .coordinator, cluster: ids.1, program: "test"), group: group)
    }
    try await group.shutdownGracefully()
    #expect(refusal?.code == .wrongCluster)
    #expect(refusal?.message.contains("\(ids.0)") == true)
    #expect(refusal?.message.contains("\(ids.1)") == true)
    // A worker that comes to the coordinator of another cluster.
    await own.crash("a")
    try await other.start("a", of: own)
    while other.log.lines("the coordinator refuses this worker").isEmpty {
      try await Task.sleep(for: .milliseconds(10))
    }
    let line = try #require(other.log.lines("the coordinator refuses this worker").first)
    #expect(line.fields["why"]?.contains("worker 'a' belongs to cluster \(ids.0)") == true)
    let workers = try await stranger.run(ClusterStatusOperation()).workers
    #expect(workers.map(\.name.text) == ["b"])
    await client.close()
    await stranger.close()
    try await other.end()
    try await own.end()
  }
}
