/// A network of transposed convolutions, each perhaps followed by ReLU, made ready for going forward
/// and back to its input, again and again: for those who look for better inputs.
///
/// As with ``InferenceNetwork``, answers have the same bits alone and in a batch.
package final class DecoderGradient: Sendable {
  /// A layer with the ReLU behind it, and its adjoint: a convolution with the same weights.
  struct Stage: Sendable {
    let forward: InferenceNetwork
    let backward: InferenceNetwork
    let clamps: Bool
  }

  let stages: [Stage]
  /// What goes in.
  package let input: FeatureShape

  /// `nil` if the network has other layers.
  package init?(_ network: Network) {
    var stages: [Stage] = []
    var index = 0
    let (layers, specs) = (network.plan.layers, network.plan.spec.layers)
    while index < layers.count {
      guard let layer = layers[index] as? TransposedConvolutionLayer,
        case .transposedConvolution(let name, _, let kernel, let stride, let padding, let bias) =
          specs[index]
      else { return nil }
      let clamps = index + 1 < layers.count && layers[index + 1] is ReLULayer
      let backward = NetworkSpec(
        input: layer.output,
        layers: [
          .convolution(
            name: name, channels: layer.input.channels, kernel: kernel, stride: stride,
            padding: padding, bias: false)
        ])
      let forward = NetworkSpec(
        input: layer.input, layers: [specs[index]] + (clamps ? [.relu] : []))
      guard var down = try? Network(forward, seed: 0), var up = try? Network(backward, seed: 0),
        up.plan.output == layer.input
      else { return nil }
      let count = up.parameters.count
      up.parameters = Array(network.parameters[layer.weight..<layer.weight + count])
      down.parameters.replaceSubrange(0..<count, with: up.parameters)
      if bias, let start = layer.bias {
        down.parameters.replaceSubrange(
          count..., with: network.parameters[start..<start + layer.output.channels])
      }
      stages.append(
        Stage(
          forward: InferenceNetwork(down), backward: InferenceNetwork(up), clamps: clamps))
      index += clamps ? 2 : 1
    }
    self.stages = stages
    input = network.plan.spec.input
  }
}

/// One worker's memory for a ``DecoderGradient``.
package final class DecoderGradientWorkspace {
  private let stages: [DecoderGradient.Stage]
  private let forwards: [InferenceWorkspace]
  private let backwards: [InferenceWorkspace]
  private let counts: [Int]

  package init(_ network: DecoderGradient, imageCountMax: Int) {
    stages = network.stages
    forwards = stages.map { InferenceWorkspace($0.forward, imageCountMax: imageCountMax) }
    backwards = stages.map { InferenceWorkspace($0.backward, imageCountMax: 1) }
    counts = stages.map { $0.forward.network.plan.output.count }
  }

  /// Where the images go in: CNHW.
  package var input: UnsafeMutablePointer<Float> { forwards[0].input }
  /// The answers: CNHW.
  package var output: UnsafeMutablePointer<Float> { forwards[forwards.count - 1].output }
  /// Where the gradient of the output of the one image goes in before ``backward()``.
  package var outputGradient: UnsafeMutablePointer<Float> { backwards[backwards.count - 1].input }

  package func forward(imageCount: Int) {
    for (number, workspace) in forwards.enumerated() {
      if number > 0 {
        workspace.input.update(
          from: forwards[number - 1].output, count: imageCount * counts[number - 1])
      }
      workspace.forward(imageCount: imageCount)
    }
  }

  /// Takes ``outputGradient`` back after a forward pass with one image.
  ///
  /// - Returns: The gradient of the input, valid until the next pass.
  package func backward() -> UnsafePointer<Float> {
    for number in backwards.indices.reversed() {
      let workspace = backwards[number]
      if number + 1 < backwards.count {
        workspace.input.update(from: backwards[number + 1].output, count: counts[number])
      }
      if stages[number].clamps {
        for i in 0..<counts[number] where !(forwards[number].output[i] > 0) {
          workspace.input[i] = 0
        }
      }
      workspace.forward(imageCount: 1)
    }
    return UnsafePointer(backwards[0].output)
  }
}
