import ArgumentParser

struct CollectionGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collection",
    abstract: "Make, list and drop collections.",
    subcommands: [
      CollectionCreateCommand.self, CollectionListCommand.self, CollectionDropCommand.self,
      CollectionReplicasCommand.self,
    ])
}
