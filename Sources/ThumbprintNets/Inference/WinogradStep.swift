import CNets

/// A 3×3 convolution of stride 1 with a border of one, by Winograd's minimal filtering F(4×4, 3×3):
/// 36 products in place of 144 multiplications a tile of 4×4 outputs; with ReLU and 2×2 pooling if
/// they follow.
///
/// Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016,
/// section 4.1. Answers differ from the sum's by rounding: see docs/nets.md.
///
/// Tiles are worked on in bands. The inputs of a band are transformed to 36 matrices of tiles ×
/// channels; then, one panel of outputs after another, these are multiplied by the transformed
/// kernels and the products transformed back while they are in the cache.
struct WinogradStep: InferenceStep {
  /// The fewest tiles of an image, and channels on both sides, for which the products are large
  /// enough to pay.
  private static let tileCountMin = 16
  private static let channelCountMin = 16
  /// Floats of transformed inputs and products that a band may have: what the second-level cache
  /// holds, or more where the kernels that each band reads again are larger than that.
  private static let bandFloatCount = 1 << 18
  private static let productCount = Int(TN_WINOGRAD_PRODUCTS)
  private static let panelMax = Int(TN_PANEL)

  let output: PixelLayout
  private let input: PixelLayout
  private let shape: tn_winograd
  private let tileCount: Int
  private let kernels: Memory
  private let bias: Memory?
  private let clamps: Bool
  private let pools: Bool

  /// Whether this is the better way for a layer.
  static func serves(_ layer: ConvolutionLayer) -> Bool {
    let geometry = layer.unfolding
    return geometry.kernel == 3 && geometry.stride == 1 && geometry.padding == 1
      && min(geometry.channels, layer.output.channels) >= channelCountMin
      && (geometry.height + 3) / 4 * ((geometry.width + 3) / 4) >= tileCountMin
  }

  /// - Parameters:
  ///   - input: With a stride in whole groups of channels.
  ///   - pooled: What comes out if 2×2 pooling of stride 2 follows.
  init(
    _ layer: ConvolutionLayer, input: PixelLayout, parameters: UnsafePointer<Float>,
    clamps: Bool, pooled: FeatureShape?
  ) {
    precondition(input.isWhole, "pixels of \(input.stride) floats are not whole groups")
    self.input = input
    self.clamps = clamps
    pools = pooled != nil
    output = .rounded(pooled ?? layer.output)
    let (height, width) = (input.shape.height, input.shape.width)
    shape = tn_winograd(
      height: height, width: width, inputStride: input.stride, outputStride: output.stride)
    tileCount = (height + 3) / 4 * ((width + 3) / 4)
    kernels = Memory(count: Self.productCount * input.shape.channels * output.stride)
    tn_winograd_kernels(
      parameters + layer.weight, input.shape.channels, layer.output.channels, kernels.base)
    bias = layer.bias.map { start in
      let memory = Memory(count: tn_rounded(layer.output.channels))
      memory.base.update(from: parameters + start, count: layer.output.channels)
      return memory
    }
  }

  var weightByteCount: Int { kernels.count * MemoryLayout<Float>.stride }

  // MARK: Memory

  /// Tiles of a band.
  private func bandTileCount(imageCount: Int) -> Int {
    let tile = Self.productCount * (input.stride + Self.panelMax)
    let room = max(Self.bandFloatCount, kernels.count / 4)
    let all = tileCount * imageCount
    let bands = (all * tile + room - 1) / room
    return (all + bands - 1) / bands
  }

  /// Floats between two of the 36 matrices: not a multiple of a page, so that the 36 places written
  /// in turn do not share the same lines of the cache.
  private static func matrixStride(_ rows: Int, _ columns: Int) -> Int { rows * columns + 80 }

  /// Fewer images may be cut into longer bands than more of them, since bands are of equal length.
  func scratchCount(imageCount: Int) -> Int {
    let tiles = (1...max(1, imageCount)).reduce(0) { max($0, bandTileCount(imageCount: $1)) }
    return Self.productCount
      * (Self.matrixStride(tiles, input.stride) + Self.matrixStride(tiles, Self.panelMax))
      + input.stride
  }

  // MARK: Forward

  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let bandTiles = bandTileCount(imageCount: imageCount)
    let inputStep = Self.matrixStride(bandTiles, input.stride)
    let outputStep = Self.matrixStride(bandTiles, Self.panelMax)
    let zeros = scratch
    let inputs = zeros + input.stride
    let products = inputs + Self.productCount * inputStep
    zeros.update(repeating: 0, count: input.stride)
    let all = tileCount * imageCount
    let channels = input.shape.channels
    withUnsafePointer(to: shape) { shape in
      for first in Swift.stride(from: 0, to: all, by: bandTiles) {
        let count = min(bandTiles, all - first)
        tn_winograd_input(shape, x, zeros, first, count, inputs, inputStep)
        for panel in Swift.stride(from: 0, to: output.stride, by: Self.panelMax) {
          let columns = min(Self.panelMax, output.stride - panel)
          let matrices = kernels.base + Self.productCount * channels * panel
          for product in 0..<Self.productCount {
            tn_multiply(
              count, channels, columns, inputs + product * inputStep, input.stride,
              matrices + product * channels * columns, nil, 0, products + product * outputStep,
              columns)
          }
          tn_winograd_output(
            shape, products, outputStep, columns, bias.map { UnsafePointer($0.base + panel) },
            clamps ? 1 : 0, pools ? 1 : 0, first, count, y + panel)
        }
      }
    }
  }
}
