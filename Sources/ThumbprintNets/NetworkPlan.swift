/// A network description, checked and laid out: the layers, their shapes, and where each layer's
/// weights lie. Immutable, shared by all copies of a ``Network``.
public final class NetworkPlan: Sendable {
  public let spec: NetworkSpec
  /// What comes out for one image.
  public let output: FeatureShape
  /// The trained parameters.
  public let parameters: ParameterLayout
  /// The running statistics of batch normalisation.
  public let statistics: ParameterLayout

  let layers: [any Layer]
  /// `shapes[i]` goes into layer `i`; the last is ``output``.
  let shapes: [FeatureShape]
  /// Whether layer `i` writes over its input.
  let inPlace: [Bool]

  /// Checks and lays out a description.
  ///
  /// - Throws: ``NetsError/Code/invalidSpec`` naming the layer, if an extent is outside
  ///   ``NetworkLimits``, a kernel does not fit, or a name is empty or used twice.
  public init(_ spec: NetworkSpec) throws(NetsError) {
    guard !spec.layers.isEmpty, spec.layers.count <= NetworkLimits.layerCountMax else {
      throw NetsError(
        .invalidSpec,
        "a network has 1 to \(NetworkLimits.layerCountMax) layers, not \(spec.layers.count)")
    }
    var builder = LayerBuilder()
    try builder.check(spec.input, "the input")
    var shapes = [spec.input]
    var layers: [any Layer] = []
    var inPlace: [Bool] = []
    for (index, layer) in spec.layers.enumerated() {
      let built = try builder.build(layer, input: shapes[index], place: "layer \(index)")
      inPlace.append(
        built.worksInPlace && index > 0 && !layers[index - 1].readsOutputInBackward)
      layers.append(built)
      shapes.append(built.output)
    }
    self.spec = spec
    self.layers = layers
    self.shapes = shapes
    self.inPlace = inPlace
    output = shapes[shapes.count - 1]
    parameters = builder.parameters
    statistics = builder.statistics
  }
}

extension NetworkPlan {
  /// Multiplications of one image in convolutions and fully connected layers, done plainly.
  public var multiplicationCount: Int {
    layers.reduce(0) { sum, layer in
      switch layer {
      case let layer as ConvolutionLayer:
        sum + layer.output.count * layer.unfolding.matrixRows
      case let layer as TransposedConvolutionLayer:
        sum + layer.input.count * layer.unfolding.matrixRows
      case let layer as FullyConnectedLayer: sum + layer.input.count * layer.output.count
      default: sum
      }
    }
  }
}

/// Turns specs into layers and hands out the places of their weights.
private struct LayerBuilder {
  var parameters = ParameterLayout()
  var statistics = ParameterLayout()
  private var names: Set<String> = []

  func check(_ shape: FeatureShape, _ place: String) throws(NetsError) {
    let sides = 1...NetworkLimits.sideMax
    guard (1...NetworkLimits.channelCountMax).contains(shape.channels),
      sides.contains(shape.height), sides.contains(shape.width),
      shape.count <= NetworkLimits.activationCountMax
    else {
      throw NetsError(
        .invalidSpec,
        "\(place): \(shape) is outside 1 to \(NetworkLimits.channelCountMax) channels, "
          + "1 to \(NetworkLimits.sideMax) rows and columns and "
          + "\(NetworkLimits.activationCountMax) values")
    }
  }

  private mutating func claim(_ name: String, _ place: String) throws(NetsError) {
    guard !name.isEmpty, name.utf8.count <= 128, names.insert(name).inserted else {
      throw NetsError(
        .invalidSpec, "\(place): the name '\(name)' is empty, above 128 bytes, or used twice")
    }
  }

  /// Weights and an optional bias under `name`, started by Xavier's rule (Glorot and Bengio, 2010).
  private mutating func claimWeights(
    _ name: String, _ shape: [Int], bias: Int?, fanIn: Int, fanOut: Int, _ place: String
  ) throws(NetsError) -> (weight: Int, bias: Int?) {
    try claim(name, place)
    let (count, isTooLarge) = shape.reduce((1, false)) { sum, extent in
      let product = sum.0.multipliedReportingOverflow(by: extent)
      return (product.partialValue, sum.1 || product.overflow)
    }
    guard !isTooLarge, count <= NetworkLimits.parameterCountMax - parameters.count else {
      throw NetsError(
        .invalidSpec,
        "\(place): the parameters exceed \(NetworkLimits.parameterCountMax) in all")
    }
    let bound = (6 / Float(fanIn + fanOut)).squareRoot()
    let weight = parameters.add("\(name).weight", shape, .uniform(bound: bound))
    let biasStart = bias.map { parameters.add("\(name).bias", [$0], .constant(0)) }
    return (weight, biasStart)
  }

  private func checkKernel(
    _ kernel: Int, _ stride: Int, _ padding: Int, _ place: String
  ) throws(NetsError) {
    guard (1...NetworkLimits.kernelMax).contains(kernel),
      (1...NetworkLimits.strideMax).contains(stride), (0..<kernel).contains(padding)
    else {
      throw NetsError(
        .invalidSpec,
        "\(place): kernel \(kernel), stride \(stride), padding \(padding) are outside "
          + "1 to \(NetworkLimits.kernelMax), 1 to \(NetworkLimits.strideMax), 0 to kernel - 1")
    }
  }

  mutating func build(
    _ spec: LayerSpec, input: FeatureShape, place: String
  ) throws(NetsError) -> any Layer {
    switch spec {
    case .convolution(let name, let channels, let kernel, let stride, let padding, let bias):
      return try convolution(
        name, channels, (kernel, stride, padding), bias: bias, input: input, place)
    case .transposedConvolution(
      let name, let channels, let kernel, let stride, let padding, let bias):
      return try transposedConvolution(
        name, channels, (kernel, stride, padding), bias: bias, input: input, place)
    case .fullyConnected(let name, let channels, let bias):
      let output = FeatureShape(channels: channels, height: 1, width: 1)
      try check(output, place)
      let place = try claimWeights(
        name, [channels, input.count], bias: bias ? channels : nil, fanIn: input.count,
        fanOut: channels, place)
      return FullyConnectedLayer(
        input: input, output: output, weight: place.weight, bias: place.bias)
    case .maxPooling(let kernel, let stride):
      return try maxPooling(kernel, stride, input: input, place)
    case .relu: return ReLULayer(output: input)
    case .tanh: return TanhLayer(output: input)
    case .dropout(let rate):
      guard rate >= 0, rate < 1 else {
        throw NetsError(.invalidSpec, "\(place): a dropout rate is in 0..<1, not \(rate)")
      }
      return DropoutLayer(output: input, rate: rate)
    case .batchNormalization(let name):
      try claim(name, place)
      return BatchNormalizationLayer(
        output: input,
        scale: parameters.add("\(name).weight", [input.channels], .constant(1)),
        shift: parameters.add("\(name).bias", [input.channels], .constant(0)),
        mean: statistics.add("\(name).running_mean", [input.channels], .constant(0)),
        variance: statistics.add("\(name).running_var", [input.channels], .constant(1)))
    case .binarizer(let mode): return BinarizerLayer(output: input, mode: mode)
    }
  }

  private mutating func convolution(
    _ name: String, _ channels: Int, _ shape: (kernel: Int, stride: Int, padding: Int),
    bias: Bool, input: FeatureShape, _ place: String
  ) throws(NetsError) -> any Layer {
    try checkKernel(shape.kernel, shape.stride, shape.padding, place)
    guard min(input.height, input.width) + 2 * shape.padding >= shape.kernel else {
      throw NetsError(
        .invalidSpec, "\(place): a kernel of \(shape.kernel) does not fit into \(input)")
    }
    let unfolding = Unfolding(
      image: input, kernel: shape.kernel, stride: shape.stride, padding: shape.padding)
    let output = FeatureShape(
      channels: channels, height: unfolding.rows, width: unfolding.columns)
    try check(output, place)
    let area = shape.kernel * shape.kernel
    let start = try claimWeights(
      name, [channels, input.channels, shape.kernel, shape.kernel], bias: bias ? channels : nil,
      fanIn: input.channels * area, fanOut: channels * area, place)
    return ConvolutionLayer(
      unfolding: unfolding, output: output, weight: start.weight, bias: start.bias)
  }

  private mutating func transposedConvolution(
    _ name: String, _ channels: Int, _ shape: (kernel: Int, stride: Int, padding: Int),
    bias: Bool, input: FeatureShape, _ place: String
  ) throws(NetsError) -> any Layer {
    try checkKernel(shape.kernel, shape.stride, shape.padding, place)
    let output = FeatureShape(
      channels: channels,
      height: (input.height - 1) * shape.stride - 2 * shape.padding + shape.kernel,
      width: (input.width - 1) * shape.stride - 2 * shape.padding + shape.kernel)
    try check(output, place)
    let area = shape.kernel * shape.kernel
    let start = try claimWeights(
      name, [input.channels, channels, shape.kernel, shape.kernel], bias: bias ? channels : nil,
      fanIn: input.channels * area, fanOut: channels * area, place)
    let unfolding = Unfolding(
      image: output, kernel: shape.kernel, stride: shape.stride, padding: shape.padding)
    return TransposedConvolutionLayer(
      input: input, output: output, unfolding: unfolding, weight: start.weight,
      bias: start.bias)
  }

  private func maxPooling(
    _ kernel: Int, _ stride: Int, input: FeatureShape, _ place: String
  ) throws(NetsError) -> any Layer {
    try checkKernel(kernel, stride, 0, place)
    guard min(input.height, input.width) >= kernel else {
      throw NetsError(.invalidSpec, "\(place): a window of \(kernel) does not fit into \(input)")
    }
    let output = FeatureShape(
      channels: input.channels, height: (input.height - kernel) / stride + 1,
      width: (input.width - kernel) / stride + 1)
    return MaxPoolingLayer(input: input, output: output, kernel: kernel, stride: stride)
  }
}
