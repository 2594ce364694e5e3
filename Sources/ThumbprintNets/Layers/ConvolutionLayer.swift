struct ConvolutionLayer: Layer {
  let unfolding: Unfolding
  let output: FeatureShape
  /// Offsets in the network's parameters.
  let weight: Int
  let bias: Int?

  func scratchCount(imageCount: Int) -> Int {
    unfolding.bandCount(imageCount: imageCount)
  }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let all = pass.imageCount * unfolding.positions
    if let bias {
      for channel in 0..<output.channels {
        (y + channel * all).update(repeating: pass.parameters[bias + channel], count: all)
      }
    }
    unfolding.forEachBand(imageCount: pass.imageCount) { band in
      let columns = band.count * unfolding.columns
      unfolding.unfold(x, count: pass.imageCount, band: band, into: pass.scratch)
      BLAS.multiply(
        output.channels, columns, unfolding.matrixRows,
        pass.parameters + weight, lda: unfolding.matrixRows,
        pass.scratch, ldb: columns,
        beta: bias == nil ? 0 : 1, y + band.lowerBound * unfolding.columns, ldc: all)
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    let all = pass.imageCount * unfolding.positions
    if let bias, let gradients {
      for channel in 0..<output.channels {
        gradients[bias + channel] += Elementwise.sum(dy + channel * all, count: all)
      }
    }
    dx?.update(
      repeating: 0,
      count: pass.imageCount * unfolding.channels * unfolding.height * unfolding.width)
    unfolding.forEachBand(imageCount: pass.imageCount) { band in
      let columns = band.count * unfolding.columns
      let dyBand = dy + band.lowerBound * unfolding.columns
      if let gradients {
        unfolding.unfold(x, count: pass.imageCount, band: band, into: pass.scratch)
        BLAS.multiply(
          output.channels, unfolding.matrixRows, columns, dyBand, lda: all,
          pass.scratch, ldb: columns, bIsTransposed: true,
          beta: 1, gradients + weight, ldc: unfolding.matrixRows)
      }
      guard let dx else { return }
      BLAS.multiply(
        unfolding.matrixRows, columns, output.channels,
        pass.parameters + weight, lda: unfolding.matrixRows, aIsTransposed: true,
        dyBand, ldb: all, beta: 0, pass.scratch, ldc: columns)
      unfolding.fold(pass.scratch, count: pass.imageCount, band: band, addingTo: dx)
    }
  }
}
