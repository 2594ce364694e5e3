/// The greatest value of each window; of equal values the first in row-major order.
struct MaxPoolingLayer: Layer {
  let input: FeatureShape
  let output: FeatureShape
  let kernel: Int
  let stride: Int

  func stateCount(imageCount: Int) -> Int { output.count * imageCount }

  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    if !pass.isTraining, kernel == 2, stride == 2 {
      halve(x, planes: pass.imageCount * input.channels, into: y)
      return
    }
    let planes = pass.imageCount * input.channels
    pass.state.withMemoryRebound(to: UInt32.self, capacity: planes * output.planeCount) { winner in
      var out = 0
      for plane in 0..<planes {
        let source = x + plane * input.planeCount
        for row in 0..<output.height {
          for column in 0..<output.width {
            let corner = row &* stride &* input.width &+ column &* stride
            var best = source[corner]
            var bestIndex = corner
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                let index = corner &+ ky &* input.width &+ kx
                if source[index] > best {
                  best = source[index]
                  bestIndex = index
                }
              }
            }
            y[out] = best
            winner[out] = UInt32(truncatingIfNeeded: bestIndex)
            out &+= 1
          }
        }
      }
    }
  }

  /// The commonest case, when nobody asks afterwards which value was the greatest.
  private func halve(
    _ x: UnsafePointer<Float>, planes: Int, into y: UnsafeMutablePointer<Float>
  ) {
    var target = y
    for plane in 0..<planes {
      for row in 0..<output.height {
        let upper = x + plane * input.planeCount + 2 * row * input.width
        let lower = upper + input.width
        for column in 0..<output.width {
          let (a, b) = (upper[2 &* column], upper[2 &* column &+ 1])
          let (c, d) = (lower[2 &* column], lower[2 &* column &+ 1])
          let (left, right) = (b > a ? b : a, d > c ? d : c)
          target[column] = right > left ? right : left
        }
        target += output.width
      }
    }
  }

  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let dx else { return }
    let planes = pass.imageCount * input.channels
    dx.update(repeating: 0, count: planes * input.planeCount)
    pass.state.withMemoryRebound(to: UInt32.self, capacity: planes * output.planeCount) { winner in
      var out = 0
      for plane in 0..<planes {
        let target = dx + plane * input.planeCount
        for _ in 0..<output.planeCount {
          target[Int(winner[out])] += dy[out]
          out &+= 1
        }
      }
    }
  }
}
