import Foundation
import ThumbprintCodes
import ThumbprintNets

/// Trains `fc6`, `fc7` and `fc8` to tell classes apart: softmax cross-entropy on what `fc8` makes of
/// the bits behind `fc7`, with a straight-through gradient. The convolutions stay.
///
/// Source: Zhang, Liu and Li (ICIP 2017), section 2.2, "VGG-2". The weights after a step are a
/// function of recipe, network, pictures, labels and seed alone.
public struct ClassTrainer {
  /// How a run stands.
  public struct Progress: Sendable {
    /// Steps done, of all.
    public let step: Int
    public let stepCount: Int
    public let loss: Double
    /// The share of the step's pictures that were given their class, dropout and all.
    public let accuracy: Double
  }

  public let recipe: ClassTrainingRecipe
  /// Steps done.
  public var step: Int { checkpoint.step }
  /// Whether all steps of the recipe are done.
  public var isFinished: Bool { step >= recipe.schedule.stepCount }

  private let start: FeatureNetwork
  private let inputs: DescriptorTable
  private let labels: [Int]
  private let threadCount: Int
  /// What descriptors are multiplied by before `fc6`, so that one learning rate fits inputs of any
  /// number and size; `fc6` absorbs it in the end.
  private let inputScale: Float
  private var checkpoint: Checkpoint
  private var order: EpochOrder
  private let heads: [Workspace]
  private let classifiers: [Workspace]
  private var gradients: (head: [Float], classifier: [Float])

  /// Pictures that one worker takes at a time.
  private static let sliceImageCount = 32
  /// Bits are ±1 and 4096: `fc8` learns this much more slowly than the layers before it.
  private static let classifierShare = 4 / Float(FeatureCode.bitCount).squareRoot()
  /// Inputs of `fc6` up to which the learning rate is that of the recipe.
  private static let inputCountMax: Float = 256

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - network: Fitted by ``FeatureNetwork/init(fitting:to:pooling:componentCount:hiddenCount:weights:seed:)``.
  ///   - descriptors: A row for each picture.
  ///   - labels: The class of each picture, below `classCount`.
  /// - Throws: ``CodingError/Code/invalidRecipe``, ``CodingError/Code/noPictures`` or
  ///   `NetsError.Code.invalidSpec`.
  public init(
    recipe: ClassTrainingRecipe, network: FeatureNetwork, descriptors: DescriptorTable,
    labels: [Int], classCount: Int, seed: UInt64, threadCount: Int
  ) throws {
    try recipe.check()
    precondition(labels.count == descriptors.count, "every picture has a label")
    guard labels.count >= recipe.batchCount else {
      throw CodingError(
        .noPictures, "\(labels.count) pictures are too few for steps of \(recipe.batchCount)")
    }
    self.recipe = recipe
    self.labels = labels
    self.threadCount = max(1, threadCount)
    start = network
    inputs = network.learnerInputs(descriptors)
    inputScale = Self.scale(of: inputs)
    var head = try Network(
      network.description.learner(
        inputCount: inputs.size, dropout: recipe.dropout,
        bits: .binarizer(recipe.binarizer)), seed: seed)
    head.copyWeights(from: network.head)
    head.scale("fc6.weight", by: 1 / inputScale)
    let classifier = try Network(
      Self.classifier(classCount: classCount, dropout: recipe.dropout), seed: seed ^ 8)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(recipe), as: UTF8.self)
    checkpoint = Checkpoint(
      recipe: "\(text) on \(labels.count) pictures of \(classCount) classes", seed: seed, step: 0,
      parts: [
        Self.part("head", head), Self.part("classifier", classifier),
      ])
    order = EpochOrder(count: labels.count, seed: seed)
    let slices = stride(from: 0, to: recipe.batchCount, by: Self.sliceImageCount).map {
      min(Self.sliceImageCount, recipe.batchCount - $0)
    }
    heads = slices.map { Workspace(head.plan, imageCountMax: $0, isTraining: true) }
    classifiers = slices.map { Workspace(classifier.plan, imageCountMax: $0, isTraining: true) }
    gradients = (
      [Float](repeating: 0, count: head.parameters.count),
      [Float](repeating: 0, count: classifier.parameters.count)
    )
  }

  private static func part(_ name: String, _ network: Network) -> Checkpoint.Part {
    Checkpoint.Part(
      name: name, network: network, optimizer: Adam(parameterCount: network.parameters.count))
  }

  private static func classifier(classCount: Int, dropout: Float) -> NetworkSpec {
    NetworkSpec(
      input: FeatureShape(channels: FeatureCode.bitCount, height: 1, width: 1),
      layers: [.dropout(rate: dropout), .fullyConnected(name: "fc8", channels: classCount)])
  }

  /// One over the root mean square of the inputs, and less for more than ``inputCountMax`` of them:
  /// a step of Adam moves every weight alike, and so the sum by as much as there are inputs.
  private static func scale(of inputs: DescriptorTable) -> Float {
    let values = inputs.sample(512)
    let energy = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(max(1, values.count))
    let share = min(1, inputCountMax / Float(inputs.size))
    return share / Float(max(energy, 1e-20).squareRoot())
  }

  /// The network as trained so far.
  public var network: FeatureNetwork {
    var network = start
    var head = checkpoint.parts[0].network
    head.scale("fc6.weight", by: inputScale)
    network.head.copyWeights(from: head)
    return network
  }

  /// The weights of `fc8`, to be kept beside ``network``.
  public var classifierTensors: [(name: String, tensor: Tensor)] {
    checkpoint.parts[1].network.tensors()
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
    let batch = (0..<recipe.batchCount).map { order.index(step * recipe.batchCount + $0) }
    let (loss, hits) = pass(batch)
    guard loss.isFinite else {
      throw CodingError(
        .diverged, "step \(step): the loss is \(loss); a lower learning rate may help")
    }
    GradientSum.compute(heads, into: &gradients.head, threadCount: threadCount)
    GradientSum.compute(classifiers, into: &gradients.classifier, threadCount: threadCount)
    let rate = recipe.schedule.rate(step: step)
    checkpoint.parts[0].update(gradient: gradients.head, rate: rate)
    checkpoint.parts[1].update(
      gradient: gradients.classifier, rate: rate * Self.classifierShare)
    checkpoint.step += 1
    return Progress(
      step: step, stepCount: recipe.schedule.stepCount, loss: loss,
      accuracy: Double(hits) / Double(batch.count))
  }

  /// Takes a batch forward and back; returns the mean loss and how many pictures were right.
  private func pass(_ batch: [Int]) -> (loss: Double, hits: Int) {
    let (head, classifier) = (checkpoint.parts[0].network, checkpoint.parts[1].network)
    let (seed, step, size) = (checkpoint.seed, UInt64(step), Self.sliceImageCount)
    let loss = SoftmaxCrossEntropy(labelSmoothing: recipe.labelSmoothing)
    var results = [(loss: Double, hits: Int)](repeating: (0, 0), count: heads.count)
    results.withUnsafeMutableBufferPointer { results in
      // Safe: each slice has its own workspaces and writes its own result.
      nonisolated(unsafe) let results = results
      let (heads, classifiers) = (heads, classifiers)
      Parallel.forEach(heads.count, threadCount: threadCount) { slice in
        let images = Array(batch[slice * size..<min(batch.count, (slice + 1) * size)])
        let (below, above) = (heads[slice], classifiers[slice])
        let key = PassKey(seed: seed, step: step, firstImage: slice * size)
        fill(below.input, images)
        below.forward(head, imageCount: images.count, key: key)
        let bitCount = images.count * FeatureCode.bitCount
        above.input.update(from: below.output, count: bitCount)
        above.forward(classifier, imageCount: images.count, key: key)
        results[slice] = compare(above, images, loss, share: 1 / Float(batch.count))
        above.clearGradients()
        below.clearGradients()
        if let slope = above.backward(classifier, wantsInputGradient: true) {
          below.outputGradient.update(from: slope, count: bitCount)
        }
        below.backward(head, wantsInputGradient: false)
      }
    }
    return (
      results.reduce(0) { $0 + $1.loss } / Double(batch.count),
      results.reduce(0) { $0 + $1.hits }
    )
  }

  /// Puts scaled inputs where a slice takes them, CNHW.
  private func fill(_ target: UnsafeMutablePointer<Float>, _ images: [Int]) {
    for (place, image) in images.enumerated() {
      let row = inputs.row(image)
      for i in 0..<inputs.size { target[i * images.count + place] = row[i] * inputScale }
    }
  }

  /// The summed loss of a slice and its hits; leaves the gradient with the workspace, times `share`.
  private func compare(
    _ workspace: Workspace, _ images: [Int], _ loss: SoftmaxCrossEntropy, share: Float
  ) -> (Double, Int) {
    let (count, classCount) = (images.count, workspace.plan.output.channels)
    var logits = Tensor(shape: [count, classCount])
    for place in 0..<count {
      for number in 0..<classCount {
        logits.values[place * classCount + number] = workspace.output[number * count + place]
      }
    }
    let wanted = images.map { labels[$0] }
    let (value, slope) = loss(logits, labels: wanted)
    for place in 0..<count {
      for number in 0..<classCount {
        workspace.outputGradient[number * count + place] =
          slope.values[place * classCount + number] * share * Float(count)
      }
    }
    let hits = wanted.indices.count { Self.best(logits.values, $0, classCount) == wanted[$0] }
    return (value * Double(count), hits)
  }

  /// The class with the greatest answer for an image; of equal ones the first.
  private static func best(_ logits: [Float], _ image: Int, _ classCount: Int) -> Int {
    let row = logits[image * classCount..<(image + 1) * classCount]
    return (row.firstIndex(of: row.max() ?? 0) ?? row.startIndex) - row.startIndex
  }

  /// The share of other pictures whose class `fc8` reads from their bits.
  ///
  /// - Parameters:
  ///   - descriptors: Rows of the same kind as those trained on.
  ///   - labels: The class of each.
  public func accuracy(_ descriptors: DescriptorTable, labels: [Int]) -> Double {
    precondition(labels.count == descriptors.count, "every picture has a label")
    let inputs = start.learnerInputs(descriptors)
    let (head, classifier) = (checkpoint.parts[0].network, checkpoint.parts[1].network)
    let classCount = classifier.plan.output.channels
    var hits = 0
    for first in stride(from: 0, to: labels.count, by: 512) {
      let block = first..<min(labels.count, first + 512)
      let values = block.flatMap { index in
        UnsafeBufferPointer(start: inputs.row(index), count: inputs.size).map { $0 * inputScale }
      }
      let bits = head.apply(
        to: Tensor(shape: [block.count, inputs.size, 1, 1], values: values),
        threadCount: threadCount)
      let logits = classifier.apply(to: bits, threadCount: threadCount).values
      hits += block.indices.count {
        Self.best(logits, $0 - first, classCount) == labels[$0]
      }
    }
    return Double(hits) / Double(max(1, labels.count))
  }
}

extension Network {
  /// Multiplies every number of an array.
  mutating func scale(_ name: String, by factor: Float) {
    for entry in plan.parameters.entries where entry.name == name {
      for i in entry.range { parameters[i] *= factor }
    }
  }
}
