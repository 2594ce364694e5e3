import ThumbprintNets

/// Weights with which a stage whose bits look at the whole picture starts as a quantiser of
/// principal components, so that training begins where the best linear coder ends.
///
/// The networks can represent it exactly, but for the precision of floats. Encoder: the first layer
/// gives coordinates; the second bends them, so that the third can make the bits of a quantiser of
/// up to 8 steps out of one coordinate. Decoder: sums the bits' steps to coordinates, passes them
/// on, and lays out the directions. Units that are not needed start at random, with no effect.
struct PrincipalStart {
  private struct Component {
    /// The direction's number in the basis.
    var direction: Int
    var mean: Float
    var deviation: Float
    var quantizer: SuccessiveQuantizer
  }

  private let basis: PrincipalBasis
  /// The mean of the samples.
  private let mean: [Float]
  private let components: [Component]

  /// Coordinates are shifted up by this many standard deviations, so that ReLU leaves them alone.
  private static let shift: Float = 3

  /// Chooses which coordinates get how many bits, always the bit that lowers the error most.
  ///
  /// - Parameter rows: What the stage will see: rows of 3,072 samples.
  init(_ spec: CodecSpec, basis: PrincipalBasis, rows: [Float]) {
    self.basis = basis
    let size = PrincipalBasis.sampleCount
    let rowCount = rows.count / size
    var sums = [Double](repeating: 0, count: size)
    for row in 0..<rowCount { for i in 0..<size { sums[i] += Double(rows[row * size + i]) } }
    mean = sums.map { Float($0 / Double(max(1, rowCount))) }
    let coordinates = basis.coordinates(rows)
    let candidates = (0..<basis.count).map { direction in
      Candidate(direction, (0..<rowCount).map { coordinates[$0 * basis.count + direction] })
    }
    components = Self.allocate(spec, candidates)
  }

  /// A coordinate with a quantiser of every number of bits.
  private struct Candidate {
    let direction: Int
    let mean: Float
    let deviation: Float
    let quantizers: [SuccessiveQuantizer]

    init(_ direction: Int, _ values: [Float]) {
      self.direction = direction
      let count = Float(max(1, values.count))
      let mean = values.reduce(0, +) / count
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      let deviation = max(variance.squareRoot(), 1e-6)
      self.mean = mean
      self.deviation = deviation
      let normal = values.map { ($0 - mean) / deviation }
      quantizers = (1...SuccessiveQuantizer.bitCountMax).map {
        SuccessiveQuantizer(normal, bitCount: $0)
      }
    }

    /// What the next bit takes from the squared error, with `bitCount` bits given.
    func gain(_ bitCount: Int) -> Double {
      guard bitCount < quantizers.count else { return 0 }
      let before = bitCount == 0 ? 1 : quantizers[bitCount - 1].distortion
      return Double(deviation * deviation) * (before - quantizers[bitCount].distortion)
    }
  }

  /// Units of the encoder's second layer that the next bit of a coordinate takes.
  private static let unitCounts = [1, 2, 6]

  private static func allocate(_ spec: CodecSpec, _ candidates: [Candidate]) -> [Component] {
    var bitCounts = [Int](repeating: 0, count: candidates.count)
    var unitsLeft = spec.encoderInnerChannels
    var componentsLeft = min(
      spec.encoderOuterChannels, spec.outerChannels - 1, spec.innerChannels - 1)
    for _ in 0..<CodecSpec.stageBitCount {
      let affordable = candidates.indices.filter {
        bitCounts[$0] < unitCounts.count && unitCounts[bitCounts[$0]] <= unitsLeft
          && (bitCounts[$0] > 0 || componentsLeft > 0)
      }
      guard
        let best = affordable.max(by: {
          candidates[$0].gain(bitCounts[$0]) < candidates[$1].gain(bitCounts[$1])
        })
      else { break }
      if bitCounts[best] == 0 { componentsLeft -= 1 }
      unitsLeft -= unitCounts[bitCounts[best]]
      bitCounts[best] += 1
    }
    return candidates.indices.filter { bitCounts[$0] > 0 }.map {
      Component(
        direction: candidates[$0].direction, mean: candidates[$0].mean,
        deviation: candidates[$0].deviation,
        quantizer: candidates[$0].quantizers[bitCounts[$0] - 1])
    }
  }

  /// Sets the weights of a stage's networks.
  func apply(to stage: inout Codec.Stage) {
    setEncoder(&stage.encoder)
    setDecoder(&stage.decoder)
  }

  private func direction(_ component: Component) -> ArraySlice<Float> {
    let size = PrincipalBasis.sampleCount
    return basis.vectors[component.direction * size..<(component.direction + 1) * size]
  }

  private func setEncoder(_ network: inout Network) {
    var first = Weights(network, "conv1")
    var second = Weights(network, "conv2")
    var third = Weights(network, "conv3")
    third.clear()
    var (unit, bit) = (0, 0)
    for (number, component) in components.enumerated() {
      first.setRow(
        number, direction(component).map { $0 / component.deviation },
        bias: Self.shift - component.mean / component.deviation)
      // Unit 0 of a component is its coordinate, the others bend it at one place each.
      let line = unit
      second.setRow(line, [number: 1], bias: 0)
      unit += 1
      for place in component.quantizer.steps.indices {
        let crossings = component.quantizer.crossings(ofBit: place)
        // Slopes alternate, so that the sum crosses 0 where the bit changes and nowhere else.
        let slope = place == 0 ? 1 : 1.5 / component.quantizer.steps[place - 1]
        var row = [line: slope]
        for (kink, pair) in zip(crossings, crossings.dropFirst()).enumerated() {
          second.setRow(unit, [number: 1], bias: -Self.shift - (pair.0 + pair.1) / 2)
          row[unit] = (kink % 2 == 0 ? -2 : 2) * slope
          unit += 1
        }
        third.setRow(bit, row, bias: -slope * (Self.shift + crossings[0]))
        bit += 1
      }
    }
    for weights in [first, second, third] { weights.store(in: &network) }
  }

  private func setDecoder(_ network: inout Network) {
    // Transposed convolutions hold a row for each input.
    var first = Weights(network, "deconv1")
    var second = Weights(network, "deconv2")
    var third = Weights(network, "deconv3")
    third.clear()
    let size = PrincipalBasis.sampleCount
    var rest = mean
    var bit = 0
    for (number, component) in components.enumerated() {
      let steps = component.quantizer.steps
      let shift = steps.reduce(0.5, +)
      first.clearColumn(number, bias: shift)
      for step in steps {
        first.values[bit * first.columnCount + number] = step
        bit += 1
      }
      second.clearColumn(number, bias: 0)
      second.values[number * second.columnCount + number] = 1
      let vector = Array(direction(component))
      third.values.replaceSubrange(
        number * size..<(number + 1) * size, with: vector.map { component.deviation * $0 })
      for i in 0..<size { rest[i] -= component.deviation * shift * vector[i] }
    }
    // One more unit is always 1 and brings the mean, less the shifts.
    let constant = components.count
    first.clearColumn(constant, bias: 1)
    second.clearColumn(constant, bias: 1)
    third.values.replaceSubrange(constant * size..<(constant + 1) * size, with: rest)
    for weights in [first, second, third] { weights.store(in: &network) }
  }
}

/// One layer's weights as a matrix, with its bias.
private struct Weights {
  let rowCount: Int
  let columnCount: Int
  var values: [Float]
  var bias: [Float]
  private let name: String

  init(_ network: Network, _ name: String) {
    self.name = name
    let weight = Self.entry(network, name + ".weight")
    rowCount = weight.shape[0]
    columnCount = weight.range.count / rowCount
    values = Array(network.parameters[weight.range])
    bias = Array(network.parameters[Self.entry(network, name + ".bias").range])
  }

  private static func entry(_ network: Network, _ name: String) -> ParameterLayout.Entry {
    guard let entry = network.plan.parameters.entries.first(where: { $0.name == name }) else {
      preconditionFailure("the networks of a codec have '\(name)'")
    }
    return entry
  }

  mutating func clear() {
    values = [Float](repeating: 0, count: values.count)
    bias = [Float](repeating: 0, count: bias.count)
  }

  mutating func setRow(_ row: Int, _ values: [Float], bias: Float) {
    self.values.replaceSubrange(row * columnCount..<(row + 1) * columnCount, with: values)
    self.bias[row] = bias
  }

  mutating func setRow(_ row: Int, _ entries: [Int: Float], bias: Float) {
    for column in 0..<columnCount { values[row * columnCount + column] = entries[column] ?? 0 }
    self.bias[row] = bias
  }

  mutating func clearColumn(_ column: Int, bias: Float) {
    for row in 0..<rowCount { values[row * columnCount + column] = 0 }
    self.bias[column] = bias
  }

  func store(in network: inout Network) {
    network.parameters.replaceSubrange(
      Self.entry(network, name + ".weight").range, with: values)
    network.parameters.replaceSubrange(Self.entry(network, name + ".bias").range, with: bias)
  }
}
