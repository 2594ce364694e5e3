import ArgumentParser

struct BenchGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure searching and loading, and make data to do it with.",
    subcommands: [BenchSearchCommand.self, BenchLoadCommand.self, BenchGenerateGroup.self])
}

struct BenchGenerateGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make coded datasets whose right answers are known.",
    subcommands: [BenchGeneratePlantedCommand.self])
}
