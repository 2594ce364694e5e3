import ThumbprintNets

/// Weights with which a stage whose bits look at the whole picture starts as a quantiser of
/// principal components, so that training begins where the best linear coder ends.
///
/// The networks can represent it exactly, but for the precision of floats. Encoder: the first layer
/// gives coordinates; the second bends each at many places, so that the third can make bits that
/// change where the coordinate passes into another of the quantiser's cells. Decoder: the first
/// layer bends the number of the cell, the second makes the cell's level of it, the third lays out
/// the directions. Units that are not needed start at random, with no effect.
struct PrincipalStart {
  private struct Component {
    let direction: Int
    let mean: Float
    let deviation: Float
    let bitCount: Int
    /// The levels of the normalised coordinate, ascending.
    let levels: [Float]

    /// The normalised coordinate is shifted up by this, so that ReLU leaves it alone.
    var shift: Float { max(3, (1 - levels[0]).rounded(.up)) }

    /// The shifted coordinates at which bit `bit` of the cell's number changes; 0 is the highest.
    ///
    /// All bits change at the same places, on a grid so coarse that 16-bit floats hold places and
    /// their midpoints exactly: where one bit changed before another, a far cell would come between.
    func crossings(_ bit: Int) -> [Float] {
      let step = levels.count >> (bit + 1)
      return (1..<1 << (bit + 1)).map { number in
        let place = shift + (levels[number * step - 1] + levels[number * step]) / 2
        let grid: Float = place < 7.75 ? 128 : place < 15.5 ? 64 : 32
        return (place * grid).rounded() / grid
      }
    }
  }

  private let basis: PrincipalBasis
  /// The mean of the samples.
  private let mean: [Float]
  private let components: [Component]

  /// - Parameters:
  ///   - stage: Which coordinates the stage codes, each with how many bits.
  ///   - rows: What the stage will see: rows of 3,072 samples.
  init(_ stage: [PrincipalPlan.Choice], basis: PrincipalBasis, rows: [Float]) {
    self.basis = basis
    let size = PrincipalBasis.sampleCount
    let rowCount = max(1, rows.count / size)
    var sums = [Double](repeating: 0, count: size)
    for i in rows.indices { sums[i % size] += Double(rows[i]) }
    mean = sums.map { Float($0 / Double(rowCount)) }
    let coordinates = basis.coordinates(rows)
    components = stage.map { choice in
      let values = (0..<rowCount).map { coordinates[$0 * basis.count + choice.direction] }
      let mean = values.reduce(0, +) / Float(rowCount)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(rowCount)
      let deviation = max(variance.squareRoot(), 1e-6)
      let quantizer = LloydMax(
        sorted: values.map { ($0 - mean) / deviation }.sorted(), levelCount: 1 << choice.bitCount)
      return Component(
        direction: choice.direction, mean: mean, deviation: deviation, bitCount: choice.bitCount,
        levels: quantizer.levels)
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
        bias: component.shift - component.mean / component.deviation)
      // Unit 0 of a component is its coordinate, the others bend it at one place each.
      let line = unit
      second.setRow(line, [number: 1], bias: 0)
      unit += 1
      for place in 0..<component.bitCount {
        let crossings = component.crossings(place)
        // Slopes alternate, so that the sum crosses 0 at every place and nowhere else.
        var row: [Int: Float] = [line: 1]
        for (kink, pair) in zip(crossings, crossings.dropFirst()).enumerated() {
          second.setRow(unit, [number: 1], bias: -(pair.0 + pair.1) / 2)
          row[unit] = kink % 2 == 0 ? -2 : 2
          unit += 1
        }
        third.setRow(bit, row, bias: -crossings[0])
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
    // Values are kept above 0 by this much.
    let margin: Float = 0.5
    var rest = mean
    var (unit, bit) = (0, 0)
    for (number, component) in components.enumerated() {
      let levels = component.levels
      second.clearColumn(number, bias: margin)
      // Unit k is how far the number of the cell is above k.
      for k in 0..<max(1, levels.count - 1) {
        first.clearColumn(unit, bias: Float(levels.count - 1) / 2 - Float(k))
        for place in 0..<component.bitCount {
          first.values[(bit + place) * first.columnCount + unit] =
            Float(1 << (component.bitCount - 1 - place)) / 2
        }
        let slope = levels[k + 1] - levels[k]
        second.values[unit * second.columnCount + number] =
          slope - (k == 0 ? 0 : levels[k] - levels[k - 1])
        unit += 1
      }
      bit += component.bitCount
      let vector = Array(direction(component))
      third.values.replaceSubrange(
        number * size..<(number + 1) * size, with: vector.map { component.deviation * $0 })
      for i in 0..<size { rest[i] += component.deviation * (levels[0] - margin) * vector[i] }
    }
    // One more unit is always 1 and brings what does not depend on bits.
    first.clearColumn(unit, bias: 1)
    second.clearColumn(components.count, bias: 1)
    third.values.replaceSubrange(
      components.count * size..<(components.count + 1) * size, with: rest)
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
