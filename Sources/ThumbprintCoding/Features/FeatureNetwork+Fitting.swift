import Foundation
import ThumbprintCodes
import ThumbprintNets

extension FeatureNetwork {
  /// The power of a component's deviation that it is divided by: 1 would be whitening, which also
  /// raises what is only noise. Measured by the reference experiments of this project.
  private static let whitening: Float = 0.75

  /// A network whose head has learned nothing yet but a projection: `fc6` and `fc7` have random
  /// weights, every bit's threshold is at its median over the pictures given.
  ///
  /// - Parameters:
  ///   - descriptors: The pyramids of the pictures to fit to, one after another.
  ///   - groups: The group of each picture: the projection then plays down what differs between
  ///     pictures of one group (``GroupWhitening``). `nil` for principal components, scaled down
  ///     where they vary most, which need no groups.
  /// - Throws: ``CodingError/Code/noPictures`` if there are fewer pictures than components,
  ///   ``CodingError/Code/diverged``, or ``NetsError/Code/invalidSpec``.
  init(
    fitting part: ConvolutionalPart, to descriptors: [Float], groups: [Int]?,
    emphasis: Float, componentCount: Int, hiddenCount: Int, seed: UInt64
  ) throws {
    let description = FeatureDescription(
      convolutions: part.description, componentCount: componentCount, hiddenCount: hiddenCount)
    try self.init(description, part, seed: seed)
    let size = description.descriptorCount(part.output)
    let count = descriptors.count / size
    guard count > componentCount, componentCount <= size else {
      throw CodingError(
        .noPictures,
        "\(count) pictures are too few for a projection of \(size) numbers to \(componentCount)")
    }
    if let groups {
      let whitening = try GroupWhitening(
        descriptors, groups: groups, dimension: size, count: componentCount,
        emphasis: emphasis)
      setProjection(whitening.rows, mean: whitening.mean)
    } else {
      let components = try PrincipalComponents(
        descriptors, dimension: size, count: componentCount)
      let floor = max(components.deviations[0] * 1e-4, 1e-12)
      var rows = components.components
      for i in rows.indices {
        rows[i] *= pow(max(components.deviations[i / size], floor), -Self.whitening)
      }
      setProjection(rows, mean: components.mean)
    }
    calibrate(projected(descriptors), count: count)
  }

  /// The first layer: `row · (x − mean)`. Its scale is set by ``calibrate(_:count:)``.
  private mutating func setProjection(_ rows: [Float], mean: [Float]) {
    let size = mean.count
    let (weight, bias) = (range("projection.weight"), range("projection.bias"))
    head.parameters.replaceSubrange(weight, with: rows)
    for (row, place) in bias.enumerated() {
      head.parameters[place] = -(0..<size).reduce(0) { $0 + rows[row * size + $1] * mean[$1] }
    }
  }

  /// Scales the projection and `fc7` so that their outputs have a mean square of 1, and puts the
  /// threshold of every bit at its median: bits that are set for half of the pictures say most.
  private mutating func calibrate(_ raw: [Float], count: Int) {
    let energy = raw.reduce(0.0) { $0 + Double($1 * $1) } / Double(raw.count)
    let norm = Float(1 / max(energy, 1e-20).squareRoot())
    for i in range("projection.weight") { head.parameters[i] *= norm }
    for i in range("projection.bias") { head.parameters[i] *= norm }
    let inputs = raw.map { $0 * norm }
    // The learner without its tanh.
    let spec = description.learner(dropout: 0)
    guard
      let plan = try? NetworkPlan(
        NetworkSpec(input: spec.input, layers: Array(spec.layers.dropLast())))
    else { preconditionFailure("a part of a valid head is valid") }
    var learner = Network(plan, seed: 0)
    learner.copyWeights(from: head)
    let bits = FeatureCode.bitCount
    let outputs = learner.apply(
      to: Tensor(shape: [count, description.componentCount, 1, 1], values: inputs)
    ).values
    var medians = [Float](repeating: 0, count: bits)
    var squares = 0.0
    var column = [Float](repeating: 0, count: count)
    for bit in 0..<bits {
      for image in 0..<count { column[image] = outputs[image * bits + bit] }
      column.sort()
      medians[bit] = (column[(count - 1) / 2] + column[count / 2]) / 2
      for value in column { squares += Double((value - medians[bit]) * (value - medians[bit])) }
    }
    let scale = Float(1 / max(squares / Double(count * bits), 1e-20).squareRoot())
    for i in range("fc7.weight") { head.parameters[i] *= scale }
    for (bit, place) in range("fc7.bias").enumerated() {
      head.parameters[place] = (head.parameters[place] - medians[bit]) * scale
    }
  }

  /// What the projection makes of descriptors: what goes into `fc6`.
  func projected(_ descriptors: [Float]) -> [Float] {
    let size = head.plan.spec.input.count
    let spec = NetworkSpec(input: head.plan.spec.input, layers: [head.plan.spec.layers[0]])
    guard var projection = try? Network(spec, seed: 0) else {
      preconditionFailure("the first layer of a valid head is valid")
    }
    projection.copyWeights(from: head)
    return projection.apply(
      to: Tensor(shape: [descriptors.count / size, size, 1, 1], values: descriptors)
    ).values
  }

  private func range(_ name: String) -> Range<Int> {
    guard let entry = head.plan.parameters.entries.first(where: { $0.name == name }) else {
      preconditionFailure("a head has '\(name)'")
    }
    return entry.range
  }
}

extension Network {
  /// Takes every array that the other network has under the same name and shape.
  mutating func copyWeights(from other: Network) {
    for entry in plan.parameters.entries {
      for source in other.plan.parameters.entries
      where source.name == entry.name && source.shape == entry.shape {
        parameters.replaceSubrange(entry.range, with: other.parameters[source.range])
      }
    }
  }
}
