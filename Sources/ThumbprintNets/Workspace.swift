/// The memory in which one worker takes one slice of images through one network, forward and back.
/// Everything is allocated at creation; a pass allocates nothing.
///
/// Activations are in CNHW order (see ``Unfolding``). Used by one thread at a time.
///
/// `@unchecked Sendable` is safe because a workspace belongs to one worker at a time: whoever runs
/// several threads gives each slice its own.
package final class Workspace: @unchecked Sendable {
  package let plan: NetworkPlan
  package let imageCountMax: Int
  /// Images of the last forward pass.
  package private(set) var imageCount = 0
  /// The sum of the parameters' gradients over the backward passes since ``clearGradients()``.
  package let gradients: Memory

  private let isTraining: Bool
  private var lastKey: PassKey?
  /// `activations[i]` goes into layer `i`. Layers in place share, and in inference layers take turns.
  private let activations: [Memory]
  private let states: [Memory]
  private let scratch: Memory
  /// The gradients of the layer at work, above and below it.
  private let slopes: [Memory]

  /// - Parameter isTraining: Whether ``backward(_:wantsInputGradient:)`` will be called; costs the
  ///   memory of every activation.
  package init(_ plan: NetworkPlan, imageCountMax: Int, isTraining: Bool) {
    let images = max(1, imageCountMax)
    self.plan = plan
    self.imageCountMax = images
    self.isTraining = isTraining
    let largest = plan.shapes.map(\.count).max()! * images
    var activations = [Memory(count: plan.shapes[0].count * images)]
    let turns = isTraining ? [] : [Memory(count: largest), Memory(count: largest)]
    for index in plan.layers.indices {
      if plan.inPlace[index] {
        activations.append(activations[index])
      } else if isTraining {
        activations.append(Memory(count: plan.shapes[index + 1].count * images))
      } else {
        activations.append(activations[index] === turns[0] ? turns[1] : turns[0])
      }
    }
    self.activations = activations
    states = plan.layers.map { Memory(count: $0.stateCount(imageCount: images)) }
    scratch = Memory(count: plan.layers.map { $0.scratchCount(imageCount: images) }.max()!)
    slopes = isTraining ? [Memory(count: largest), Memory(count: largest)] : []
    gradients = Memory(count: isTraining ? plan.parameters.count : 0)
  }

  /// Where the images go in before ``forward(_:imageCount:key:)``: CNHW.
  package var input: UnsafeMutablePointer<Float> { activations[0].base }
  /// The answers of the last forward pass: CNHW.
  package var output: UnsafeMutablePointer<Float> { activations[activations.count - 1].base }
  /// Where the loss puts the gradient of the output before ``backward(_:wantsInputGradient:)``.
  package var outputGradient: UnsafeMutablePointer<Float> { slopes[0].base }

  package func state(ofLayer index: Int) -> UnsafeMutablePointer<Float> { states[index].base }

  package func clearGradients() {
    gradients.base.update(repeating: 0, count: gradients.count)
  }

  /// Takes the images in ``input`` through the network to ``output``.
  ///
  /// - Parameter key: The pass's identity for training (dropout, statistics of the slice); `nil` for
  ///   inference.
  package func forward(_ network: Network, imageCount: Int, key: PassKey? = nil) {
    precondition(network.plan === plan, "a workspace serves the network it was made for")
    precondition(imageCount <= imageCountMax, "\(imageCount) images, room for \(imageCountMax)")
    self.imageCount = imageCount
    lastKey = key
    forEachLayer(network, backwards: false) { index, pass in
      plan.layers[index].forward(pass, activations[index].base, activations[index + 1].base)
    }
  }

  /// Takes the gradient in ``outputGradient`` back through the network, adding to ``gradients``.
  ///
  /// - Parameter wantsParameterGradients: `false` leaves ``gradients`` alone and costs half as much.
  /// - Returns: The gradient of the input, CNHW, valid until the next pass; `nil` if not wanted.
  @discardableResult
  package func backward(
    _ network: Network, wantsInputGradient: Bool, wantsParameterGradients: Bool = true
  ) -> UnsafeMutablePointer<Float>? {
    precondition(isTraining, "a workspace for inference keeps nothing to go back with")
    precondition(network.plan === plan, "a workspace serves the network it was made for")
    var above = 0
    forEachLayer(network, backwards: true) { index, pass in
      let isInPlace = plan.inPlace[index]
      let below = isInPlace ? above : 1 - above
      let isWanted = index > 0 || wantsInputGradient
      plan.layers[index].backward(
        pass, x: activations[index].base, y: activations[index + 1].base,
        dy: slopes[above].base, dx: isWanted ? slopes[below].base : nil,
        gradients: wantsParameterGradients ? gradients.base : nil)
      above = below
    }
    return wantsInputGradient ? slopes[above].base : nil
  }

  private func forEachLayer(
    _ network: Network, backwards: Bool, _ body: (Int, LayerPass) -> Void
  ) {
    network.parameters.withUnsafeBufferPointer { parameters in
      network.statistics.withUnsafeBufferPointer { statistics in
        for position in plan.layers.indices {
          let index = backwards ? plan.layers.count - 1 - position : position
          let pass = LayerPass(
            imageCount: imageCount, layerIndex: index,
            parameters: parameters.baseAddress ?? UnsafePointer(scratch.base),
            statistics: statistics.baseAddress ?? UnsafePointer(scratch.base),
            scratch: scratch.base, state: states[index].base, key: lastKey,
            isTraining: isTraining)
          body(index, pass)
        }
      }
    }
  }
}
