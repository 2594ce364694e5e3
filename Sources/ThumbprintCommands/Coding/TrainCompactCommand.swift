import ArgumentParser
import ThumbprintCoding
import ThumbprintNets

struct TrainCompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Train the convolutions of a small network to give what VGG-19's lower ones give.",
    discussion: """
      Cuts crops out of the photographs, asks the teacher what it makes of each, and
      trains the small network on the answers. A run that was stopped goes on from its
      checkpoint when the same command is given again, to the same weights.

      Examples:
        thumbprint train compact photos --teacher vgg.safetensors --out c.safetensors
        thumbprint train compact things places --part even --crops 8000 \\
          --teacher vgg19.safetensors --out small.safetensors
      """)

  @OptionGroup var photographs: PhotographOptions

  @Option(
    help: ArgumentHelp("Weights of VGG-19, at least up to conv3_4.", valueName: "file"),
    completion: .file())
  var teacher: String

  @Option(help: ArgumentHelp("File for the weights.", valueName: "file"), completion: .file())
  var out: String

  @Option(help: ArgumentHelp("Crops; each takes 76 KB of memory.", valueName: "count"))
  var crops = 8_000

  @Option(help: ArgumentHelp("Steps of 32 crops.", valueName: "count"))
  var steps = 2_000

  @Option(help: ArgumentHelp("The greatest learning rate.", valueName: "number"))
  var rate: Float = 2e-3

  @Option(help: ArgumentHelp("Seed of weights, crops and order.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  mutating func validate() throws {
    guard rate > 0, rate <= 1 else { throw ValidationError("--rate: \(rate) is not in 0...1") }
    guard crops >= 1, crops <= 10_000_000 else {
      throw ValidationError("--crops: \(crops) is not in 1...10000000")
    }
    guard steps >= 1, steps <= 100_000_000 else {
      throw ValidationError("--steps: \(steps) is not in 1...100000000")
    }
  }

  mutating func run() throws {
    let part = try CommandError.naming("--teacher") {
      try ConvolutionalPart(path: teacher)
    }
    let pictures = try PhotographOptions.read(try photographs.paths, threadCount: threads.count)
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let asking = Progress("teacher", total: crops, noun: "crops", quiet: log.quiet)
    var trainer = try DistillationTrainer(
      recipe: .standard(cropCount: crops, stepCount: steps, peakRate: rate), teacher: part,
      photographs: pictures, seed: seed, threadCount: threads.count
    ) { asking.moved(to: $0) }
    asking.finish()
    let run = TrainingRun(checkpoint: out + ".checkpoint", label: "train compact", log: log)
    try run.resume { try trainer.restore(from: $0) }
    func step() throws -> (Int, String)? {
      guard !trainer.isFinished else { return nil }
      let progress = try trainer.advance()
      return (progress.step, "error \(Text.fixed(progress.errorShare, 4))")
    }
    try run.loop(stepCount: steps, write: { try trainer.write(to: $0) }, step: step)
    try trainer.part.write(
      to: out,
      notes: [
        "training": "distilled from VGG-19 conv3_4, \(pictures.count) photographs, "
          + "\(crops) crops, \(steps) steps, seed \(seed)"
      ])
    run.clean()
    try Console.write("wrote \(out)\n")
  }
}
