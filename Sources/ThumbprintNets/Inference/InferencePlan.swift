/// Which steps do the work of a folded network's layers.
enum InferencePlan {
  static func steps(for network: Network) -> (input: PixelLayout, steps: [any InferenceStep]) {
    let layers = network.plan.layers
    let startsWithWinograd = (layers[0] as? ConvolutionLayer).map(WinogradStep.serves) ?? false
    let shape = network.plan.spec.input
    let input =
      startsWithWinograd
      ? PixelLayout.rounded(shape) : PixelLayout(shape: shape, stride: shape.channels)
    var steps: [any InferenceStep] = []
    network.parameters.withUnsafeBufferPointer { parameters in
      network.statistics.withUnsafeBufferPointer { statistics in
        var builder = StepBuilder(
          layers: layers, parameters: parameters, statistics: statistics)
        var layout = input
        while builder.next < layers.count {
          let step = builder.build(layout)
          layout = step.output
          steps.append(step)
        }
      }
    }
    return (input, steps)
  }
}

/// Goes through the layers, taking as many as a step can do.
private struct StepBuilder {
  let layers: [any Layer]
  let parameters: UnsafeBufferPointer<Float>
  let statistics: UnsafeBufferPointer<Float>
  private(set) var next = 0

  init(
    layers: [any Layer], parameters: UnsafeBufferPointer<Float>,
    statistics: UnsafeBufferPointer<Float>
  ) {
    self.layers = layers
    self.parameters = parameters
    self.statistics = statistics
  }

  private mutating func takeReLU() -> Bool {
    guard next < layers.count, layers[next] is ReLULayer else { return false }
    next += 1
    return true
  }

  /// Takes a pooling of 2×2 windows.
  private mutating func takeHalving() -> FeatureShape? {
    guard next < layers.count, let layer = layers[next] as? MaxPoolingLayer, layer.kernel == 2,
      layer.stride == 2
    else { return nil }
    next += 1
    return layer.output
  }

  /// The step for the next layer and those after it that it can do as well.
  mutating func build(_ input: PixelLayout) -> any InferenceStep {
    let layer = layers[next]
    next += 1
    // A layer with weights comes here only if there are some.
    let weights = { [parameters] in parameters.baseAddress! }
    switch layer {
    case let layer as ConvolutionLayer:
      let clamps = takeReLU()
      guard WinogradStep.serves(layer), input.isWhole else {
        return ProductStep(layer, input: input, parameters: weights(), clamps: clamps)
      }
      return WinogradStep(
        layer, input: input, parameters: weights(), clamps: clamps, pooled: takeHalving())
    case let layer as FullyConnectedLayer:
      return ProductStep(layer, input: input, parameters: weights(), clamps: takeReLU())
    case let layer as TransposedConvolutionLayer:
      let clamps = takeReLU()
      return ProductStep(layer, input: input, parameters: weights(), clamps: clamps)
        ?? FoldingStep(layer, input: input, parameters: weights(), clamps: clamps)
    case let layer as MaxPoolingLayer: return PoolingStep(layer, input: input)
    default: return ElementwiseStep(output: input, kind: kind(of: layer))
    }
  }

  private func kind(of layer: any Layer) -> ElementwiseStep.Kind {
    switch layer {
    case is ReLULayer: return .relu
    case is TanhLayer: return .tanh
    case is BinarizerLayer: return .sign
    case let layer as BatchNormalizationLayer:
      let channels = 0..<layer.output.channels
      let factors = channels.map {
        parameters[layer.scale + $0]
          / (statistics[layer.variance + $0] + BatchNormalizationLayer.epsilon).squareRoot()
      }
      return .affine(
        factors: factors,
        offsets: channels.map {
          parameters[layer.shift + $0] - statistics[layer.mean + $0] * factors[$0]
        })
    // Dropout, which does nothing here; folding removes it.
    default: return .copy
    }
  }
}
