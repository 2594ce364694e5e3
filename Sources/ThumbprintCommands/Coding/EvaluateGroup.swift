import ArgumentParser

struct EvaluateGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Make the paper's tables and figures from data given.",
    subcommands: [EvaluateFigure6Command.self, EvaluateTable2Command.self])
}
