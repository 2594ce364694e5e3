import ArgumentParser

struct ClusterGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "See what a cluster does, and change who is in it.",
    subcommands: [
      ClusterStatusCommand.self, ClusterWorkersCommand.self, ClusterShardsCommand.self,
      ClusterMovesCommand.self, ClusterRemoveCommand.self,
    ])
}

struct MoveGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Work on moves of shards, one by one.",
    subcommands: [MoveAbortCommand.self])
}
