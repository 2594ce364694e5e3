struct ReLULayer: Layer {
  let output: FeatureShape
  var worksInPlace: Bool { true }
  var readsOutputInBackward: Bool { true }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    for i in 0..<pass.imageCount * output.count { y[i] = x[i] > 0 ? x[i] : 0 }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let dx else { return }
    for i in 0..<pass.imageCount * output.count { dx[i] = y[i] > 0 ? dy[i] : 0 }
  }
}

struct TanhLayer: Layer {
  let output: FeatureShape
  var readsOutputInBackward: Bool { true }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    for i in 0..<pass.imageCount * output.count { y[i] = Elementwise.tanh(x[i]) }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let dx else { return }
    for i in 0..<pass.imageCount * output.count { dx[i] = dy[i] * (1 - y[i] * y[i]) }
  }
}

struct DropoutLayer: Layer {
  let output: FeatureShape
  let rate: Float

  func stateCount(imageCount: Int) -> Int { output.count * imageCount }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let count = pass.imageCount * output.count
    guard let key = pass.key else {
      y.update(from: x, count: count)
      return
    }
    let scale = 1 / (1 - rate)
    forEachImagePlane(pass, output, key) { start, random in
      for i in start..<start + output.planeCount {
        pass.state[i] = random.unit() < rate ? 0 : scale
        y[i] = x[i] * pass.state[i]
      }
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let dx else { return }
    for i in 0..<pass.imageCount * output.count { dx[i] = dy[i] * pass.state[i] }
  }
}

/// Sign forward, a straight-through gradient backward.
struct BinarizerLayer: Layer {
  let output: FeatureShape
  let mode: BinarizerMode

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    if let key = pass.key, mode == .stochastic {
      forEachImagePlane(pass, output, key) { start, random in
        for i in start..<start + output.planeCount {
          y[i] = random.unit() * 2 - 1 < Elementwise.tanh(x[i]) ? 1 : -1
        }
      }
    } else {
      for i in 0..<pass.imageCount * output.count { y[i] = x[i] >= 0 ? 1 : -1 }
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let dx else { return }
    let count = pass.imageCount * output.count
    if mode == .window {
      for i in 0..<count { dx[i] = abs(x[i]) <= 1 ? dy[i] : 0 }
    } else {
      for i in 0..<count {
        let soft = Elementwise.tanh(x[i])
        dx[i] = dy[i] * (1 - soft * soft)
      }
    }
  }
}

/// Calls `body` for every plane with the start of its values and its image's own random stream,
/// which goes through the image's channels in order.
private func forEachImagePlane(
  _ pass: LayerPass, _ shape: FeatureShape, _ key: PassKey,
  _ body: (_ start: Int, _ random: inout NetRandom) -> Void
) {
  for image in 0..<pass.imageCount {
    var random = key.random(layer: pass.layerIndex, image: image)
    for channel in 0..<shape.channels {
      body((channel * pass.imageCount + image) * shape.planeCount, &random)
    }
  }
}
