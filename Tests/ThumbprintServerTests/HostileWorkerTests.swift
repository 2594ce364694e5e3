import NIOCore
import NIOPosix
import Testing
import ThumbprintClient
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintTransport
import ThumbprintWire

/// Workers that say what no worker says: nothing is kept of them, and few lines are written.
@Suite struct HostileWorkerTests {
  private static let group = MultiThreadedEventLoopGroup.singleton

  private func register(
    _ name: String, _ cluster: LocalCluster, id: ClusterID?,
    _ change: (inout WorkerRegistration) -> Void = { _ in }
  ) async throws {
    let worker = try #require(WorkerName(name))
    let connection = try await WireConnection.connect(
      host: "127.0.0.1", port: cluster.coordinator.server.port,
      hello: Hello(role: .worker, name: worker, program: "hostile"), group: Self.group)
    var registration = WorkerRegistration(
      name: worker, session: SessionID(UInt64.random(in: 1...UInt64.max)),
      address: try #require(WorkerAddress("127.0.0.1:1")), capacityByteCount: 1 << 30,
      clusterID: id, number: 1, reports: [])
    change(&registration)
    _ = try await connection.ask(
      ControlRequest(
        operation: ControlOperation.register.rawValue, arguments: registration),
      timeout: .seconds(30))
    connection.close()
  }

  /// The story: every refused registration was a line of the log, as often as anybody liked.
  @Test func refusedWorkersFillNoLog() async throws {
    let cluster = try await LocalCluster(workers: [])
    for number in 0..<120 {
      try await register("x\(number % 7)", cluster, id: ClusterID(high: 9, low: 9))
    }
    let count = cluster.log.lines("worker refused").count
    // So many in ten seconds; on a machine that is slow they are spread over more of those.
    #expect((1...100).contains(count), "\(count) lines")
    try await cluster.end()
    #expect(!cluster.log.lines("more of the same").isEmpty)
  }

  /// The story: a few reports of very many bytes, or records, ended the coordinator by overflow.
  @Test func impossibleNumbersEndNoCoordinator() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    _ = try await client.createCollection("c", shardCount: 8, replicationFactor: 1)
    let status = try await client.run(ClusterStatusOperation())
    let id = try #require(status.collections.first?.id)
    await cluster.crash("a")
    try await register("a", cluster, id: status.cluster) { registration in
      registration.reports = (0..<8).map { number in
        ReplicaReport(
          shard: ShardKey(collection: id, number: number), role: .primary, term: Term(1),
          promisedTerm: Term(1),
          summary: ReplicaSummary(
            position: .start, recordCount: .max, digest: RecordDigest()), byteCount: 1 << 60,
          copy: CopyProgress(byteCountDone: .min, byteCountTotal: .max))
      }
    }
    _ = try await client.run(ClusterStatusOperation())
    _ = try await client.run(Rebalance(isDryRun: true, byteRate: nil))
    await cluster.coordinator.updateMetrics()
    #expect(!cluster.log.lines("worker refused").isEmpty)
    await client.close()
    try await cluster.end()
  }

  /// The story: a worker that listens on another port after every start left something behind for
  /// each of them, in every process that had ever asked it.
  @Test func oldAddressesAreForgotten() async throws {
    let network = WirePeerNetwork(group: Self.group) { Hello(role: .client, program: "test") }
    for round in 0..<8 {
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          guard let address = WorkerAddress(host: "127.0.\(round + 1).\(number + 1)", port: 1)
          else { continue }
          group.addTask {
            await withCheckedContinuation { continuation in
              network.send(Ping(token: 1), to: address, timeout: .seconds(20)) { _ in
                continuation.resume()
              }
            }
          }
        }
      }
      // A failed connection is not tried again for a moment; after that it is nothing.
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(network.peerCount < 200, "\(network.peerCount) of 400 are kept")
    network.close()
  }
}
