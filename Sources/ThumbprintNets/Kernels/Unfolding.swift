/// The geometry of a convolution over images stored channel by channel (CNHW): plane `c` of image
/// `i` of `n` starts at `(c · n + i) · height · width`.
///
/// A convolution is a matrix product over the *unfolded* images: a matrix whose row `(c, ky, kx)`
/// holds, for every position of every output row, the pixel that this tap of the kernel meets
/// there (zero outside the image). With CNHW the product of a whole group of images is one matrix
/// product whose result is again CNHW. Folding is the adjoint: it adds every element of the matrix
/// back to the pixel it came from.
struct Unfolding: Sendable {
  let channels: Int
  let height: Int
  let width: Int
  let kernel: Int
  let stride: Int
  let padding: Int
  /// Positions of the kernel: output rows and columns.
  let rows: Int
  let columns: Int

  init(image: FeatureShape, kernel: Int, stride: Int, padding: Int) {
    channels = image.channels
    height = image.height
    width = image.width
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    rows = (image.height + 2 * padding - kernel) / stride + 1
    columns = (image.width + 2 * padding - kernel) / stride + 1
  }

  /// Rows of the unfolded matrix.
  var matrixRows: Int { channels * kernel * kernel }
  /// Positions in one image.
  var positions: Int { rows * columns }

  /// The output columns at which tap `kx` meets the image.
  private func reach(_ kx: Int) -> Range<Int> {
    let first = kx >= padding ? 0 : (padding - kx + stride - 1) / stride
    let lastPixel = width - 1 + padding - kx
    let end = lastPixel < 0 ? 0 : min(columns, lastPixel / stride + 1)
    return min(first, end)..<end
  }

  /// Floats of unfolded matrix held at once: 512 KiB, about half of a core's second-level cache.
  private static let bandFloatCount = 1 << 17

  /// Output rows, over all images, that are unfolded at a time.
  private func bandRowCount(imageCount: Int) -> Int {
    min(rows * imageCount, max(1, Self.bandFloatCount / (matrixRows * columns)))
  }

  /// Floats of the largest unfolded matrix that ``forEachBand(imageCount:_:)`` asks for.
  func bandCount(imageCount: Int) -> Int {
    bandRowCount(imageCount: imageCount) * matrixRows * columns
  }

  /// Calls `body` with bands of output rows that together cover all images.
  func forEachBand(imageCount: Int, _ body: (Range<Int>) -> Void) {
    let step = bandRowCount(imageCount: imageCount)
    for start in Swift.stride(from: 0, to: rows * imageCount, by: step) {
      body(start..<min(rows * imageCount, start + step))
    }
  }

  /// Writes the unfolded matrix of output rows `band` (row `r` is row `r % rows` of image
  /// `r / rows`), `matrixRows` × `band.count · columns`.
  func unfold(
    _ images: UnsafePointer<Float>, count: Int, band: Range<Int>,
    into matrix: UnsafeMutablePointer<Float>
  ) {
    let plane = height * width
    var out = matrix
    for channel in 0..<channels {
      let channelBase = images + channel * count * plane
      for ky in 0..<kernel {
        for kx in 0..<kernel {
          let reach = reach(kx)
          let shift = kx - padding
          var image = band.lowerBound / rows
          var row = band.lowerBound % rows
          for _ in 0..<band.count {
            let y = row &* stride &+ ky &- padding
            if y >= 0 && y < height {
              let source = channelBase + (image &* plane &+ y &* width &+ shift)
              for x in 0..<reach.lowerBound { out[x] = 0 }
              if stride == 1 {
                for x in reach { out[x] = source[x] }
              } else if stride == 2 {
                for x in reach { out[x] = source[x &* 2] }
              } else {
                for x in reach { out[x] = source[x &* stride] }
              }
              var x = reach.upperBound
              while x < columns {
                out[x] = 0
                x &+= 1
              }
            } else {
              for x in 0..<columns { out[x] = 0 }
            }
            out += columns
            row &+= 1
            if row == rows {
              row = 0
              image &+= 1
            }
          }
        }
      }
    }
  }

  /// Adds a matrix laid out as ``unfold(_:count:band:into:)`` writes it to the images.
  func fold(
    _ matrix: UnsafePointer<Float>, count: Int, band: Range<Int>,
    addingTo images: UnsafeMutablePointer<Float>
  ) {
    let plane = height * width
    var from = matrix
    for channel in 0..<channels {
      let channelBase = images + channel * count * plane
      for ky in 0..<kernel {
        for kx in 0..<kernel {
          let reach = reach(kx)
          let shift = kx - padding
          var image = band.lowerBound / rows
          var row = band.lowerBound % rows
          for _ in 0..<band.count {
            let y = row &* stride &+ ky &- padding
            if y >= 0 && y < height {
              let target = channelBase + (image &* plane &+ y &* width &+ shift)
              if stride == 1 {
                for x in reach { target[x] += from[x] }
              } else if stride == 2 {
                for x in reach { target[x &* 2] += from[x] }
              } else {
                for x in reach { target[x &* stride] += from[x] }
              }
            }
            from += columns
            row &+= 1
            if row == rows {
              row = 0
              image &+= 1
            }
          }
        }
      }
    }
  }
}
