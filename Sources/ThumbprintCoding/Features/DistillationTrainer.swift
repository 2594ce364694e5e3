import Foundation
import ThumbprintImages
import ThumbprintNets

/// Trains a small network to give, at every place of a picture, what a large one gives there.
///
/// The error is that of whole maps of activations, not of one descriptor a picture, so that a crop
/// teaches as many examples as it has places: a thousand photographs are enough. (Romero and others,
/// "FitNets", ICLR 2015, train by such hints.)
///
/// The weights after a step are a function of recipe, teacher, photographs and seed alone.
public struct DistillationTrainer {
  /// How a run stands.
  public struct Progress: Sendable {
    /// Steps done, of all.
    public let step: Int
    public let stepCount: Int
    /// The mean squared error of the last step as a share of the targets' mean square.
    public let errorShare: Double
  }

  public let recipe: DistillationRecipe
  /// Steps done.
  public var step: Int { checkpoint.step }
  /// Whether all steps of the recipe are done.
  public var isFinished: Bool { step >= recipe.schedule.stepCount }

  private let crops: DistillationCrops
  private let threadCount: Int
  private var checkpoint: Checkpoint
  private let workspaces: [Workspace]
  private var order: EpochOrder
  private var gradient: [Float]

  /// Cuts the crops and asks the teacher about each: the long part of preparing a run.
  ///
  /// - Parameters:
  ///   - photographs: Whole pictures of any size; crops are views of them.
  ///   - progress: Called with the number of crops done, from any thread, one at a time.
  /// - Throws: ``CodingError/Code/noPictures``, ``CodingError/Code/invalidRecipe``, or
  ///   `NetsError.Code.invalidSpec`.
  public init(
    recipe: DistillationRecipe, teacher: ConvolutionalPart, photographs: [Picture], seed: UInt64,
    threadCount: Int, progress: (Int) -> Void = { _ in }
  ) throws {
    try recipe.check()
    try recipe.student.check()
    guard !photographs.isEmpty else {
      throw CodingError(.noPictures, "there are no photographs to train on")
    }
    let network = try Network(recipe.student.convolutions, seed: seed)
    let (given, wanted) = (network.plan.output, teacher.output)
    guard recipe.student.side == teacher.description.side,
      given.channels == wanted.channels, wanted.height % given.height == 0,
      wanted.width % given.width == 0
    else {
      throw CodingError(
        .invalidRecipe,
        "a network that makes \(given) of \(recipe.student.side) rows and columns cannot learn "
          + "from one that makes \(wanted) of \(teacher.description.side)")
    }
    self.recipe = recipe
    self.threadCount = max(1, threadCount)
    crops = try DistillationCrops(
      photographs, teacher: teacher, target: given, count: recipe.cropCount, seed: seed,
      threadCount: threadCount, progress: progress)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(recipe), as: UTF8.self)
    let part = Checkpoint.Part(
      name: "student", network: network,
      optimizer: Adam(parameterCount: network.parameters.count))
    checkpoint = Checkpoint(
      recipe: "\(text) on \(photographs.count) photographs", seed: seed, step: 0, parts: [part])
    workspaces = stride(from: 0, to: recipe.batchCount, by: recipe.sliceImageCount).map { first in
      Workspace(
        network.plan, imageCountMax: min(recipe.sliceImageCount, recipe.batchCount - first),
        isTraining: true)
    }
    order = EpochOrder(count: recipe.cropCount, seed: seed)
    gradient = [Float](repeating: 0, count: network.parameters.count)
  }

  /// The network as trained so far, ready for use.
  public var part: ConvolutionalPart {
    ConvolutionalPart(recipe.student, checkpoint.parts[0].network)
  }

  /// Writes all that ``restore(from:)`` needs to go on.
  public func write(to path: String) throws(NetsError) {
    try checkpoint.write(to: path)
  }

  /// Goes on from a checkpoint of the same recipe, seed and number of photographs.
  ///
  /// - Throws: `NetsError`, and leaves the run as it was.
  public mutating func restore(from path: String) throws(NetsError) {
    try checkpoint.restore(from: path)
  }

  /// Does the next step. Blocks the calling thread.
  ///
  /// - Precondition: Not ``isFinished``.
  /// - Throws: ``CodingError/Code/diverged`` if the loss is no longer a finite number.
  public mutating func advance() throws(CodingError) -> Progress {
    precondition(!isFinished, "all \(recipe.schedule.stepCount) steps are done")
    let (step, seed) = (step, checkpoint.seed)
    let batch = (0..<recipe.batchCount).map { place in
      order.index(step * recipe.batchCount + place)
    }
    let (network, workspaces, crops) = (checkpoint.parts[0].network, workspaces, crops)
    let size = recipe.sliceImageCount
    let count = recipe.batchCount
    let student = recipe.student
    var errors = [Double](repeating: 0, count: workspaces.count)
    errors.withUnsafeMutableBufferPointer { errors in
      // Safe: each slice has its own workspace and writes its own error.
      nonisolated(unsafe) let errors = errors
      Parallel.forEach(workspaces.count, threadCount: threadCount) { slice in
        let images = batch[slice * size..<min(count, (slice + 1) * size)]
        let workspace = workspaces[slice]
        for (place, crop) in images.enumerated() {
          student.fill(
            workspace.input, crops.pictures[crop], place: place, imageCount: images.count)
        }
        workspace.forward(
          network, imageCount: images.count,
          key: PassKey(seed: seed, step: UInt64(step), firstImage: slice * size))
        errors[slice] = crops.compare(
          workspace.output, with: images, batchCount: count, slope: workspace.outputGradient)
        workspace.clearGradients()
        workspace.backward(network, wantsInputGradient: false)
      }
    }
    let error = errors.reduce(0, +)
    guard error.isFinite else {
      throw CodingError(
        .diverged, "step \(step): the loss is \(error); a lower learning rate may help")
    }
    GradientSum.compute(workspaces, into: &gradient, threadCount: threadCount)
    checkpoint.parts[0].update(gradient: gradient, rate: recipe.schedule.rate(step: step))
    checkpoint.parts[0].network.absorbStatistics(of: workspaces, momentum: 0.05)
    checkpoint.step += 1
    return Progress(
      step: checkpoint.step, stepCount: recipe.schedule.stepCount, errorShare: error)
  }
}
