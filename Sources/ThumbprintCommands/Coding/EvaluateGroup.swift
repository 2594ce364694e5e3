import ArgumentParser

struct EvaluateGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Make the paper's tables and figures on your own pictures.",
    subcommands: [
      EvaluateTable1Command.self, EvaluateFigure5Command.self, EvaluateFigure6Command.self,
      EvaluateTable2Command.self, EvaluateTradeoffCommand.self,
    ])
}
