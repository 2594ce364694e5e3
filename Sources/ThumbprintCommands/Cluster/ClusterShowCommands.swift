import ArgumentParser
import ThumbprintWire

struct ClusterStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show workers, collections, moves, and what is not as it should be.",
    discussion: """
      Examples:
        thumbprint cluster status --coordinator 127.0.0.1:7700
        thumbprint cluster status --watch
        thumbprint cluster status --json
      """)

  @OptionGroup var watch: WatchOptions
  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    var meter = MoveMeter()
    try watch.run(cluster, output) { status, now in
      let report = ClusterReport(status, moves: meter.note(status.moves, now: now))
      return output.json ? try Console.text(json: report) : report.text
    }
  }
}

struct ClusterWorkersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workers",
    abstract: "Show the workers: whether they are alive, what they hold and how full they are.",
    discussion: """
      Examples:
        thumbprint cluster workers --coordinator 127.0.0.1:7700
        thumbprint cluster workers --watch 1
      """)

  @OptionGroup var watch: WatchOptions
  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    try watch.run(cluster, output) { status, _ in
      let workers = status.workers.map(WorkerReport.init)
      if output.json { return try Console.text(json: workers) }
      return workers.isEmpty ? "no workers\n" : workers.table
    }
  }
}

struct ClusterShardsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shards",
    abstract: "Show where the replicas of each shard are, and how far each has come.",
    discussion: """
      A shard is whole, short of replicas, or unavailable: then no replica in sync is
      alive. Position is term and sequence of the last write that a replica reported.

      Examples:
        thumbprint cluster shards --coordinator 127.0.0.1:7700
        thumbprint cluster shards --collection photos --json
      """)

  @Option(
    name: [.long, .customShort("c")],
    help: ArgumentHelp("Only the shards of this collection.", valueName: "name"))
  var collection: String?

  @OptionGroup var watch: WatchOptions
  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    try watch.run(cluster, output) { status, _ in
      if let collection, !status.collections.contains(where: { $0.name == collection }) {
        throw CommandError.flag(
          "--collection", "there is no collection '\(Text.cut(collection, to: 80))'",
          hint: "look at 'thumbprint collection list'")
      }
      let shards = ClusterReport.shards(of: status)
        .filter { collection == nil || $0.collection == collection }
      if output.json { return try Console.text(json: shards) }
      return shards.isEmpty ? "no shards\n" : shards.table
    }
  }
}

struct ClusterMovesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moves",
    abstract: "Show the moves under way, how far and how fast, and how the last ones ended.",
    discussion: """
      Rate and time left come from looking again, so they are there with --watch only;
      the time left is that of the copy.

      Examples:
        thumbprint cluster moves --watch --coordinator 127.0.0.1:7700
        thumbprint cluster moves --json
      """)

  @OptionGroup var watch: WatchOptions
  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    var meter = MoveMeter()
    try watch.run(cluster, output) { status, now in
      let report = MovesReport(
        moves: meter.note(status.moves, now: now),
        ended: status.endedMoves.map { EndedMoveReport($0) })
      return output.json ? try Console.text(json: report) : report.text
    }
  }
}
