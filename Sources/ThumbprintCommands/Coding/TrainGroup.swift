import ArgumentParser

struct TrainGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train the networks that make codes.",
    subcommands: [
      TrainCodecCommand.self, TrainCompactCommand.self, TrainFeaturesCommand.self,
      TrainFinetuneCommand.self,
    ])
}
