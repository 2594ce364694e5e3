import ArgumentParser

struct BenchGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure searching, loading and coding, and make data to do it with.",
    subcommands: [
      BenchSearchCommand.self, BenchLoadCommand.self, BenchVGGCommand.self, BenchGenerateGroup.self,
    ])
}

struct BenchGenerateGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make coded datasets whose right answers are known.",
    subcommands: [BenchGeneratePlantedCommand.self])
}
