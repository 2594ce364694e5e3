import ArgumentParser
import Foundation
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

struct TrainFeaturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract: "Train feature codes to tell classes of pictures apart (VGG-2).",
    discussion: """
      Every class is a folder. The convolutions stay as they are, and what they make
      of each picture is computed once and kept on disk. Behind them fc6 and fc7,
      whose 4096 outputs become bits, learn together with fc8, which reads the class
      from the bits. 'train finetune --features' tunes the result further. A run that
      was stopped goes on from its checkpoint when the same command is given again,
      to the same weights.

      Examples:
        thumbprint train features cifar10/train --convolutions small.safetensors \\
          --validate cifar10/test --out vgg2.safetensors
        thumbprint train features photos --convolutions vgg19.safetensors --whole \\
          --hidden 4096 --log vgg2.csv --plot vgg2.png --out vgg2.safetensors
      """)

  @Argument(
    help: ArgumentHelp("Folder with a folder of pictures for each class.", valueName: "folder"),
    completion: .directory)
  var folder: String

  @Option(
    help: ArgumentHelp(
      "Convolutions: VGG-19 up to conv3_4 or more, what 'train compact' wrote, or a model.",
      valueName: "file"),
    completion: .file())
  var convolutions: String

  @Flag(help: "Take all sixteen convolutions of VGG-19, at 224×224, and its fc6 and fc7.")
  var whole = false

  @Option(help: ArgumentHelp("File for the network.", valueName: "file"), completion: .file())
  var out: String

  @OptionGroup var options: ClassTrainingOptions

  @Option(
    name: .customLong("validate"),
    help: ArgumentHelp(
      "Pictures of the same classes to measure with, at every tenth of the run.",
      valueName: "folder"),
    completion: .directory)
  var validationFolder: String?

  @Option(
    help: ArgumentHelp("CSV file for loss and accuracy.", valueName: "file"), completion: .file())
  var log: String?

  @Option(
    help: ArgumentHelp("PNG file for a plot of the accuracy.", valueName: "file"),
    completion: .file())
  var plot: String?

  @Option(
    help: ArgumentHelp(
      "Keep what the convolutions make of the pictures in this file, for the next run.",
      valueName: "file"),
    completion: .file())
  var cache: String?

  @Option(
    help: ArgumentHelp("The most that this may take on disk, in MiB.", valueName: "count"))
  var cacheLimit = 8_192

  @Flag(help: "Write 16-bit floats.")
  var halves = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var messages: LogOptions

  mutating func validate() throws {
    guard (1...1_048_576).contains(cacheLimit) else {
      throw ValidationError("--cache-limit: \(cacheLimit) is not in 1...1048576")
    }
  }

  private var cachePath: String { cache ?? out + ".descriptors" }

  /// A set with what the convolutions make of it.
  private struct Described {
    let classes: PictureClasses
    let table: DescriptorTable
  }

  mutating func run() throws {
    let training = try PictureClasses(folder: folder)
    let test = try validationFolder.map { path in
      try CommandError.naming("--validate") {
        try PictureClasses(folder: path, names: training.names)
      }
    }
    let part = try CommandError.naming("--convolutions") { try fixedPart() }
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let described = try describe(training, part, cachePath)
    let validation = try test.map { try describe($0, part, cachePath + ".validation") }
    let weights = whole ? try SafetensorsFile(path: convolutions) : nil
    let network = try FeatureNetwork(
      fitting: part, to: described.table, pooling: options.poolingKind,
      componentCount: options.components, hiddenCount: options.hidden, weights: weights,
      seed: options.seed)
    messages.note(
      "train features: \(Text.count(training.paths.count, "picture")) of "
        + "\(Text.count(training.names.count, "class", plural: "classes")), "
        + "\(Text.grouped(described.table.size)) numbers each")
    var trainer = try ClassTrainer(
      recipe: options.recipe, network: network, descriptors: described.table,
      labels: training.labels, classCount: training.names.count, seed: options.seed,
      threadCount: threads.count)
    let run = TrainingRun(checkpoint: out + ".checkpoint", label: "train features", log: messages)
    try run.resume { try trainer.restore(from: $0) }
    try train(&trainer, run, validation)
    let result = try write(trainer, training, validation)
    run.clean()
    if cache == nil {
      for path in [cachePath, cachePath + ".validation"] {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
    try Console.write(result + "wrote \(out)\n")
  }

  /// The convolutions, with what goes with flat pooling: the last block pooled too, as in VGG.
  private func fixedPart() throws -> ConvolutionalPart {
    let lower = VGGDescription.vgg19Lower
    let pooled = VGGDescription(
      side: lower.side, blocks: lower.blocks, poolsLastBlock: options.poolingKind == .flat,
      preprocessing: lower.preprocessing)
    let part = try ConvolutionalPart(path: convolutions, vgg19: whole ? .vgg19 : pooled)
    guard !whole || part.description.blocks == VGGDescription.vgg19.blocks else {
      throw CommandError(.badData, "'\(convolutions)': is no VGG-19, which --whole needs")
    }
    return part
  }

  private func describe(
    _ classes: PictureClasses, _ part: ConvolutionalPart, _ path: String
  ) throws -> Described {
    let progress = Progress(
      "describe", total: classes.paths.count, noun: "pictures", quiet: messages.quiet)
    defer { progress.finish() }
    let table = try DescriptorTable(
      describing: classes.paths, by: part, pooling: options.poolingKind, path: path,
      byteCountMax: cacheLimit << 20, threadCount: threads.count
    ) { done in
      progress.moved(to: done)
      guard !Interrupt.isRequested else {
        throw CommandError(
          .interrupted,
          "\(Text.grouped(done)) of \(Text.grouped(classes.paths.count)) pictures "
            + "are described", hint: "to go on, run the same command again")
      }
    }
    return Described(classes: classes, table: table)
  }

  private func train(
    _ trainer: inout ClassTrainer, _ run: TrainingRun, _ validation: Described?
  ) throws {
    let columns = ["loss", "accuracy"] + (validation == nil ? [] : ["validation"])
    var table = try TrainingLog(path: log, columns: columns, goingOnFrom: trainer.step)
    let stepCount = trainer.recipe.schedule.stepCount
    let (interval, tenth) = (max(1, min(50, stepCount / 20)), max(1, stepCount / 10))
    var (loss, accuracy, count) = (0.0, 0.0, 0)
    var measured = validation == nil ? [] : [table.rows.last?.values.last ?? 0]
    func step() throws -> (Int, String)? {
      guard !trainer.isFinished else { return nil }
      let progress = try trainer.advance()
      (loss, accuracy, count) = (loss + progress.loss, accuracy + progress.accuracy, count + 1)
      if let validation, progress.step % tenth == 0 || trainer.isFinished {
        let share = trainer.accuracy(validation.table, labels: validation.classes.labels)
        messages.note(
          "train features: step \(progress.step): \(Text.percent(share)) of the pictures of "
            + "--validate")
        measured = [share]
      }
      if progress.step % interval == 0 || trainer.isFinished {
        try table.append(
          step: progress.step, [loss / Double(count), accuracy / Double(count)] + measured)
        (loss, accuracy, count) = (0, 0, 0)
      }
      let last = table.rows.last?.values ?? [progress.loss, progress.accuracy]
      return (progress.step, "loss \(Text.fixed(last[0], 3)), \(Text.percent(last[1])) right")
    }
    try run.loop(stepCount: stepCount, write: { try trainer.write(to: $0) }, step: step)
    guard let plot else { return }
    var picture = LinePlot(
      title: "Training feature codes", horizontal: "step", vertical: "share of pictures right")
    picture.add("training", table.rows.map { (Double($0.step), $0.values[1]) })
    if validation != nil {
      picture.add(
        "validation",
        table.rows.filter { $0.values[2] > 0 }.map { (Double($0.step), $0.values[2]) })
    }
    try CommandError.naming("--plot") { try picture.draw().writePNG(to: plot) }
  }

  /// Writes the network; returns the line that says how well it does.
  private func write(
    _ trainer: ClassTrainer, _ training: PictureClasses, _ validation: Described?
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    let names = String(decoding: try encoder.encode(training.names), as: UTF8.self)
    try trainer.network.write(
      to: out, halves: halves,
      notes: [
        "training": "\(training.paths.count) pictures of \(training.names.count) classes, "
          + "\(options.steps) steps, seed \(options.seed)",
        "classes": names.utf8.count <= 1 << 20 ? names : "[]",
      ], extras: trainer.classifierTensors)
    guard let validation else { return "" }
    let share = trainer.accuracy(validation.table, labels: validation.classes.labels)
    return "\(Text.percent(share)) of \(Text.count(validation.table.count, "picture")) of "
      + "--validate given their class\n"
  }
}

/// What a run on classes learns, and how.
struct ClassTrainingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What of the convolutions goes on: flat (all, as in VGG) or pyramid (means over quarters "
        + "and whole, projected).", valueName: "kind"),
    completion: .list(FeatureDescription.Pooling.allCases.map(\.rawValue)))
  var pooling = FeatureDescription.Pooling.flat.rawValue

  @Option(
    help: ArgumentHelp("Numbers of a pyramid that go into fc6, 1 to 1024.", valueName: "count"))
  var components = 256

  @Option(help: ArgumentHelp("Outputs of fc6, 1 to 16384.", valueName: "count"))
  var hidden = 1_024

  @Option(help: ArgumentHelp("Steps.", valueName: "count"))
  var steps = 2_000

  @Option(help: ArgumentHelp("Pictures of one step, 1 to 4096.", valueName: "count"))
  var batch = 64

  @Option(help: ArgumentHelp("The greatest learning rate.", valueName: "number"))
  var rate: Float = 1e-3

  @Option(
    help: ArgumentHelp("Share of fc6 and of the bits left out in a step.", valueName: "number"))
  var dropout: Float = 0.5

  @Option(
    help: ArgumentHelp(
      "How bits pass gradients: deterministic, stochastic or window.", valueName: "mode"),
    completion: .list(BinarizerMode.allCases.map(\.rawValue)))
  var binarizer = BinarizerMode.deterministic.rawValue

  @Option(help: ArgumentHelp("Seed of weights and order.", valueName: "number"))
  var seed: UInt64 = 1

  mutating func validate() throws {
    func check(_ flag: String, _ value: Int, _ range: ClosedRange<Int>) throws {
      guard range.contains(value) else {
        throw ValidationError(
          "\(flag): \(value) is not in \(range.lowerBound)...\(range.upperBound)")
      }
    }
    guard FeatureDescription.Pooling(rawValue: pooling) != nil else {
      throw ValidationError("--pooling: '\(pooling)' is not flat or pyramid")
    }
    guard BinarizerMode(rawValue: binarizer) != nil else {
      throw ValidationError(
        "--binarizer: '\(binarizer)' is not deterministic, stochastic or window")
    }
    try check("--components", components, 1...1_024)
    try check("--hidden", hidden, 1...16_384)
    try check("--steps", steps, 1...10_000_000)
    try check("--batch", batch, 1...4_096)
    guard rate > 0, rate <= 1 else { throw ValidationError("--rate: \(rate) is not in 0...1") }
    guard dropout >= 0, dropout < 1 else {
      throw ValidationError("--dropout: \(dropout) is not in 0..<1")
    }
  }

  var poolingKind: FeatureDescription.Pooling { .init(rawValue: pooling) ?? .flat }

  var recipe: ClassTrainingRecipe {
    ClassTrainingRecipe(
      batchCount: batch, binarizer: BinarizerMode(rawValue: binarizer) ?? .deterministic,
      dropout: dropout, peakRate: rate, stepCount: steps)
  }
}
