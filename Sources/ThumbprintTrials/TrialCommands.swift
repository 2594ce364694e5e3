import ArgumentParser
import Foundation

struct LatencyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency",
    abstract: "The time of one query by way of client, coordinator and worker.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records, at least 4.") var count = 100_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Workers that the shards are spread over, 1 or more.") var workers = 1
  @Option(help: "Queries.") var queries = 3_000
  @Flag(help: "Ask for codes near no record, which costs a comparison with all of them.")
  var unlike = false
  @Option(
    help: ArgumentHelp(
      "Ask a second cluster too, over TLS, with what Cluster/certificates DIR 127.0.0.1 made.",
      valueName: "dir"))
  var tls: String?

  func run() async throws {
    try await options.run { seed, scratch in
      try await LatencyTrial(
        seed: seed, count: count, shardCount: shards, workerCount: workers, queryCount: queries,
        asksUnlike: unlike, certificates: tls,
        scratch: scratch
      ).run()
    }
  }
}

struct ThroughputCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "throughput",
    abstract: "Queries a second of a coordinator and its workers, from several connections.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records, at least 4.") var count = 100_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Workers that the shards are spread over, 1 or more.") var workers = 1
  @Option(help: "Connections.") var connections = 16
  @Option(help: "Queries that each connection has under way.") var depth = 1
  @Option(help: "How long to measure.") var seconds = 10.0

  func run() async throws {
    try await options.run { seed, scratch in
      try await ThroughputTrial(
        seed: seed, count: count, shardCount: shards, workerCount: workers,
        connectionCount: connections, seconds: seconds, depth: depth, scratch: scratch
      ).run()
    }
  }
}

struct LoadTrialCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "A bulk load into a cluster beside one into a store, and loads with kills.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records of the loads that are timed.") var count = 400_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Loads of each kind; 0 for none.") var rounds = 2
  @Option(help: "Records of the loads with kills; 0 for none.") var killed = 200_000

  func run() async throws {
    try await options.run { seed, scratch in
      try await LoadTrial(
        seed: seed, count: count, shardCount: shards, roundCount: rounds, killsCount: killed,
        scratch: scratch
      ).run()
    }
  }
}

struct KillsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kills",
    abstract: "Random kills of workers under a mixed load, with a ledger of what was acknowledged.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records that are loaded first.") var count = 20_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Workers, 2 to 16.") var workers = 3
  @Option(help: "How many kills.") var kills = 20
  @Flag(help: "Kill the coordinator, too: every fifth time.") var coordinator = false

  func run() async throws {
    try await options.run { seed, scratch in
      try await KillsTrial(
        seed: seed, count: count, shardCount: shards, workerCount: workers, killCount: kills,
        killsCoordinator: coordinator, scratch: scratch
      ).run()
    }
  }
}

struct EqualityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "equality",
    abstract: "Every answer against that of a store, before, during and after shards move.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records, at least 4.") var count = 1_000_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Queries before the moves, and after them.") var queries = 500
  @Option(help: "Bytes a second of each copy; 0 for no bound.") var byteRate = 32 << 20

  func run() async throws {
    try await options.run { seed, scratch in
      try await EqualityTrial(
        seed: seed, count: count, shardCount: shards, queryCount: queries, byteRate: byteRate,
        scratch: scratch
      ).run()
    }
  }
}

struct RebalanceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebalance",
    abstract: "Shards move to a fourth worker under load, also when somebody is killed meanwhile.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records that are loaded first.") var count = 60_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "Bytes a second of each copy; 0 for no bound.") var byteRate = 4 << 20
  @Option(help: "How long to watch the load before.") var calm = 8.0
  @Option(
    parsing: .upToNextOption,
    help:
      "Who is killed in the middle: nobody, source, target, coordinator (default: each in turn).")
  var kill: [RebalanceTrial.Victim] = RebalanceTrial.Victim.allCases

  func run() async throws {
    try await options.run { seed, scratch in
      try await RebalanceTrial(
        seed: seed, count: count, shardCount: shards, byteRate: byteRate, calmSeconds: calm,
        victims: kill, scratch: scratch
      ).run()
    }
  }
}

extension RebalanceTrial.Victim: ExpressibleByArgument {}

struct SoakCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "A mixed load with a kill now and then; memory and files have to be flat at the end.")

  @OptionGroup var options: TrialOptions
  @Option(help: "Records that are loaded first.") var count = 50_000
  @Option(help: "Shards.") var shards = 8
  @Option(help: "How long.") var minutes = 20.0
  @Option(help: "Seconds from one kill to the next.") var every = 30.0

  func run() async throws {
    try await options.run { seed, scratch in
      try await SoakTrial(
        seed: seed, count: count, shardCount: shards, minutes: minutes, killSeconds: every,
        scratch: scratch
      ).run()
    }
  }
}

struct PartitionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition",
    abstract: "Links are cut in the hosts lab; no two primaries may acknowledge in one term.",
    discussion: "Needs root, iproute2 and nftables, as Cluster/hosts-lab does.")

  @OptionGroup var options: TrialOptions
  @Option(
    help: ArgumentHelp(
      "The script of the lab (default: Cluster/hosts-lab of the sources).", valueName: "path"))
  var lab: String?
  @Option(help: "Records that are loaded first.") var count = 8_000
  @Option(help: "Shards.") var shards = 4
  @Option(help: "Times that every kind of cut is made.") var rounds = 2
  @Option(help: "Seconds that a link stays cut.") var cut = 5.0
  @Option(help: .hidden) var inside: String?

  func run() async throws {
    if let inside {
      try await options.run { seed, _ in
        try await PartitionTrial(
          seed: seed, count: count, shardCount: shards, roundCount: rounds, cutSeconds: cut,
          lab: try HostsLab(script: lab, folder: inside)
        ).run()
      }
      return
    }
    try await options.run { seed, scratch in
      let lab = try HostsLab(script: lab, folder: scratch.path("lab"))
      try lab.up(workers: 3, executables: scratch.executables)
      defer { lab.down() }
      let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
      return try lab.report(
        of: [
          own, "partition", "--inside", lab.folder, "--lab", lab.script, "--seed", "\(seed)",
          "--count", "\(count)", "--shards", "\(shards)", "--rounds", "\(rounds)", "--cut",
          "\(cut)", "--json", "--dir", scratch.folder.path,
        ])
    }
  }
}
