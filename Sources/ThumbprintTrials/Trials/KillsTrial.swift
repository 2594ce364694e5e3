import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

/// Workers are killed at random under a mixed load, and nothing that was acknowledged may be lost.
struct KillsTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var workerCount: Int
  var killCount: Int
  /// Whether the coordinator is killed now and then, too.
  var killsCoordinator: Bool
  var scratch: Scratch

  private struct Tally {
    var failover: [Double] = []
    var coordinatorOutage: [Double] = []
    var catchUp: [Double] = []
    var primaryCount = 0
  }

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "kills",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)",
        "workers": "\(workerCount)", "replicas": "2", "kills": "\(killCount)",
      ])
    let base = BaseRecords(seed: seed, count: count)
    let cluster = try await TrialCluster.start(workers: workerCount, in: scratch)
    let client = try await cluster.client()
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 2)
    try await base.load(into: collection)
    try await client.waitUntilWhole(replicas: 2)
    let load = MixedLoad(.init(seed: seed), base: base, collection: collection.description)
    let running = Task { try await load.run(on: cluster) }
    try await Task.sleep(for: .seconds(1))
    let before = load.takeTimes()
    var probe = FailoverProbe(collection, seed: seed)
    var tally = Tally()
    for number in 0..<killCount {
      try await killOne(number, cluster, client, &probe, &tally)
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...600)))
    }
    load.stop()
    var ledger = try await running.value
    ledger.merge(probe.ledger)
    let replicaCount = try await client.waitUntilReplicasAreEqual()
    let during = load.takeTimes()
    let audit = try await Audit.run(collection, base, ledger)
    let stats = try await collection.stats()
    tell(tally, load.current, ledger, before.queries, during.queries, &report)
    audit.ask(of: &report)
    report.ask(
      "digest of all replicas", "equal on \(replicaCount)", asked: "equal, as the records read",
      holds: stats.digest == audit.digest)
    report.askNone("processes that ended by themselves", await cluster.crashed().count)
    await client.close()
    await cluster.stop()
    report.seconds = watch.seconds
    return report
  }

  private func killOne(
    _ number: Int, _ cluster: TrialCluster, _ client: ClusterClient,
    _ probe: inout FailoverProbe, _ tally: inout Tally
  ) async throws {
    let isCoordinator = killsCoordinator && number % 5 == 4
    let names = await cluster.workerNames
    let victim =
      isCoordinator ? TrialCluster.coordinatorName : names[Int.random(in: 0..<names.count)]
    let status = try await client.status
    let led = status.shards.filter { $0.primary?.text == victim }.map(\.number)
    tally.primaryCount += led.count
    let watch = Stopwatch()
    await cluster.kill(victim)
    if isCoordinator {
      try await cluster.start(victim)
      tally.coordinatorOutage.append(try await probe.run(Array(0..<shardCount)))
    } else {
      // Each shard of which it was primary takes a write again.
      let seconds = try await probe.run(led)
      tally.failover.append(seconds)
      try await Task.sleep(for: .milliseconds(Int.random(in: 0...2_500)))
      try await cluster.start(victim)
    }
    let restarted = Stopwatch()
    try await client.waitUntilWhole(replicas: 2)
    tally.catchUp.append(restarted.seconds)
    Chatter.say(
      "kill \(number + 1): \(victim), primary of \(led.count); "
        + "writes again after \(Figures.number(tally.failover.last ?? 0)) s, "
        + "whole \(Figures.number(watch.seconds)) s after the kill")
  }

  private func tell(
    _ tally: Tally, _ load: MixedLoad.Tally, _ ledger: Ledger, _ before: Timings,
    _ during: Timings, _ report: inout TrialReport
  ) {
    report.tell("kills", "\(tally.failover.count + tally.coordinatorOutage.count)")
    report.tell("primaries among what was killed", "\(tally.primaryCount)")
    let worst = tally.failover.max() ?? 0
    let mean = tally.failover.reduce(0, +) / Double(max(1, tally.failover.count))
    report.ask(
      "failover, worst", "\(Figures.number(worst)) s", worst, asked: "< 3 s", holds: worst < 3,
      isTimed: true)
    report.tell("failover, mean", "\(Figures.number(mean)) s", mean)
    if let outage = tally.coordinatorOutage.max() {
      report.tell(
        "writes again after the coordinator was killed, worst", "\(Figures.number(outage)) s")
    }
    report.tell(
      "all in sync after the restart, worst", "\(Figures.number(tally.catchUp.max() ?? 0)) s",
      tally.catchUp.max())
    report.tell("queries", "\(load.queryCount)", Double(load.queryCount))
    if !killsCoordinator {
      report.askNone("queries without a complete answer", load.failedQueryCount)
    } else {
      report.tell("queries that failed, the coordinator being down", "\(load.failedQueryCount)")
    }
    report.askNone("wrong answers", load.wrongAnswerCount)
    report.tell(
      "query p50, p99 before",
      "\(Figures.milliseconds(before.median)), \(Figures.milliseconds(before.quantile(0.99)))")
    report.tell(
      "query p50, p99, worst during",
      "\(Figures.milliseconds(during.median)), \(Figures.milliseconds(during.quantile(0.99))), "
        + Figures.milliseconds(during.maximum))
    report.tell("writes acknowledged", "\(load.writeCount)", Double(load.writeCount))
    report.tell("records in them", "\(ledger.acknowledgedCount)", Double(ledger.acknowledgedCount))
    report.tell("writes sent again or given up", "\(load.retriedWriteCount)")
    report.askNone("writes refused for good", load.refusedWriteCount)
    report.askNone("acknowledged writes not read back", load.staleReadCount)
    report.notes += load.reasons
  }
}

/// Writes one record to each shard and times until it is acknowledged.
struct FailoverProbe {
  private let collection: RemoteCollection
  private(set) var ledger: Ledger
  /// An id of each shard.
  private let ids: [ItemID]
  private var version: UInt32 = 60 << 26

  init(_ collection: RemoteCollection, seed: UInt64) {
    self.collection = collection
    ledger = Ledger(seed: seed)
    let count = collection.description.shardCount
    var found: [Int: ItemID] = [:]
    var next: UInt64 = 1 << 50
    while found.count < count {
      found[ShardHash.shard(of: ItemID(next), count: count)] = ItemID(next)
      next += 1
    }
    ids = (0..<count).compactMap { found[$0] }
  }

  /// - Returns: Seconds until all of these shards took a write.
  mutating func run(_ shards: [Int]) async throws -> Double {
    let watch = Stopwatch()
    version += 1
    let (collection, ids, version, ledger) = (collection, ids, version, ledger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for shard in shards {
        group.addTask {
          let records = [ledger.record(ids[shard], version: version)]
          while true {
            do throws(ServiceError) {
              _ = try await collection.upsert(records)
              return
            } catch {
              guard error.isRetryable, watch.seconds < 60 else { throw error }
              try? await Task.sleep(for: .milliseconds(20))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    for shard in shards { self.ledger.acknowledged(ids[shard], .version(version)) }
    return watch.seconds
  }
}
