import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

/// Shards move to a fourth worker under a mixed load: undisturbed, and with the source, the target
/// or the coordinator killed in the middle.
struct RebalanceTrial {
  enum Victim: String, CaseIterable, Sendable {
    case nobody
    case source
    case target
    case coordinator
  }

  var seed: UInt64
  var count: Int
  var shardCount: Int
  var byteRate: Int
  /// How long the load is watched before.
  var calmSeconds: Double
  var victims: [Victim]
  var scratch: Scratch

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "rebalance",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)", "workers": "3, then 4",
        "replicas": "2", "bytes-a-second": "\(byteRate)",
      ])
    for victim in victims { try await run(victim, &report) }
    report.seconds = watch.seconds
    return report
  }

  private func run(_ victim: Victim, _ report: inout TrialReport) async throws {
    let base = BaseRecords(seed: seed, count: count)
    let cluster = try await TrialCluster.start(workers: 3, in: scratch, name: victim.rawValue)
    let client = try await cluster.client()
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 2)
    try await base.load(into: collection)
    try await client.waitUntilWhole(replicas: 2)
    let load = MixedLoad(.init(seed: seed), base: base, collection: collection.description)
    let running = Task { try await load.run(on: cluster) }
    try await Task.sleep(for: .seconds(1))
    _ = load.takeTimes()
    try await Task.sleep(for: .seconds(calmSeconds))
    let before = load.takeTimes().queries
    let target = TrialCluster.workerName(3)
    try await cluster.startWorker(target)
    try await client.waitForWorkers(4)
    let plan = try await client.run(Rebalance(isDryRun: false, byteRate: byteRate))
    let moveWatch = Stopwatch()
    let killed = try await kill(victim, cluster, client, plan)
    try await client.wait(within: .seconds(180), "the end of all moves") { $0.moves.isEmpty }
    let moveSeconds = moveWatch.seconds
    let during = load.takeTimes().queries
    load.stop()
    let ledger = try await running.value
    try await client.waitUntilWhole(replicas: 2)
    let replicas = try await client.waitUntilReplicasAreEqual()
    let audit = try await Audit.run(collection, base, ledger)
    let status = try await client.status
    let held = status.workers.first { $0.name.text == target }?.replicaCount ?? 0
    let digest = try await collection.stats().digest
    let name = victim == .nobody ? "undisturbed" : "\(victim.rawValue) killed (\(killed))"
    report.ask(
      "\(name): moves",
      "\(plan.steps.count) in \(Figures.number(moveSeconds, 1)) s, \(held) replicas",
      asked: "all that were planned", holds: !plan.steps.isEmpty && held >= plan.steps.count)
    let tally = load.current
    if victim == .coordinator {
      report.tell(
        "\(name): queries that failed", "\(tally.failedQueryCount) of \(tally.queryCount)")
    } else {
      report.askNone(
        "\(name): queries that failed, of \(tally.queryCount)", tally.failedQueryCount)
    }
    report.askNone("\(name): wrong answers", tally.wrongAnswerCount)
    if victim == .nobody { tell(before, during, &report) }
    report.askNone(
      "\(name): records lost, doubled, changed or foreign",
      audit.lost.count + audit.doubled.count + audit.changed.count + audit.foreign.count)
    report.ask(
      "\(name): digest", "equal on \(replicas) replicas", asked: "equal, as the records read",
      holds: digest == audit.digest)
    report.notes += tally.reasons.prefix(3).map { "\(name): \($0)" }
    await client.close()
    await cluster.stop()
    try FileManager.default.removeItem(at: cluster.folder)
  }

  private func tell(_ before: Timings, _ during: Timings, _ report: inout TrialReport) {
    let (calm, busy) = (before.quantile(0.99), during.quantile(0.99))
    report.tell(
      "query p50, p99 before",
      "\(Figures.milliseconds(before.median)), \(Figures.milliseconds(calm))", calm)
    report.ask(
      "query p50, p99 during",
      "\(Figures.milliseconds(during.median)), \(Figures.milliseconds(busy))", busy,
      asked: "p99 <= 3x before", holds: busy <= 3 * calm, isTimed: true)
  }

  /// - Returns: Whom it killed.
  private func kill(
    _ victim: Victim, _ cluster: TrialCluster, _ client: ClusterClient, _ plan: MovePlan
  ) async throws -> String {
    let name: String
    switch victim {
    case .nobody: return "nobody"
    case .source: name = plan.steps.compactMap { $0.source?.text }.first ?? "a"
    case .target: name = TrialCluster.workerName(3)
    case .coordinator: name = TrialCluster.coordinatorName
    }
    // In the middle: some bytes of some copy are there, and not all.
    try await client.wait(within: .seconds(60), "a copy in its middle") { status in
      status.moves.contains { move in
        guard let done = move.doneByteCount, let total = move.totalByteCount else { return false }
        return done > total / 5 && done < total
      } || status.moves.isEmpty
    }
    await cluster.kill(name)
    try await Task.sleep(for: .milliseconds(Int.random(in: 0...2_500)))
    try await cluster.start(name)
    return name
  }
}
