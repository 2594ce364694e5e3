import Foundation
import ThumbprintCodes
import ThumbprintNets

extension FeatureNetwork {
  /// The power of a component's deviation that it is divided by: 1 would be whitening, which also
  /// raises what is only noise. Measured by the reference experiments of this project.
  private static let whitening: Float = 0.75

  /// A network whose head keeps what the convolutions see without having learned from labels:
  /// principal components scaled down where they vary most, then `fc6` and `fc7` of random weights,
  /// every bit's threshold at its median over the pictures given.
  ///
  /// - Parameters:
  ///   - descriptors: The pyramids of the pictures to fit to, one after another.
  /// - Throws: ``CodingError/Code/noPictures`` if there are fewer pictures than components,
  ///   ``CodingError/Code/diverged``, or ``NetsError/Code/invalidSpec``.
  init(
    fitting part: ConvolutionalPart, to descriptors: [Float], componentCount: Int = 256,
    hiddenCount: Int = 1_024, seed: UInt64
  ) throws {
    let description = FeatureDescription(
      convolutions: part.description, componentCount: componentCount, hiddenCount: hiddenCount)
    try self.init(description, part, seed: seed)
    let size = description.descriptorCount(part.output)
    let count = descriptors.count / size
    guard count > componentCount, componentCount <= size else {
      throw CodingError(
        .noPictures,
        "\(count) pictures are too few for \(componentCount) principal components of \(size)")
    }
    let components = try PrincipalComponents(
      descriptors, dimension: size, count: componentCount)
    setProjection(components)
    let inputs = projected(descriptors)
    calibrate(inputs, count: count)
  }

  /// The first layer: `deviation^-0.75 · component · (x − mean)`, scaled so that the outputs' mean
  /// square is 1.
  private mutating func setProjection(_ components: PrincipalComponents) {
    let size = components.mean.count
    let floor = max(components.deviations[0] * 1e-4, 1e-12)
    var scales = components.deviations.map { pow(max($0, floor), -Self.whitening) }
    var energy: Float = 0
    for (scale, deviation) in zip(scales, components.deviations) {
      energy += scale * deviation * scale * deviation
    }
    let norm = 1 / (energy / Float(scales.count)).squareRoot()
    for i in scales.indices { scales[i] *= norm }
    let (weight, bias) = (range("projection.weight"), range("projection.bias"))
    for (row, scale) in scales.enumerated() {
      var offset: Float = 0
      for i in 0..<size {
        let value = scale * components.components[row * size + i]
        head.parameters[weight.lowerBound + row * size + i] = value
        offset -= value * components.mean[i]
      }
      head.parameters[bias.lowerBound + row] = offset
    }
  }

  /// Scales `fc7` so that what its signs are taken of has a mean square of 1, and puts the threshold
  /// of every bit at its median: bits that are set for half of the pictures say most.
  private mutating func calibrate(_ inputs: [Float], count: Int) {
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
