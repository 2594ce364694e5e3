import ArgumentParser
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

struct TrainCodecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "codec",
    abstract: "Train the networks that turn a picture into 64 bytes and back.",
    discussion: """
      Small pictures are trained on as they are; of those with a shorter side of 96
      pixels or more also random crops. A run that was stopped goes on from its
      checkpoint when the same command is given again, to the same weights.

      Examples:
        thumbprint train codec photos --out codec.safetensors
        thumbprint train codec cifar10/train photos@even --validate photos@odd \\
          --recipe quick --log codec.csv --plot codec.png --out codec.safetensors
      """)

  enum Recipe: String, CaseIterable {
    case quick
    case shipped

    var codecRecipe: CodecRecipe {
      switch self {
      case .quick: .quick
      case .shipped: .shipped
      }
    }
  }

  @Argument(
    help: ArgumentHelp(
      "Folders of PNG and JPEG files; FOLDER@even or FOLDER@odd for every other one.",
      valueName: "folder"),
    completion: .directory)
  var folders: [PicturePart]

  @Option(help: ArgumentHelp("File for the codec.", valueName: "file"), completion: .file())
  var out: String

  @Option(
    help: ArgumentHelp(
      "quick (minutes) or shipped (the model that comes along).",
      valueName: "name"),
    completion: .list(Recipe.allCases.map(\.rawValue)))
  var recipe = Recipe.quick.rawValue

  @Option(help: ArgumentHelp("Random crops of each large picture, 0 to 10000.", valueName: "count"))
  var crops = 40

  @Option(help: ArgumentHelp("Seed of weights, crops and order.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    name: .customLong("validate"),
    help: ArgumentHelp(
      "Pictures to measure the codec with after every phase.", valueName: "folder"),
    completion: .directory)
  var validationFolders: [PicturePart] = []

  @Option(help: ArgumentHelp("CSV file for loss and PSNR.", valueName: "file"), completion: .file())
  var log: String?

  @Option(
    help: ArgumentHelp("PNG file for a plot of the PSNR.", valueName: "file"),
    completion: .file())
  var plot: String?

  @Flag(help: "Write 16-bit floats.")
  var halves = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var messages: LogOptions

  /// Steps over which the log takes means.
  private static let logInterval = 100

  mutating func validate() throws {
    guard Recipe(rawValue: recipe) != nil else {
      throw ValidationError(
        "--recipe: '\(recipe)' is not one of "
          + Recipe.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard (0...10_000).contains(crops) else {
      throw ValidationError("--crops: \(crops) is not in 0...10000")
    }
  }

  mutating func run() throws {
    guard let recipe = Recipe(rawValue: recipe)?.codecRecipe else { return }
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let pictures = try read(folders, cropCount: crops)
    let test = validationFolders.isEmpty ? nil : try read(validationFolders, cropCount: 0)
    messages.note(
      "train codec: \(Text.count(pictures.count, "thumbnail")), "
        + "\(Text.count(recipe.stepCount, "step"))")
    var trainer = try CodecTrainer(
      recipe: recipe, pictures: pictures, seed: seed, threadCount: threads.count)
    let run = TrainingRun(checkpoint: out + ".checkpoint", label: "train codec", log: messages)
    try run.resume { try trainer.restore(from: $0) }
    try train(&trainer, run, test: test)
    let notes = [
      "training":
        "recipe \(self.recipe), \(pictures.count) thumbnails, \(crops) crops, seed \(seed)"
    ]
    try trainer.codec.write(to: out, halves: halves, notes: notes)
    run.clean()
    let written = try Codec(path: out)
    if let test { try show(written.evaluate(test, threadCount: threads.count), test.count) }
    try Console.write("wrote \(out)\n")
  }

  private func train(
    _ trainer: inout CodecTrainer, _ run: TrainingRun, test: Thumbnails?
  ) throws {
    var table = try TrainingLog(
      path: log, columns: ["phase", "mse", "psnr"], goingOnFrom: trainer.step)
    var (sum, count, phase) = (0.0, 0, -1)
    func step() throws -> (Int, String)? {
      guard !trainer.isFinished else { return nil }
      let progress = try trainer.advance()
      if progress.phase != phase, phase >= 0, let test {
        let psnr = try trainer.codec.evaluate(test, threadCount: threads.count).psnr
        messages.note("train codec: phase \(progress.phase) begins at \(Text.fixed(psnr, 2)) dB")
      }
      phase = progress.phase
      sum += progress.meanSquaredError
      count += 1
      if progress.step % Self.logInterval == 0 || trainer.isFinished {
        let mean = sum / Double(count)
        try table.append(
          step: progress.step,
          [Double(phase), mean, CodecTrainer.Progress.psnr(meanSquaredError: mean)])
        (sum, count) = (0, 0)
      }
      let last = table.rows.last?.values[2] ?? progress.psnr
      return (progress.step, "phase \(phase), \(Text.fixed(last, 2)) dB")
    }
    try run.loop(
      stepCount: trainer.recipe.stepCount, write: { try trainer.write(to: $0) }, step: step)
    if let plot {
      var picture = LinePlot(
        title: "Training a codec", horizontal: "step", vertical: "PSNR in dB, training pictures")
      picture.add("PSNR", table.rows.map { (Double($0.step), $0.values[2]) })
      try CommandError.naming("--plot") { try picture.draw().writePNG(to: plot) }
    }
  }

  private func read(_ parts: [PicturePart], cropCount: Int) throws -> Thumbnails {
    let paths = try parts.paths
    let progress = Progress("read", total: paths.count, noun: "pictures", quiet: messages.quiet)
    defer { progress.finish() }
    return try TrainingPictures(cropCount: cropCount, seed: seed).read(
      paths, threadCount: threads.count
    ) {
      progress.moved(to: $0)
      guard !Interrupt.isRequested else { throw CommandError(.interrupted, "nothing is trained") }
    }
  }

  private func show(_ evaluation: CodecEvaluation, _ count: Int) throws {
    var table = TextTable([("bytes", .right), ("PSNR", .right)])
    for row in evaluation.rows {
      table.append([String(row.byteCount), "\(Text.fixed(row.meanPSNR, 2)) dB"])
    }
    try Console.write("\(table.text)over \(Text.count(count, "picture"))\n")
  }
}
