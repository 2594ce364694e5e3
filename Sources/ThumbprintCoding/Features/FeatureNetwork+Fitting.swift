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
    calibrate(projected(descriptors))
  }

  /// A network to be trained on classes: `fc6` and `fc7` as a file has them, in these shapes, else
  /// random; every bit's threshold at its median over the pictures.
  ///
  /// - Parameters:
  ///   - table: What the convolutions make of pictures. A projection is found on at most 4,096 of
  ///     them, thresholds on 1,024, evenly spaced.
  ///   - pooling: How the table was made.
  ///   - componentCount: Outputs of the projection that follows a pyramid.
  ///   - weights: A file of the whole VGG network.
  /// - Throws: ``CodingError/Code/noPictures`` if there are fewer pictures than components,
  ///   ``CodingError/Code/diverged``, or `NetsError`.
  public init(
    fitting part: ConvolutionalPart, to table: DescriptorTable,
    pooling: FeatureDescription.Pooling, componentCount: Int, hiddenCount: Int,
    weights: SafetensorsFile? = nil, seed: UInt64
  ) throws {
    if pooling == .pyramid {
      try self.init(
        fitting: part, to: table.sample(4_096), groups: nil, emphasis: 0,
        componentCount: componentCount, hiddenCount: hiddenCount, seed: seed)
      return
    }
    try self.init(
      FeatureDescription(
        convolutions: part.description, pooling: pooling, hiddenCount: hiddenCount), part,
      seed: seed)
    if let weights { try head.loadHead(from: weights) }
    balanceBits(table.sample(1_024))
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

  /// Scales the projection so that its outputs, given as they are now, have a mean square of 1, and
  /// then the bits.
  private mutating func calibrate(_ raw: [Float]) {
    let energy = raw.reduce(0.0) { $0 + Double($1 * $1) } / Double(raw.count)
    let norm = Float(1 / max(energy, 1e-20).squareRoot())
    head.scale("projection.weight", by: norm)
    head.scale("projection.bias", by: norm)
    balanceBits(raw.map { $0 * norm })
  }

  /// Scales `fc7` so that its outputs have a mean square of 1, and puts the threshold of every bit
  /// at its median: bits that are set for half of the pictures say most.
  ///
  /// - Parameter inputs: What goes into `fc6` for each of some pictures.
  mutating func balanceBits(_ inputs: [Float]) {
    let bits = FeatureCode.bitCount
    let inputCount = learnerInputCount
    let count = inputs.count / inputCount
    guard
      var learner = try? Network(
        description.learner(inputCount: inputCount, dropout: 0, bits: nil), seed: 0)
    else { preconditionFailure("a part of a valid head is valid") }
    learner.copyWeights(from: head)
    let outputs = learner.apply(
      to: Tensor(shape: [count, inputCount, 1, 1], values: inputs)
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
    head.scale("fc7.weight", by: scale)
    for (bit, place) in range("fc7.bias").enumerated() {
      head.parameters[place] = (head.parameters[place] - medians[bit]) * scale
    }
  }

  /// Numbers that go into `fc6`.
  var learnerInputCount: Int {
    description.pooling == .pyramid ? description.componentCount : head.plan.spec.input.count
  }

  /// What goes into `fc6` for each row of a table.
  func learnerInputs(_ table: DescriptorTable) -> DescriptorTable {
    guard description.pooling == .pyramid else { return table }
    var values: [Float] = []
    values.reserveCapacity(table.count * description.componentCount)
    for start in stride(from: 0, to: table.count, by: 1_024) {
      let block = (start..<min(table.count, start + 1_024)).flatMap {
        UnsafeBufferPointer(start: table.row($0), count: table.size)
      }
      values += learnerInputs(block)
    }
    return DescriptorTable(size: description.componentCount, values: values)
  }

  /// What goes into `fc6` for descriptors: what the projection makes of them, if there is one.
  func learnerInputs(_ descriptors: [Float]) -> [Float] {
    description.pooling == .pyramid ? projected(descriptors) : descriptors
  }

  /// What the projection makes of descriptors: what goes into `fc6`.
  private func projected(_ descriptors: [Float]) -> [Float] {
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

extension Network {
  /// Takes `fc6` and `fc7` from a file of a whole VGG network, each if it is there in this shape.
  mutating func loadHead(from file: SafetensorsFile) throws(NetsError) {
    var loaded = self
    for entry in plan.parameters.entries {
      guard
        let source = VGGDescription.fileNames(of: entry.name).first(where: {
          file.entry($0)?.shape.reduce(1, *) == entry.range.count
        }), let shape = file.entry(source)?.shape, shape[0] == entry.shape[0]
      else { continue }
      let values = try file.tensor(source, shape: shape).values
      guard values.allSatisfy(\.isFinite) else { continue }
      loaded.parameters.replaceSubrange(entry.range, with: values)
    }
    self = loaded
  }
}
