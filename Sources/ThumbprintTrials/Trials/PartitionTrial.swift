import Foundation
import NIOCore
import NIOPosix
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// Links between the hosts of the lab are cut and healed under a mixed load: never may two primaries
/// acknowledge in one term, and everything has to heal by itself. Runs on the host of clients.
struct PartitionTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var roundCount: Int
  var cutSeconds: Double
  var lab: HostsLab

  private enum Kind: String, CaseIterable {
    case primaryFromCoordinator = "primary and coordinator"
    case primaryToCoordinator = "what the primary sends to the coordinator"
    case coordinatorToPrimary = "what the coordinator sends to the primary"
    case primaryFromFollower = "primary and follower"
    case followerToPrimary = "what the follower sends to the primary"
  }

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "partition",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)", "workers": "3",
        "replicas": "2", "rounds": "\(roundCount)", "cut": "\(Figures.number(cutSeconds, 1)) s",
      ])
    let client = try await connect(.seconds(20))
    try await client.waitForWorkers(3)
    let base = BaseRecords(seed: seed, count: count)
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 2)
    try await base.load(into: collection)
    try await client.waitUntilWhole(replicas: 2)
    let load = MixedLoad(.init(seed: seed), base: base, collection: collection.description)
    let running = Task { try await load.run(connect) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let direct = DirectWriters(
      try await client.status, collection.description, seed: seed, group: group)
    let writing = Task { await direct.run() }
    var probe = FailoverProbe(collection, seed: seed)
    for round in 0..<roundCount {
      for kind in Kind.allCases {
        let (writes, whole) = try await cut(kind, round, client, &probe)
        report.tell(
          "\(kind.rawValue), round \(round + 1): writes again, whole after healing",
          "\(Figures.number(writes)) s, \(Figures.number(whole)) s", writes)
      }
    }
    load.stop()
    direct.stop()
    await writing.value
    var ledger = try await running.value
    ledger.merge(probe.ledger)
    ledger.merge(direct.ledger)
    let replicas = try await client.waitUntilReplicasAreEqual()
    let audit = try await Audit.run(collection, base, ledger)
    let tally = load.current
    report.tell(
      "writes past the coordinator, acknowledged", "\(direct.count)", Double(direct.count))
    report.tell("terms in which somebody acknowledged", "\(direct.termCount)")
    report.askNone("terms in which two workers acknowledged", direct.doubles.count)
    report.tell("queries, failed", "\(tally.queryCount), \(tally.failedQueryCount)")
    report.askNone("wrong answers", tally.wrongAnswerCount)
    report.askNone("acknowledged writes not read back", tally.staleReadCount)
    audit.ask(of: &report)
    let digest = try await collection.stats().digest
    report.ask(
      "digest of all replicas", "equal on \(replicas)", asked: "equal, as the records read",
      holds: digest == audit.digest)
    report.notes += direct.doubles + tally.reasons
    await client.close()
    try await group.shutdownGracefully()
    report.seconds = watch.seconds
    return report
  }

  private var connect: @Sendable (Duration) async throws -> ClusterClient {
    { timeout in
      try await ClusterClient.connect(
        host: HostsLab.coordinatorHost, port: HostsLab.port, program: "thumbprint-trial",
        timeout: timeout)
    }
  }

  /// - Returns: Seconds until all shards took writes again, and until all replicas were in sync
  ///   after the link was healed.
  private func cut(
    _ kind: Kind, _ round: Int, _ client: ClusterClient, _ probe: inout FailoverProbe
  ) async throws -> (writes: Double, whole: Double) {
    let status = try await client.status
    let shard = status.shards[Int.random(in: 0..<status.shards.count)]
    guard let primary = shard.primary?.text,
      let follower = shard.replicas.map(\.worker.text).first(where: { $0 != primary })
    else { throw TrialError("shard \(shard.number) has no primary and follower") }
    let coordinator = TrialCluster.coordinatorName
    switch kind {
    case .primaryFromCoordinator: try lab.cut(primary, coordinator, isOneWay: false)
    case .primaryToCoordinator: try lab.cut(primary, coordinator, isOneWay: true)
    case .coordinatorToPrimary: try lab.cut(coordinator, primary, isOneWay: true)
    case .primaryFromFollower: try lab.cut(primary, follower, isOneWay: false)
    case .followerToPrimary: try lab.cut(follower, primary, isOneWay: true)
    }
    let watch = Stopwatch()
    let writes = try await probe.run(Array(0..<shardCount))
    try await Task.sleep(for: .seconds(max(0, cutSeconds - watch.seconds)))
    try lab.heal()
    let whole = try await client.waitUntilWhole(replicas: 2)
    Chatter.say(
      "cut \(kind.rawValue) (\(primary), \(follower)): writes again after "
        + "\(Figures.number(writes)) s, whole \(Figures.number(whole)) s after healing")
    return (writes, whole)
  }
}
