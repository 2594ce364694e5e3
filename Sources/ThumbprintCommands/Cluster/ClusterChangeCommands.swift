import ArgumentParser
import ThumbprintCodes
import ThumbprintWire

struct ClusterRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Forget a worker that holds nothing: a drained one, or one lost for good.",
    discussion: """
      Examples:
        thumbprint cluster remove w2 --coordinator 127.0.0.1:7700
      """)

  @Argument(help: ArgumentHelp("Name of the worker.", valueName: "worker"))
  var worker: WorkerArgument

  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    _ = try cluster.with { try $0.run(RemoveWorker(worker: worker.name)) }
    if output.json { return try Console.write(json: ["removed": worker.name.description]) }
    try Console.write("removed worker '\(worker.name)'\n")
  }
}

struct MoveAbortCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "abort",
    abstract: "End a move: what was copied is dropped, the replica stays where it was.",
    discussion: """
      'cluster moves' shows the numbers of moves.

      Examples:
        thumbprint move abort 17 --coordinator 127.0.0.1:7700
      """)

  @Argument(help: ArgumentHelp("Number of the move.", valueName: "id"))
  var id: UInt64

  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    _ = try cluster.with { try $0.run(AbortMove(move: id)) }
    if output.json { return try Console.write(json: ["aborted": id]) }
    try Console.write("aborted move \(id)\n")
  }
}

struct CollectionReplicasCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replicas",
    abstract: "Change how many replicas each shard of a collection has.",
    discussion: """
      In a cluster only. Copies are made, or dropped, afterwards: see 'cluster
      shards'.

      Examples:
        thumbprint collection replicas photos 3 --coordinator 127.0.0.1:7700
      """)

  @Argument(help: "Name of the collection.")
  var name: String

  @Argument(
    help: "Replicas of each shard, 1 to \(CollectionCreateCommand.replicaCountMax).")
  var count: Int

  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard (1...CollectionCreateCommand.replicaCountMax).contains(count) else {
      throw ValidationError(
        "\(count) replicas: not in 1...\(CollectionCreateCommand.replicaCountMax)")
    }
  }

  mutating func run() throws {
    let report = try cluster.with { session in
      let collection = try session.named(name, flag: "NAME")
      _ = try session.run(SetReplicas(collection: name, replicationFactor: count))
      return try collection.report()
    }
    if output.json { return try Console.write(json: report) }
    try Console.write(
      "each shard of '\(name)' is to have \(Text.count(count, "replica")); "
        + "see 'thumbprint cluster shards'\n")
  }
}
