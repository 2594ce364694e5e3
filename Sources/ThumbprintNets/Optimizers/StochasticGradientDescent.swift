/// Gradient descent with momentum and weight decay, as PyTorch defines it (no dampening, no Nesterov).
public struct StochasticGradientDescent: Sendable {
  /// `0..<1`.
  public let momentum: Float
  public let weightDecay: Float
  /// The running sum of gradients.
  public private(set) var velocity: [Float]

  public init(parameterCount: Int, momentum: Float = 0.9, weightDecay: Float = 0) {
    self.init(
      velocity: [Float](repeating: 0, count: parameterCount), momentum: momentum,
      weightDecay: weightDecay)
  }

  /// An optimiser that goes on where another stopped.
  public init(velocity: [Float], momentum: Float, weightDecay: Float) {
    precondition(momentum >= 0 && momentum < 1, "momentum is in 0..<1, not \(momentum)")
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.velocity = velocity
  }

  /// Moves the parameters against a gradient, of as many numbers.
  public mutating func update(_ parameters: inout [Float], gradient: [Float], rate: Float) {
    let count = parameters.count
    precondition(
      gradient.count == count && velocity.count == count,
      "\(gradient.count) gradients and \(velocity.count) velocities for \(count) parameters")
    for i in 0..<count {
      velocity[i] = momentum * velocity[i] + gradient[i] + weightDecay * parameters[i]
      parameters[i] -= rate * velocity[i]
    }
  }
}
