struct FullyConnectedLayer: Layer {
  let input: FeatureShape
  let output: FeatureShape
  let weight: Int
  let bias: Int?

  private var isFlat: Bool { input.planeCount == 1 }

  func stateCount(imageCount: Int) -> Int { isFlat ? 0 : input.count * imageCount }
  func scratchCount(imageCount: Int) -> Int { isFlat ? 0 : input.count * imageCount }

  /// CNHW to one column per image, rows in the order channel, row, column.
  private func flatten(
    _ x: UnsafePointer<Float>, count: Int, into flat: UnsafeMutablePointer<Float>
  ) {
    let plane = input.planeCount
    for channel in 0..<input.channels {
      for image in 0..<count {
        let source = x + (channel * count + image) * plane
        let target = flat + channel * plane * count + image
        for i in 0..<plane { target[i &* count] = source[i] }
      }
    }
  }

  private func unflatten(
    _ flat: UnsafePointer<Float>, count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    let plane = input.planeCount
    for channel in 0..<input.channels {
      for image in 0..<count {
        let target = x + (channel * count + image) * plane
        let source = flat + channel * plane * count + image
        for i in 0..<plane { target[i] = source[i &* count] }
      }
    }
  }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let count = pass.imageCount
    var flat = x
    if !isFlat {
      flatten(x, count: count, into: pass.state)
      flat = UnsafePointer(pass.state)
    }
    for channel in 0..<output.channels {
      let start = bias.map { pass.parameters[$0 + channel] } ?? 0
      (y + channel * count).update(repeating: start, count: count)
    }
    if count == 1 {
      BLAS.multiply(
        rows: output.channels, columns: input.count, pass.parameters + weight, vector: flat,
        addingTo: y)
    } else {
      BLAS.multiply(
        output.channels, count, input.count, pass.parameters + weight, lda: input.count,
        flat, ldb: count, beta: 1, y, ldc: count)
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    let count = pass.imageCount
    let flat = isFlat ? x : UnsafePointer(pass.state)
    if let bias, let gradients {
      for channel in 0..<output.channels {
        gradients[bias + channel] += Elementwise.sum(dy + channel * count, count: count)
      }
    }
    if let gradients {
      BLAS.multiply(
        output.channels, input.count, count, dy, lda: count, flat, ldb: count, bIsTransposed: true,
        beta: 1, gradients + weight, ldc: input.count)
    }
    guard let dx else { return }
    BLAS.multiply(
      input.count, count, output.channels, pass.parameters + weight, lda: input.count,
      aIsTransposed: true, dy, ldb: count, beta: 0, isFlat ? dx : pass.scratch, ldc: count)
    if !isFlat { unflatten(pass.scratch, count: count, into: dx) }
  }
}
