import CNets

/// One step of a prepared network, which holds its weights and may do the work of several layers.
protocol InferenceStep: Sendable {
  var output: PixelLayout { get }
  /// Bytes of the weights that every call reads.
  var weightByteCount: Int { get }

  func scratchCount(imageCount: Int) -> Int
  /// Fills `y` from `x`, which lie as the layouts say.
  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>)
}

extension InferenceStep {
  var weightByteCount: Int { 0 }
  func scratchCount(imageCount: Int) -> Int { 0 }
}

/// The largest value of each window.
struct PoolingStep: InferenceStep {
  let output: PixelLayout
  private let window: tn_window

  init(_ layer: MaxPoolingLayer, input: PixelLayout) {
    output = PixelLayout(shape: layer.output, stride: input.stride)
    window = tn_window(
      height: input.shape.height, width: input.shape.width, channels: input.shape.channels,
      stride: input.stride, rows: layer.output.height, columns: layer.output.width,
      kernel: layer.kernel, step: layer.stride, padding: 0)
  }

  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: window) { tn_pool($0, imageCount, x, y) }
  }
}

/// A function of single values, for layers that no other step takes over.
struct ElementwiseStep: InferenceStep {
  enum Kind: Sendable {
    case copy
    case relu
    case tanh
    case sign
    /// Batch normalisation that could not be folded: a factor and an offset for each channel.
    case affine(factors: [Float], offsets: [Float])
  }

  let output: PixelLayout
  let kind: Kind

  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let count = imageCount * output.count
    switch kind {
    case .copy: y.update(from: x, count: count)
    case .relu: for i in 0..<count { y[i] = x[i] > 0 ? x[i] : 0 }
    case .tanh: for i in 0..<count { y[i] = Elementwise.tanh(x[i]) }
    case .sign: for i in 0..<count { y[i] = x[i] >= 0 ? 1 : -1 }
    case .affine(let factors, let offsets):
      for pixel in Swift.stride(from: 0, to: count, by: output.stride) {
        for channel in 0..<output.stride {
          let isReal = channel < factors.count
          y[pixel + channel] =
            isReal ? x[pixel + channel] * factors[channel] + offsets[channel] : 0
        }
      }
    }
  }
}
