import ArgumentParser

/// The root of all commands.
struct Thumbprint: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "thumbprint",
      abstract: "Finds pictures by 4096-bit codes, and says what it proved.",
      discussion: """
        Codes are kept in a store, a folder of collections: --store DIR, or else the
        folder that THUMBPRINT_STORE names, or else 'thumbprint-store' right here. Or
        they are kept in a cluster: --coordinator HOST:PORT, or THUMBPRINT_COORDINATOR.

        Examples:
          thumbprint bench generate planted --count 20000 --out demo
          thumbprint collection create photos
          thumbprint load demo --collection photos
          thumbprint query --collection photos --id 17 -k 4
        """,
      version: ThumbprintVersion.text(
        verbose: CommandLine.arguments.contains { $0 == "--verbose" || $0 == "-v" }),
      groupedSubcommands: [
        CommandGroup(
          name: "Collections", subcommands: [CollectionGroup.self, SnapshotGroup.self]),
        CommandGroup(
          name: "Pictures",
          subcommands: [IngestCommand.self, SimilarCommand.self, DuplicatesCommand.self]),
        CommandGroup(
          name: "Records",
          subcommands: [
            LoadCommand.self, QueryCommand.self, GetCommand.self, DeleteCommand.self,
            ExportCommand.self,
          ]),
        CommandGroup(
          name: "Upkeep",
          subcommands: [
            StatsCommand.self, VerifyCommand.self, CheckCommand.self, SealCommand.self,
            CompactCommand.self,
          ]),
        CommandGroup(
          name: "Clusters",
          subcommands: [
            PlanCommand.self, ClusterGroup.self, RebalanceCommand.self, DrainCommand.self,
            MoveGroup.self,
          ]),
        CommandGroup(
          name: "Coding",
          subcommands: [
            EncodeCommand.self, DecodeCommand.self, TrainGroup.self, EvaluateGroup.self,
            ViewsCommand.self, ScenesCommand.self, ModelGroup.self,
          ]),
        CommandGroup(name: "Measuring", subcommands: [BenchGroup.self]),
      ])
  }
}
