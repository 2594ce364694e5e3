import ArgumentParser

struct ModelGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Make, describe and check model files.",
    subcommands: [ModelInfoCommand.self, ModelVerifyCommand.self, ModelPackCommand.self])
}
