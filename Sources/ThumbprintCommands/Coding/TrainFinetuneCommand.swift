import ArgumentParser
import ThumbprintCoding
import ThumbprintNets

struct TrainFinetuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract: "Tune feature codes so that pictures of one group find each other.",
    discussion: """
      The groups are folders, or four files in a row of a set named as UKBench is. The
      convolutions stay as they are. A projection learns what differs inside groups,
      then fc6 and fc7 are tuned by triplets, beside the bits of the image codec, that
      stay too. --steps 0 makes the network before tuning, fitted without the groups.
      Choose settings by --hold-out, not by the groups that test.

      Examples:
        thumbprint train finetune views --part even --convolutions vgg19.safetensors \\
          --codec codec.safetensors --out features.safetensors
        thumbprint train finetune views --convolutions small.safetensors \\
          --codec codec.safetensors --components 64 --emphasis 0.5 --out f.safetensors
        thumbprint train finetune views --features vgg2.safetensors \\
          --codec codec.safetensors --out features.safetensors
      """)

  @Argument(
    help: ArgumentHelp("Folder of the set.", valueName: "folder"), completion: .directory)
  var set: String

  @Option(
    help: ArgumentHelp("Groups to tune on: all, even or odd.", valueName: "part"),
    completion: .list(SetPart.allCases.map(\.rawValue)))
  var part = SetPart.all.rawValue

  @Option(
    help: ArgumentHelp(
      "Convolutions: VGG-19 up to conv3_4 or more, what 'train compact' wrote, or a model.",
      valueName: "file"),
    completion: .file())
  var convolutions: String?

  @Option(
    help: ArgumentHelp(
      "A network to go on from, such as 'train features' wrote, in place of --convolutions.",
      valueName: "file"),
    completion: .file())
  var features: String?

  @Option(
    help: ArgumentHelp("The image codec, whose bits stay.", valueName: "file"),
    completion: .file())
  var codec: String

  @Option(help: ArgumentHelp("File for the network.", valueName: "file"), completion: .file())
  var out: String

  @Option(help: ArgumentHelp("Steps; 0 for none.", valueName: "count"))
  var steps = 300

  @OptionGroup var head: HeadOptions

  @Option(help: ArgumentHelp("Groups of one step, two pictures of each.", valueName: "count"))
  var batchGroups = 64

  @Option(help: ArgumentHelp("The greatest learning rate.", valueName: "number"))
  var rate: Float = 1e-3

  @Option(help: ArgumentHelp("Margin, as a share of the bits.", valueName: "number"))
  var margin: Float = 0.1

  @Option(help: ArgumentHelp("Share of fc6 left out in a step.", valueName: "number"))
  var dropout: Float = 0.2

  @Option(
    help: ArgumentHelp(
      "Reward for small distances inside groups; makes an index faster.", valueName: "number"))
  var tightness: Float = 0

  @Option(
    help: ArgumentHelp(
      "Reward for strangers at half of the bits: balanced, uncorrelated bits.",
      valueName: "number"))
  var spread: Float = 0

  @Option(
    help: ArgumentHelp(
      "Keep every n-th group of those to tune on apart, and print how it does.",
      valueName: "n"))
  var holdOut: Int?

  @Option(help: ArgumentHelp("Seed of all that is random.", valueName: "number"))
  var seed: UInt64 = 1

  @Flag(help: "Write 16-bit floats.")
  var halves = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  mutating func validate() throws {
    guard SetPart(rawValue: part) != nil else {
      throw ValidationError("--part: '\(part)' is not all, even or odd")
    }
    guard (0...10_000_000).contains(steps) else {
      throw ValidationError("--steps: \(steps) is not in 0...10000000")
    }
    guard (convolutions == nil) != (features == nil) else {
      throw ValidationError("--convolutions, --features: one of them is needed")
    }
    if features != nil, let flag = head.firstGiven {
      throw ValidationError("\(flag): the network of --features has its own")
    }
    guard rate > 0, rate <= 1 else { throw ValidationError("--rate: \(rate) is not in 0...1") }
    guard margin >= 0, margin <= 1 else {
      throw ValidationError("--margin: \(margin) is not in 0...1")
    }
    guard dropout >= 0, dropout < 1 else {
      throw ValidationError("--dropout: \(dropout) is not in 0..<1")
    }
    guard tightness >= 0, spread >= 0, tightness < 1_000, spread < 1_000 else {
      throw ValidationError("--tightness, --spread: rewards are in 0..<1000")
    }
    if let holdOut, holdOut < 2 { throw ValidationError("--hold-out: \(holdOut) is below 2") }
  }

  mutating func run() throws {
    let base = try features.map { path in
      try CommandError.naming("--features") { try FeatureNetwork(path: path) }
    }
    let fixed =
      try base?.convolutions
      ?? CommandError.naming("--convolutions") {
        try ConvolutionalPart(path: convolutions ?? "")
      }
    let coder = try CommandError.naming("--codec") { try Codec(path: codec) }
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let groups = try PictureGroups(folder: set)
    let described = try DescribedSet(
      groups, indices: groups.indices(of: SetPart(rawValue: part) ?? .all), part: fixed,
      pooling: base?.description.pooling ?? .pyramid, codec: coder, threadCount: threads.count,
      quiet: log.quiet)
    let heldOut = holdOut.map { HeldOutGroups($0, of: described.groups) }
    func isHeldOut(_ group: Int) -> Bool { heldOut?.contains(group) ?? false }
    let tuning = described.filtered { !isHeldOut($0) }
    var network =
      try base?.balanced(over: tuning)
      ?? FeatureNetwork(
        fitting: fixed, to: tuning, usesGroups: steps > 0, emphasis: head.emphasis ?? 0,
        componentCount: head.components ?? 256, hiddenCount: head.hidden ?? 1_024, seed: seed)
    try report("before", network, described, isHeldOut)
    if steps > 0 {
      network = try tune(network, tuning)
      try report("after", network, described, isHeldOut)
    }
    try network.write(
      to: out, halves: halves,
      notes: ["training": "\(Set(tuning.groups).count) groups, \(steps) steps, seed \(seed)"])
    try Console.write("wrote \(out)\n")
  }

  private func tune(_ network: FeatureNetwork, _ set: DescribedSet) throws -> FeatureNetwork {
    let recipe = FineTuningRecipe(
      groupCount: batchGroups, margin: margin,
      reward: TripletLoss.IndexReward(tightness: tightness, spread: spread), dropout: dropout,
      peakRate: rate, stepCount: steps)
    var trainer = try FineTuningTrainer(
      recipe: recipe, network: network, set: set, seed: seed, threadCount: threads.count)
    let run = TrainingRun(checkpoint: out + ".checkpoint", label: "train finetune", log: log)
    try run.resume { try trainer.restore(from: $0) }
    func step() throws -> (Int, String)? {
      guard !trainer.isFinished else { return nil }
      let progress = try trainer.advance()
      return (
        progress.step,
        "loss \(Text.fixed(progress.loss, 4)), \(Text.percent(progress.activeShare)) active"
      )
    }
    try run.loop(stepCount: steps, write: { try trainer.write(to: $0) }, step: step)
    run.clean()
    return trainer.network
  }

  /// Prints the scores on tuned and held-out groups, each among the pictures of all of them.
  private func report(
    _ label: String, _ network: FeatureNetwork, _ set: DescribedSet,
    _ isHeldOut: (Int) -> Bool
  ) throws {
    for (name, wanted) in [("tuned on", false), ("held out", true)] {
      let queries = set.groups.indices.filter { isHeldOut(set.groups[$0]) == wanted }
      guard !queries.isEmpty else { continue }
      let scores = set.scores(network, queries: queries, threadCount: threads.count)
      let combined = scores.combined ?? scores.features
      try Console.write(
        "\(label), \(name): score \(Text.fixed(scores.features.score, 3)), combined "
          + "\(Text.fixed(combined.score, 3)), ratio \(Text.fixed(scores.features.distanceRatio, 3)), "
          + "combined distances \(Text.fixed(combined.sameDistance, 3)) "
          + "and \(Text.fixed(combined.differentDistance, 3)), ratio "
          + "\(Text.fixed(combined.distanceRatio, 3))\n")
    }
  }
}

extension DescribedSet {
  /// Reads and describes a set, showing progress.
  init(
    _ set: PictureGroups, indices: [Int], part: ConvolutionalPart,
    pooling: FeatureDescription.Pooling = .pyramid, codec: Codec?, threadCount: Int, quiet: Bool
  ) throws {
    let reading = Progress("read", total: indices.count, noun: "pictures", quiet: quiet)
    let pictures = try PictureSet(
      set, indices: indices, for: part.description, threadCount: threadCount
    ) { reading.moved(to: $0) }
    reading.finish()
    let describing = Progress("describe", total: indices.count, noun: "pictures", quiet: quiet)
    self.init(pictures, part: part, pooling: pooling, codec: codec, threadCount: threadCount) {
      describing.moved(to: $0)
    }
    describing.finish()
  }
}

/// Groups kept apart from those that tune, to choose settings by: every n-th.
struct HeldOutGroups {
  private let members: Set<Int>

  /// - Parameters:
  ///   - interval: The n: of three, the third, sixth, ninth group and so on.
  ///   - groups: The groups of pictures, with repetitions.
  init(_ interval: Int, of groups: [Int]) {
    members = Set(
      Set(groups).sorted().enumerated().filter { $0.offset % interval == interval - 1 }
        .map(\.element))
  }

  func contains(_ group: Int) -> Bool { members.contains(group) }
}

/// The size of a head that is to be fitted.
struct HeadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Numbers that go into fc6, 1 to 1024.", valueName: "count"))
  var components: Int?

  @Option(
    help: ArgumentHelp(
      "Power of their deviation by which the projection weighs directions, 0 to 2; above 0 makes "
        + "an index faster.", valueName: "number"))
  var emphasis: Float?

  @Option(help: ArgumentHelp("Outputs of fc6, 1 to 16384.", valueName: "count"))
  var hidden: Int?

  /// The first flag that was given.
  var firstGiven: String? {
    components.map { _ in "--components" } ?? emphasis.map { _ in "--emphasis" }
      ?? hidden.map { _ in "--hidden" }
  }

  mutating func validate() throws {
    if let components, !(1...1_024).contains(components) {
      throw ValidationError("--components: \(components) is not in 1...1024")
    }
    if let emphasis, !(emphasis >= 0 && emphasis <= 2) {
      throw ValidationError("--emphasis: \(emphasis) is not in 0...2")
    }
    if let hidden, !(1...16_384).contains(hidden) {
      throw ValidationError("--hidden: \(hidden) is not in 1...16384")
    }
  }
}
