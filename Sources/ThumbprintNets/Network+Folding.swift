extension Network {
  /// The same function for inference with every batch normalisation that directly follows a
  /// convolution or a fully connected layer folded into its weights, and without dropout.
  ///
  /// Answers differ from the original's by rounding only.
  public func folded() -> Network {
    let hasNothingToFold = plan.spec.layers.allSatisfy { layer in
      switch layer {
      case .batchNormalization, .dropout: false
      default: true
      }
    }
    if hasNothingToFold { return self }
    var specs: [LayerSpec] = []
    var sources: [(spec: LayerSpec, normalization: BatchNormalizationLayer?)] = []
    for (spec, layer) in zip(plan.spec.layers, plan.layers) {
      if case .dropout = spec { continue }
      if let normalization = layer as? BatchNormalizationLayer, let last = specs.last,
        let biased = last.withBias
      {
        specs[specs.count - 1] = biased
        sources[sources.count - 1].normalization = normalization
        continue
      }
      specs.append(spec)
      sources.append((spec, nil))
    }
    // A plan made from parts of a valid one is valid; it cannot throw.
    guard let plan = try? NetworkPlan(NetworkSpec(input: plan.spec.input, layers: specs)) else {
      preconditionFailure("a folded network has a valid description")
    }
    var network = Network(plan, seed: 0)
    network.copyValues(from: self)
    for source in sources {
      guard let normalization = source.normalization, let name = source.spec.weightName else {
        continue
      }
      network.fold(normalization, of: self, into: name, spec: source.spec)
    }
    return network
  }

  /// Copies every array that both networks have under the same name and shape.
  private mutating func copyValues(from other: Network) {
    let old = Dictionary(uniqueKeysWithValues: other.plan.parameters.entries.map { ($0.name, $0) })
    for entry in plan.parameters.entries {
      guard let source = old[entry.name], source.shape == entry.shape else { continue }
      parameters.replaceSubrange(entry.range, with: other.parameters[source.range])
    }
    let oldStatistics = Dictionary(
      uniqueKeysWithValues: other.plan.statistics.entries.map { ($0.name, $0) })
    for entry in plan.statistics.entries {
      guard let source = oldStatistics[entry.name] else { continue }
      statistics.replaceSubrange(entry.range, with: other.statistics[source.range])
    }
  }

  private mutating func fold(
    _ layer: BatchNormalizationLayer, of other: Network, into name: String, spec: LayerSpec
  ) {
    guard
      let weight = plan.parameters.entries.first(where: { $0.name == "\(name).weight" }),
      let bias = plan.parameters.entries.first(where: { $0.name == "\(name).bias" })
    else { preconditionFailure("'\(name)' has weights and a bias") }
    let channels = layer.output.channels
    for channel in 0..<channels {
      let spread = other.statistics[layer.variance + channel] + BatchNormalizationLayer.epsilon
      let factor = other.parameters[layer.scale + channel] / spread.squareRoot()
      let start = bias.range.lowerBound + channel
      parameters[start] =
        (parameters[start] - other.statistics[layer.mean + channel]) * factor
        + other.parameters[layer.shift + channel]
      if case .transposedConvolution = spec {
        // [inputs, channels, kernel, kernel]
        let area = weight.shape[2] * weight.shape[3]
        for input in 0..<weight.shape[0] {
          let first = weight.range.lowerBound + (input * channels + channel) * area
          for i in first..<first + area { parameters[i] *= factor }
        }
      } else {
        let row = weight.range.count / channels
        let first = weight.range.lowerBound + channel * row
        for i in first..<first + row { parameters[i] *= factor }
      }
    }
  }
}

extension LayerSpec {
  /// The name of a layer whose weights a normalisation can be folded into.
  fileprivate var weightName: String? {
    switch self {
    case .convolution(let name, _, _, _, _, _): name
    case .transposedConvolution(let name, _, _, _, _, _): name
    case .fullyConnected(let name, _, _): name
    default: nil
    }
  }

  /// The same layer with a bias; `nil` for layers without weights.
  fileprivate var withBias: LayerSpec? {
    switch self {
    case .convolution(let name, let channels, let kernel, let stride, let padding, _):
      .convolution(
        name: name, channels: channels, kernel: kernel, stride: stride, padding: padding)
    case .transposedConvolution(let name, let channels, let kernel, let stride, let padding, _):
      .transposedConvolution(
        name: name, channels: channels, kernel: kernel, stride: stride, padding: padding)
    case .fullyConnected(let name, let channels, _):
      .fullyConnected(name: name, channels: channels)
    default: nil
    }
  }
}
