struct BatchNormalizationLayer: Layer {
  /// Added to the variance, as in PyTorch.
  static let epsilon: Float = 1e-5

  let output: FeatureShape
  /// Offsets in the parameters.
  let scale: Int
  let shift: Int
  /// Offsets in the statistics: running mean, running variance.
  let mean: Int
  let variance: Int

  /// Mean, then variance, of the slice.
  func stateCount(imageCount: Int) -> Int { 2 * output.channels }

  func scratchCount(imageCount: Int) -> Int { output.planeCount * imageCount }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let all = pass.imageCount * output.planeCount
    for channel in 0..<output.channels {
      let source = x + channel * all
      let target = y + channel * all
      var center = pass.statistics[mean + channel]
      var spread = pass.statistics[variance + channel]
      if pass.key != nil {
        center = Elementwise.sum(source, count: all) / Float(all)
        for i in 0..<all { target[i] = source[i] - center }
        spread = Elementwise.dot(target, target, count: all) / Float(all)
        pass.state[channel] = center
        pass.state[output.channels + channel] = spread
      }
      let factor = pass.parameters[scale + channel] / (spread + Self.epsilon).squareRoot()
      let offset = pass.parameters[shift + channel]
      for i in 0..<all { target[i] = (source[i] - center) * factor + offset }
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    let all = pass.imageCount * output.planeCount
    for channel in 0..<output.channels {
      let source = x + channel * all
      let above = dy + channel * all
      let center = pass.state[channel]
      let inverse = 1 / (pass.state[output.channels + channel] + Self.epsilon).squareRoot()
      let sum = Elementwise.sum(above, count: all)
      let normal = pass.scratch
      for i in 0..<all { normal[i] = (source[i] - center) * inverse }
      let product = Elementwise.dot(above, normal, count: all)
      gradients?[shift + channel] += sum
      gradients?[scale + channel] += product
      guard let dx else { continue }
      let target = dx + channel * all
      let factor = pass.parameters[scale + channel] * inverse
      let (sumShare, productShare) = (sum / Float(all), product / Float(all))
      for i in 0..<all {
        target[i] = factor * (above[i] - sumShare - normal[i] * productShare)
      }
    }
  }
}
