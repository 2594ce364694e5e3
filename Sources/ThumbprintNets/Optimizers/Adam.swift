/// Adam with decoupled weight decay (Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019).
public struct Adam: Sendable {
  public struct Options: Sendable, Codable, Equatable {
    public var beta1: Float
    public var beta2: Float
    public var epsilon: Float
    public var weightDecay: Float

    public init(
      beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0
    ) {
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  public let options: Options
  /// Updates made so far.
  public private(set) var step: Int
  /// Running means of the gradients and of their squares.
  public private(set) var firstMoments: [Float]
  public private(set) var secondMoments: [Float]

  public init(parameterCount: Int, options: Options = Options()) {
    self.options = options
    step = 0
    firstMoments = [Float](repeating: 0, count: parameterCount)
    secondMoments = [Float](repeating: 0, count: parameterCount)
  }

  /// An optimiser that goes on where another stopped.
  public init(options: Options, step: Int, firstMoments: [Float], secondMoments: [Float]) {
    precondition(
      firstMoments.count == secondMoments.count,
      "\(firstMoments.count) first moments, \(secondMoments.count) second ones")
    self.options = options
    self.step = step
    self.firstMoments = firstMoments
    self.secondMoments = secondMoments
  }

  /// Moves the parameters against a gradient.
  ///
  /// - Parameters:
  ///   - gradient: As many numbers as parameters.
  ///   - rate: The learning rate of this step.
  public mutating func update(_ parameters: inout [Float], gradient: [Float], rate: Float) {
    gradient.withUnsafeBufferPointer { update(&parameters, gradient: $0, rate: rate) }
  }

  package mutating func update(
    _ parameters: inout [Float], gradient: UnsafeBufferPointer<Float>, rate: Float
  ) {
    let count = parameters.count
    precondition(
      gradient.count == count && firstMoments.count == count,
      "\(gradient.count) gradients and \(firstMoments.count) moments for \(count) parameters")
    step += 1
    let options = options
    let scale1 = 1 / (1 - power(options.beta1, step))
    let scale2 = 1 / (1 - power(options.beta2, step))
    parameters.withUnsafeMutableBufferPointer { parameters in
      firstMoments.withUnsafeMutableBufferPointer { first in
        secondMoments.withUnsafeMutableBufferPointer { second in
          guard let p = parameters.baseAddress, let m = first.baseAddress,
            let v = second.baseAddress, let g = gradient.baseAddress
          else { return }
          let decay = 1 - rate * options.weightDecay
          for i in 0..<count {
            m[i] = options.beta1 * m[i] + (1 - options.beta1) * g[i]
            v[i] = options.beta2 * v[i] + (1 - options.beta2) * g[i] * g[i]
            let move = m[i] * scale1 / ((v[i] * scale2).squareRoot() + options.epsilon)
            p[i] = p[i] * decay - rate * move
          }
        }
      }
    }
  }

  /// base^exponent by repeated squaring: the same bits on every machine.
  private func power(_ base: Float, _ exponent: Int) -> Float {
    var (result, factor, rest) = (1.0, Double(base), exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return Float(result)
  }
}
