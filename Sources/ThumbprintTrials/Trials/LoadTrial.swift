import Foundation
import Glibc
import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// A bulk load into a cluster beside one into a store of the same disk, and loads in whose middle
/// somebody is killed.
struct LoadTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var roundCount: Int
  var killsCount: Int
  var scratch: Scratch

  static let workerCount = 3

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "load",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)",
        "workers": "\(Self.workerCount)", "replicas": "2", "rounds": "\(roundCount)",
      ])
    let base = BaseRecords(seed: seed, count: count)
    let dataset = try base.makeDataset(at: scratch.path("dataset"))
    if roundCount > 0 { try await compare(dataset, &report) }
    if killsCount > 0 {
      let small = BaseRecords(seed: seed ^ 1, count: killsCount)
      let part = try small.makeDataset(at: scratch.path("small"))
      try await torment(part, &report)
    }
    report.seconds = watch.seconds
    return report
  }

  // MARK: Speed

  private func compare(_ dataset: CodedDataset, _ report: inout TrialReport) async throws {
    var local: [Double] = []
    var network: [Double] = []
    var networkSealed: [Double] = []
    var localSealed: [Double] = []
    var cpu: [String: Double] = [:]
    for round in 0..<roundCount {
      sync()
      let twin = try LocalTwin(
        dataset, shardCount: shardCount, scratch: scratch, name: "store-\(round)")
      local.append(Double(dataset.count) / (twin.report.seconds - twin.report.sealingSeconds))
      localSealed.append(Double(dataset.count) / twin.report.seconds)
      twin.store.close()
      try FileManager.default.removeItem(atPath: scratch.path("store-\(round)"))
      Chatter.say(
        "local load: \(Figures.rate(local[round])), \(Figures.rate(localSealed[round])) indexed")
      sync()
      let cluster = try await TrialCluster.start(
        workers: Self.workerCount, in: scratch, name: "cluster-\(round)")
      let client = try await cluster.client()
      let collection = try await client.createCollection(
        "trial", shardCount: shardCount, replicationFactor: 2)
      let ownBefore = ProcessUsage.own
      let sealWatch = Stopwatch()
      let loaded = try await collection.load(dataset)
      guard loaded.isWhole else { throw TrialError("the load left something out") }
      network.append(Double(loaded.doneCount) / loaded.seconds)
      cpu["client", default: 0] += ProcessUsage.own - ownBefore
      for (name, usage) in await cluster.usage {
        let what = name == TrialCluster.coordinatorName ? name : "workers"
        cpu[what, default: 0] += usage.cpuSeconds
      }
      try await collection.waitUntilSettled()
      networkSealed.append(Double(loaded.doneCount) / max(0.001, sealWatch.seconds - 1))
      Chatter.say(
        "network load: \(Figures.rate(network[round])), \(Figures.rate(networkSealed[round])) indexed"
      )
      await client.close()
      await cluster.stop()
      try FileManager.default.removeItem(at: cluster.folder)
    }
    tell(local, localSealed, network, networkSealed, cpu, report: &report)
  }

  private func tell(
    _ local: [Double], _ localSealed: [Double], _ network: [Double], _ networkSealed: [Double],
    _ cpu: [String: Double], report: inout TrialReport
  ) {
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    report.tell("local load, on the disk", Figures.rate(mean(local)), mean(local))
    report.tell("local load, indexed too", Figures.rate(mean(localSealed)), mean(localSealed))
    report.tell(
      "network load, on the disks of both replicas", Figures.rate(mean(network)), mean(network))
    report.tell(
      "network load, indexed too (about)", Figures.rate(mean(networkSealed)), mean(networkSealed))
    let ratio = mean(network) / (mean(local) / 2)
    report.ask(
      "network / half of local", Figures.ratio(ratio), ratio, asked: ">= 0.70x",
      holds: ratio >= 0.7, isTimed: true)
    let rows = Double(count * roundCount)
    for (name, seconds) in cpu.sorted(by: { $0.key < $1.key }) {
      report.tell(
        "processor time of \(name)", "\(Figures.number(seconds * 1e6 / rows, 2)) us a record",
        seconds * 1e6 / rows)
    }
  }

  // MARK: Kills

  private enum Victim: String, CaseIterable {
    case command = "the command"
    case worker = "a worker"
    case coordinator = "the coordinator"
  }

  private func torment(_ dataset: CodedDataset, _ report: inout TrialReport) async throws {
    let digest = try dataset.digest()
    for victim in Victim.allCases {
      let cluster = try await TrialCluster.start(
        workers: Self.workerCount, in: scratch, name: "kill-\(victim)")
      let client = try await cluster.client()
      let collection = try await client.createCollection(
        "trial", shardCount: shardCount, replicationFactor: 2)
      let progress = try await killInTheMiddle(victim, dataset, collection, cluster)
      try await client.waitForWorkers(Self.workerCount)
      let again = try await collection.load(dataset)
      let stats = try await collection.stats()
      let found = stats.shards.reduce(0) { $0 + $1.recordCount }
      let replicas = try await settled(client)
      report.ask(
        "\(victim.rawValue) killed at \(progress) of \(dataset.count), loaded again",
        "\(found) records, \(again.counts.unchanged) were there, \(replicas) equal replicas",
        asked: "exact counts and digest",
        holds: found == dataset.count && stats.digest == digest && again.isWhole)
      await client.close()
      await cluster.stop()
      try FileManager.default.removeItem(at: cluster.folder)
    }
  }

  private func settled(_ client: ClusterClient) async throws -> Int {
    try await client.waitUntilWhole(replicas: 2)
    return try await client.waitUntilReplicasAreEqual()
  }

  /// - Returns: How many records were there when it happened.
  private func killInTheMiddle(
    _ victim: Victim, _ dataset: CodedDataset, _ collection: RemoteCollection,
    _ cluster: TrialCluster
  ) async throws -> Int {
    let loading: Task<Void, Never>?
    var command: ChildProcess?
    if victim == .command {
      loading = nil
      command = try ChildProcess(
        "load", scratch.executables.appending(path: "thumbprint"),
        [
          "load", dataset.path, "--collection", "trial", "--coordinator", await cluster.address,
        ], log: cluster.folder.appending(path: "load.log"))
    } else {
      loading = Task { _ = try? await collection.load(dataset) }
    }
    let client = try await cluster.client()
    var count = 0
    while count < dataset.count / 4 {
      count = try await client.collection("trial").description.recordCount
      if let command, !command.isRunning {
        let last = command.output.split(separator: "\n").last.map(String.init) ?? ""
        throw TrialError("the load ended before it could be killed: \(last)")
      }
      try await Task.sleep(for: .milliseconds(2))
    }
    switch victim {
    case .command: command?.kill()
    case .worker:
      await cluster.kill("b")
      try await Task.sleep(for: .milliseconds(700))
      try await cluster.startWorker("b")
    case .coordinator:
      await cluster.kill(TrialCluster.coordinatorName)
      try await Task.sleep(for: .milliseconds(300))
      try await cluster.startCoordinator()
    }
    await loading?.value
    await client.close()
    return count
  }
}
