import Foundation
import ThumbprintCodes
import ThumbprintNets

/// Tunes `fc6` and `fc7` of a feature network by triplets of pictures.
///
/// Codes are relaxed to tanh; the bits of the image codes count in every distance but do not change.
/// The weights after a step are a function of recipe, network, pictures and seed alone.
public struct FineTuningTrainer {
  /// How a run stands.
  public struct Progress: Sendable {
    /// Steps done, of all.
    public let step: Int
    public let stepCount: Int
    public let loss: Double
    /// The share of pairs of a group for which some stranger was not farther by the margin.
    public let activeShare: Double
  }

  public let recipe: FineTuningRecipe
  /// Steps done.
  public var step: Int { checkpoint.step }
  /// Whether all steps of the recipe are done.
  public var isFinished: Bool { step >= recipe.schedule.stepCount }

  private let start: FeatureNetwork
  private let inputs: [Float]
  private let imageCodes: [ImageCode]
  /// The pictures of each group.
  private let members: [[Int]]
  private let threadCount: Int
  private var checkpoint: Checkpoint
  private var order: EpochOrder
  private let workspaces: [Workspace]
  private var gradient: [Float]

  /// Pictures that one worker takes at a time.
  private static let sliceImageCount = 32

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - descriptors: What stands before the head for each picture to tune on.
  ///   - imageCodes: The image codes of the same pictures.
  ///   - groups: Their groups.
  /// - Throws: ``CodingError``, or ``NetsError/Code/invalidSpec``.
  init(
    recipe: FineTuningRecipe, network: FeatureNetwork, descriptors: [Float],
    imageCodes: [ImageCode], groups: [Int], seed: UInt64, threadCount: Int
  ) throws {
    try recipe.check()
    let members = Dictionary(grouping: groups.indices) { groups[$0] }
      .sorted { $0.key < $1.key }.map(\.value).filter { $0.count >= recipe.viewCount }
    guard members.count >= recipe.groupCount else {
      throw CodingError(
        .noPictures,
        "\(members.count) groups of at least \(recipe.viewCount) pictures are too few for steps of "
          + "\(recipe.groupCount)")
    }
    self.recipe = recipe
    self.members = members
    self.imageCodes = imageCodes
    self.threadCount = max(1, threadCount)
    start = network
    inputs = network.learnerInputs(descriptors)
    var learner = try Network(
      network.description.learner(
        inputCount: network.learnerInputCount, dropout: recipe.dropout), seed: seed)
    learner.copyWeights(from: network.head)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(recipe), as: UTF8.self)
    checkpoint = Checkpoint(
      recipe: "\(text) on \(groups.count) pictures", seed: seed, step: 0,
      parts: [
        Checkpoint.Part(
          name: "head", network: learner,
          optimizer: Adam(parameterCount: learner.parameters.count))
      ])
    order = EpochOrder(count: members.count, seed: seed)
    let batchCount = recipe.groupCount * recipe.viewCount
    workspaces = stride(from: 0, to: batchCount, by: Self.sliceImageCount).map {
      Workspace(
        learner.plan, imageCountMax: min(Self.sliceImageCount, batchCount - $0),
        isTraining: true)
    }
    gradient = [Float](repeating: 0, count: learner.parameters.count)
  }

  /// The network as tuned so far.
  public var network: FeatureNetwork {
    var network = start
    network.head.copyWeights(from: checkpoint.parts[0].network)
    return network
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

  /// Does the next step. Blocks the calling thread.
  ///
  /// - Precondition: Not ``isFinished``.
  /// - Throws: ``CodingError/Code/diverged`` if the loss is no longer a finite number.
  public mutating func advance() throws(CodingError) -> Progress {
    precondition(!isFinished, "all \(recipe.schedule.stepCount) steps are done")
    let (batch, groups) = draw()
    let network = checkpoint.parts[0].network
    let codes = forward(network, batch)
    let result = TripletLoss(
      margin: recipe.margin, mining: recipe.mining, reward: recipe.reward)(
        codes, groups: groups, fixedProducts: products(batch),
        fixedBitCount: ImageCode.bitCount)
    guard result.loss.isFinite else {
      throw CodingError(
        .diverged, "step \(step): the loss is \(result.loss); a lower learning rate may help")
    }
    backward(network, result.gradient)
    GradientSum.compute(workspaces, into: &gradient, threadCount: threadCount)
    checkpoint.parts[0].update(gradient: gradient, rate: recipe.schedule.rate(step: step))
    checkpoint.step += 1
    return Progress(
      step: step, stepCount: recipe.schedule.stepCount, loss: result.loss,
      activeShare: result.activeShare)
  }

  /// The pictures of this step and their groups.
  private mutating func draw() -> (batch: [Int], groups: [Int]) {
    var random = NetRandom(checkpoint.seed, 7, UInt64(step))
    var (batch, groups): ([Int], [Int]) = ([], [])
    var taken: Set<Int> = []
    var position = step * recipe.groupCount
    while taken.count < recipe.groupCount {
      let group = order.index(position)
      position += 1
      // Where one epoch ends and the next begins, a group may come twice.
      guard taken.insert(group).inserted else { continue }
      var views = members[group]
      random.shuffle(&views)
      batch += views.prefix(recipe.viewCount)
      groups += [Int](repeating: group, count: recipe.viewCount)
    }
    return (batch, groups)
  }

  /// The inner products of the image codes' bits as ±1, for all pairs.
  private func products(_ batch: [Int]) -> [Float] {
    batch.flatMap { a in
      batch.map { b in
        Float(ImageCode.bitCount - 2 * imageCodes[a].distance(to: imageCodes[b]))
      }
    }
  }

  private func forward(_ network: Network, _ batch: [Int]) -> Tensor {
    let (inputCount, bits) = (start.learnerInputCount, FeatureCode.bitCount)
    let size = Self.sliceImageCount
    let (seed, step) = (checkpoint.seed, UInt64(step))
    var values = [Float](repeating: 0, count: batch.count * bits)
    values.withUnsafeMutableBufferPointer { values in
      // Safe: each slice writes to its own pictures' codes.
      nonisolated(unsafe) let values = values
      let (workspaces, inputs) = (workspaces, inputs)
      Parallel.forEach(workspaces.count, threadCount: threadCount) { slice in
        let workspace = workspaces[slice]
        let images = batch[slice * size..<min(batch.count, (slice + 1) * size)]
        for (place, image) in images.enumerated() {
          for i in 0..<inputCount {
            workspace.input[i * images.count + place] = inputs[image * inputCount + i]
          }
        }
        workspace.forward(
          network, imageCount: images.count,
          key: PassKey(seed: seed, step: step, firstImage: slice * size))
        for place in 0..<images.count {
          let target = (slice * size + place) * bits
          for bit in 0..<bits {
            values[target + bit] = workspace.output[bit * images.count + place]
          }
        }
      }
    }
    return Tensor(shape: [batch.count, bits], values: values)
  }

  private func backward(_ network: Network, _ slope: Tensor) {
    let (size, bits) = (Self.sliceImageCount, FeatureCode.bitCount)
    let workspaces = workspaces
    Parallel.forEach(workspaces.count, threadCount: threadCount) { slice in
      let workspace = workspaces[slice]
      let count = workspace.imageCount
      for place in 0..<count {
        let source = (slice * size + place) * bits
        for bit in 0..<bits {
          workspace.outputGradient[bit * count + place] = slope.values[source + bit]
        }
      }
      workspace.clearGradients()
      workspace.backward(network, wantsInputGradient: false)
    }
  }
}
