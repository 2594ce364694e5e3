/// The adjoint of a convolution from `output` to `input`: forward folds, backward unfolds.
struct TransposedConvolutionLayer: Layer {
  let input: FeatureShape
  let output: FeatureShape
  /// The geometry of the convolution that this is the adjoint of: its image is our output.
  let unfolding: Unfolding
  let weight: Int
  let bias: Int?

  func scratchCount(imageCount: Int) -> Int {
    unfolding.bandCount(imageCount: imageCount)
  }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let all = pass.imageCount * input.planeCount
    let outputAll = pass.imageCount * output.planeCount
    for channel in 0..<output.channels {
      let start = bias.map { pass.parameters[$0 + channel] } ?? 0
      (y + channel * outputAll).update(repeating: start, count: outputAll)
    }
    unfolding.forEachBand(imageCount: pass.imageCount) { band in
      let columns = band.count * unfolding.columns
      BLAS.multiply(
        unfolding.matrixRows, columns, input.channels,
        pass.parameters + weight, lda: unfolding.matrixRows, aIsTransposed: true,
        x + band.lowerBound * unfolding.columns, ldb: all, beta: 0, pass.scratch, ldc: columns)
      unfolding.fold(pass.scratch, count: pass.imageCount, band: band, addingTo: y)
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    let all = pass.imageCount * input.planeCount
    let outputAll = pass.imageCount * output.planeCount
    if let bias, let gradients {
      for channel in 0..<output.channels {
        gradients[bias + channel] += Elementwise.sum(dy + channel * outputAll, count: outputAll)
      }
    }
    unfolding.forEachBand(imageCount: pass.imageCount) { band in
      let columns = band.count * unfolding.columns
      let first = band.lowerBound * unfolding.columns
      unfolding.unfold(dy, count: pass.imageCount, band: band, into: pass.scratch)
      if let gradients {
        BLAS.multiply(
          input.channels, unfolding.matrixRows, columns, x + first, lda: all,
          pass.scratch, ldb: columns, bIsTransposed: true,
          beta: 1, gradients + weight, ldc: unfolding.matrixRows)
      }
      guard let dx else { return }
      BLAS.multiply(
        input.channels, columns, unfolding.matrixRows,
        pass.parameters + weight, lda: unfolding.matrixRows,
        pass.scratch, ldb: columns, beta: 0, dx + first, ldc: all)
    }
  }
}
