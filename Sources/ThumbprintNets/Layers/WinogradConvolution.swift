/// A 3×3 convolution of stride 1 with a border of one, by Winograd's minimal filtering F(4×4, 3×3):
/// 36 products of small matrices in place of 144 multiplications a tile of 4×4 outputs.
///
/// Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016,
/// section 4.1. Answers differ from the sum's by rounding: see docs/nets.md.
///
/// Tiles are worked on in bands of whole rows of tiles, over all images. Of every band the inputs are
/// transformed to `36 × channels × tiles`, multiplied by the transformed kernels `36 × outputs ×
/// channels`, and the products transformed back. Neighbouring tiles of a row lie in the lanes of a
/// vector.
struct WinogradConvolution: Sendable {
  /// Products of a tile.
  static let productCount = 36
  /// Rows and columns of outputs of a tile.
  static let tile = 4
  /// The fewest tiles of an image for which the products are large enough to pay.
  private static let tileCountMin = 16
  private static let channelCountMin = 16
  /// Floats of transformed inputs and products held at once, if a row of tiles is not more.
  private static let bandFloatCount = 3 << 20

  let channels: Int
  let outputs: Int
  let height: Int
  let width: Int
  let tileRows: Int
  let tileColumns: Int

  /// `nil` if a plain product is the better way for this layer.
  init?(_ layer: ConvolutionLayer) {
    let geometry = layer.unfolding
    channels = geometry.channels
    outputs = layer.output.channels
    height = geometry.height
    width = geometry.width
    tileRows = (height + Self.tile - 1) / Self.tile
    tileColumns = (width + Self.tile - 1) / Self.tile
    guard geometry.kernel == 3, geometry.stride == 1, geometry.padding == 1,
      min(channels, outputs) >= Self.channelCountMin,
      tileRows * tileColumns >= Self.tileCountMin
    else { return nil }
  }

  // MARK: Memory

  /// Rows of tiles of a band.
  private func bandRowCount(imageCount: Int) -> Int {
    let row = Self.productCount * (channels + outputs) * tileColumns
    return min(tileRows * imageCount, max(1, Self.bandFloatCount / row))
  }

  /// Floats between two channels of a band's transformed inputs or products. A vector may be read or
  /// written past a row's last tile.
  private func stride(_ bandRows: Int) -> Int {
    bandRows * tileColumns + WinogradTransform.laneCount
  }

  /// Floats between two of the 36 matrices: not a multiple of a page, so that the 36 places written
  /// in turn do not share the same lines of the cache.
  private func matrixStride(_ rows: Int, _ bandRows: Int) -> Int { rows * stride(bandRows) + 80 }

  /// Columns of a phase: see ``WinogradTransform/split(_:rows:width:phase:into:)``.
  private var phaseCount: Int { tileColumns + 1 + WinogradTransform.laneCount }

  /// Floats of scratch memory.
  func scratchCount(imageCount: Int) -> Int {
    let rows = bandRowCount(imageCount: imageCount)
    let matrices =
      Self.productCount
      * (matrixStride(channels, rows) + matrixStride(outputs, rows))
    return matrices + 6 * 4 * phaseCount + 16 * WinogradTransform.laneCount
  }

  // MARK: Kernels

  /// The kernels, transformed: `36 × outputs × channels`.
  func transformed(_ weights: UnsafePointer<Float>) -> Memory {
    let kernels = Memory(count: Self.productCount * outputs * channels)
    let count = outputs * channels
    for kernel in 0..<count {
      WinogradTransform.kernel(weights + 9 * kernel, into: kernels.base + kernel, stride: count)
    }
    return kernels
  }

  // MARK: Forward

  /// Fills `y` from `x`, both CNHW.
  ///
  /// - Parameters:
  ///   - kernels: What ``transformed(_:)`` returned.
  ///   - clamps: Whether to follow with ReLU.
  func forward(
    _ x: UnsafePointer<Float>, imageCount: Int, kernels: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?, clamps: Bool, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let bandRows = bandRowCount(imageCount: imageCount)
    let step = stride(bandRows)
    let (inputStep, outputStep) = (
      matrixStride(channels, bandRows), matrixStride(outputs, bandRows)
    )
    let inputs = scratch
    let products = inputs + Self.productCount * inputStep
    let rest = products + Self.productCount * outputStep
    let allRows = tileRows * imageCount
    for first in Swift.stride(from: 0, to: allRows, by: bandRows) {
      let band = first..<min(allRows, first + bandRows)
      for channel in 0..<channels {
        for row in band {
          transformInput(
            x + (channel * imageCount + row / tileRows) * height * width,
            tileRow: row % tileRows, phases: rest,
            into: inputs + channel * step + (row - first) * tileColumns, step: inputStep)
        }
      }
      for product in 0..<Self.productCount {
        BLAS.multiply(
          outputs, band.count * tileColumns, channels,
          kernels + product * outputs * channels, lda: channels,
          inputs + product * inputStep, ldb: step, beta: 0,
          products + product * outputStep, ldc: step)
      }
      for output in 0..<outputs {
        for row in band {
          transformOutput(
            products + output * step + (row - first) * tileColumns, step: outputStep,
            bias: bias?[output] ?? 0, clamps: clamps, scratch: rest, tileRow: row % tileRows,
            into: y + (output * imageCount + row / tileRows) * height * width)
        }
      }
    }
  }

  /// Transforms one row of tiles of one channel.
  @inline(__always)
  private func transformInput(
    _ plane: UnsafePointer<Float>, tileRow: Int, phases: UnsafeMutablePointer<Float>,
    into target: UnsafeMutablePointer<Float>, step: Int
  ) {
    for line in 0..<6 {
      let row = tileRow * Self.tile + line - 1
      WinogradTransform.split(
        row >= 0 && row < height ? plane + row * width : nil, width: width, count: phaseCount,
        into: phases + line * 4 * phaseCount)
    }
    for column in Swift.stride(from: 0, to: tileColumns, by: WinogradTransform.laneCount) {
      WinogradTransform.input(
        phases + column, phaseCount: phaseCount, into: target + column, step: step)
    }
  }

  /// Transforms one row of tiles of one output back.
  @inline(__always)
  private func transformOutput(
    _ source: UnsafePointer<Float>, step: Int, bias: Float, clamps: Bool,
    scratch: UnsafeMutablePointer<Float>, tileRow: Int, into plane: UnsafeMutablePointer<Float>
  ) {
    let top = tileRow * Self.tile
    let lines = min(Self.tile, height - top)
    for column in Swift.stride(from: 0, to: tileColumns, by: WinogradTransform.laneCount) {
      WinogradTransform.output(
        source + column, step: step, bias: bias, clamps: clamps, into: scratch)
      let left = column * Self.tile
      let count = min(WinogradTransform.laneCount * Self.tile, width - left)
      for line in 0..<lines {
        WinogradTransform.join(
          scratch + line * 4 * WinogradTransform.laneCount, count: count,
          into: plane + (top + line) * width + left)
      }
    }
  }
}
