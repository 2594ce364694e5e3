import Foundation
import ThumbprintNets

/// Trains a codec, one step at a time.
///
/// The weights after a step are a function of recipe, pictures and seed alone: not of the number of
/// threads, nor of how often the run was stopped and resumed. (On another kind of processor OpenBLAS
/// adds in another order, and the last bits differ.)
public struct CodecTrainer {
  /// How a run stands.
  public struct Progress: Sendable {
    /// Steps done, of all.
    public let step: Int
    public let stepCount: Int
    /// The phase of the last step, from 0.
    public let phase: Int
    /// The mean squared error of the last trained stage's pictures over −1...1, in the last step.
    public let meanSquaredError: Double

    /// The error as a ratio in decibels: of the mean error, before rounding, on training pictures.
    public var psnr: Double { Self.psnr(meanSquaredError: meanSquaredError) }

    /// Decibels of a mean squared error over −1...1.
    public static func psnr(meanSquaredError: Double) -> Double {
      10 * log10(4 / max(meanSquaredError, 1e-10))
    }
  }

  public let recipe: CodecRecipe
  public let seed: UInt64
  /// Steps done.
  public var step: Int { checkpoint.step }
  /// Whether all steps of the recipe are done.
  public var isFinished: Bool { step >= recipe.stepCount }

  private let pictures: Thumbnails
  private let threadCount: Int
  private var checkpoint: Checkpoint
  private let workers: [SliceTrainer]
  private var order: EpochOrder
  private var gradient: [Float] = []
  /// A function of the pictures, so not part of checkpoints.
  private var start: (basis: PrincipalBasis, plan: PrincipalPlan)?

  /// Prepares a run.
  ///
  /// - Parameter threadCount: The most threads used by ``advance()``.
  /// - Throws: ``CodingError/Code/invalidRecipe``, ``CodingError/Code/noPictures``, or
  ///   `NetsError.Code.invalidSpec`.
  public init(
    recipe: CodecRecipe, pictures: Thumbnails, seed: UInt64, threadCount: Int
  ) throws {
    try recipe.check()
    guard pictures.count > 0 else {
      throw CodingError(.noPictures, "there are no pictures to train on")
    }
    self.recipe = recipe
    self.seed = seed
    self.pictures = pictures
    self.threadCount = max(1, threadCount)
    let codec = try Codec(recipe.spec, seed: seed)
    var parts: [Checkpoint.Part] = []
    for (number, stage) in codec.stages.enumerated() {
      for (kind, network) in [("encoder", stage.encoder), ("decoder", stage.decoder)] {
        parts.append(
          Checkpoint.Part(
            name: "stage\(number).\(kind)", network: network,
            optimizer: Adam(parameterCount: network.parameters.count)))
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(recipe), as: UTF8.self)
    checkpoint = Checkpoint(
      recipe: "\(text) on \(pictures.count) pictures", seed: seed, step: 0, parts: parts,
      extras: [
        ("scales", Tensor(shape: [CodecSpec.stageCount], repeating: 1))
      ])
    let sliceCount =
      (recipe.batchCount + recipe.sliceImageCount - 1) / recipe.sliceImageCount
    workers = (0..<sliceCount).map { slice in
      let first = slice * recipe.sliceImageCount
      return SliceTrainer(
        codec.stages, first: first,
        imageCount: min(recipe.sliceImageCount, recipe.batchCount - first))
    }
    order = EpochOrder(
      count: pictures.count * (recipe.hasMirrorImages ? 2 : 1), seed: seed)
  }

  /// The codec as trained so far.
  public var codec: Codec {
    // The recipe was checked when the trainer was made.
    guard var codec = try? Codec(recipe.spec, seed: seed) else {
      preconditionFailure("a checked recipe has a valid spec")
    }
    codec.stages = stages
    return codec
  }

  private var stages: [Codec.Stage] {
    (0..<CodecSpec.stageCount).map { number in
      Codec.Stage(
        encoder: checkpoint.parts[2 * number].network,
        decoder: checkpoint.parts[2 * number + 1].network,
        scale: checkpoint.extras[0].tensor.values[number])
    }
  }

  /// Writes all that ``restore(from:)`` needs to go on.
  public func write(to path: String) throws(NetsError) {
    try checkpoint.write(to: path)
  }

  /// Goes on from a checkpoint of the same recipe, seed and number of pictures.
  ///
  /// - Throws: `NetsError`, and leaves the run as it was.
  public mutating func restore(from path: String) throws(NetsError) {
    try checkpoint.restore(from: path)
  }

  /// Does the next step of the recipe. Blocks the calling thread.
  ///
  /// - Precondition: Not ``isFinished``.
  /// - Throws: ``CodingError/Code/diverged`` if the loss is no longer a finite number.
  public mutating func advance() throws(CodingError) -> Progress {
    precondition(!isFinished, "the recipe has \(recipe.stepCount) steps, and all are done")
    let (number, phase, phaseStep) = place(of: step)
    if phaseStep == 0 { try begin(phase) }
    let batch = (0..<recipe.batchCount).map { order.index(step * recipe.batchCount + $0) }
    let pass = (seed: seed, step: UInt64(step))
    let (stages, pictures, workers) = (stages, pictures, workers)
    let sampleCount = recipe.batchCount * CodecSpec.picture.count
    Parallel.forEach(workers.count, threadCount: threadCount) { slice in
      workers[slice].run(
        stages, phase: phase, pictures: pictures, batch: batch, batchSampleCount: sampleCount,
        pass: pass)
    }
    let error = workers.reduce(0) { $0 + $1.squaredErrorSum } / Double(sampleCount)
    guard error.isFinite else {
      throw CodingError(
        .diverged, "step \(step): the loss is \(error); a lower learning rate may help")
    }
    let rate = phase.schedule.rate(step: phaseStep)
    for stage in phase.stages {
      if phase.encoderRateShare > 0 {
        update(2 * stage, rate: rate * phase.encoderRateShare) { $0.encoders[stage] }
      }
      update(2 * stage + 1, rate: rate) { $0.decoders[stage] }
    }
    checkpoint.step += 1
    return Progress(
      step: step, stepCount: recipe.stepCount, phase: number, meanSquaredError: error)
  }

  private mutating func update(
    _ part: Int, rate: Float, _ workspace: (SliceTrainer) -> Workspace
  ) {
    gradient = [Float](
      repeating: 0, count: checkpoint.parts[part].network.parameters.count)
    GradientSum.compute(
      workers.map(workspace), into: &gradient, threadCount: threadCount)
    checkpoint.parts[part].update(gradient: gradient, rate: rate)
  }

  private func place(of step: Int) -> (Int, CodecRecipe.Phase, phaseStep: Int) {
    var start = 0
    for (number, phase) in recipe.phases.enumerated() {
      if step < start + phase.schedule.stepCount { return (number, phase, step - start) }
      start += phase.schedule.stepCount
    }
    preconditionFailure("step \(step) is behind the last of \(recipe.stepCount)")
  }

  /// Gives the phase's networks fresh optimisers; measures the scale of a stage that learns alone.
  private mutating func begin(_ phase: CodecRecipe.Phase) throws(CodingError) {
    for stage in phase.stages {
      for part in [2 * stage, 2 * stage + 1] {
        checkpoint.parts[part].optimizer = Adam(
          parameterCount: checkpoint.parts[part].network.parameters.count)
      }
    }
    guard phase.stages.count == 1 else { return }
    let sample = stride(from: 0, to: pictures.count, by: max(1, pictures.count / 1_024))
    let meanSquare = workers[0].meanSquaredResidual(
      stages, before: phase.stages.lowerBound, pictures: pictures, indices: Array(sample))
    checkpoint.extras[0].tensor.values[phase.stages.lowerBound] =
      Float(max(meanSquare, 1e-8).squareRoot())
    if recipe.start == .principal { try startFromPrincipalComponents(phase.stages.lowerBound) }
  }

  /// Pictures whose residuals decide how a stage starts, about.
  private static let startPictureCount = 8_192
  /// Principal directions among which stages choose at the start.
  private static let basisCount = 320

  private mutating func startFromPrincipalComponents(_ number: Int) throws(CodingError) {
    if start == nil {
      let basis = try PrincipalBasis(pictures, count: Self.basisCount)
      let quantizer = PrincipalQuantizer(pictures, basis: basis, threadCount: threadCount)
      start = (basis, PrincipalPlan(recipe.spec, quantizer))
    }
    guard let start else { return }
    let step = max(1, pictures.count / Self.startPictureCount)
    let rows = workers[0].residualRows(
      stages, before: number, pictures: pictures,
      indices: Array(stride(from: 0, to: pictures.count, by: step)))
    var stage = stages[number]
    PrincipalStart(start.plan.stages[number], basis: start.basis, rows: rows).apply(to: &stage)
    checkpoint.parts[2 * number].network = stage.encoder
    checkpoint.parts[2 * number + 1].network = stage.decoder
  }
}
