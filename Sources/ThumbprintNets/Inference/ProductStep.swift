import CNets

/// A convolution or a fully connected layer as a product: what the kernel sees at every place, times
/// its weights.
struct ProductStep: InferenceStep {
  /// What a row of the left matrix is.
  private enum Rows: Sendable {
    /// A whole image, as it lies.
    case images
    /// A pixel, as it lies.
    case pixels
    /// The pixels under the kernel, copied together.
    case patches(tn_window)
  }

  let output: PixelLayout
  private let input: PixelLayout
  private let matrix: PackedMatrix
  private let rows: Rows

  /// Floats of patches copied together at a time: 128 KiB, which stay in the second-level cache.
  private static let bandFloatCount = 1 << 15

  /// A fully connected layer.
  init(
    _ layer: FullyConnectedLayer, input: PixelLayout, parameters: UnsafePointer<Float>,
    clamps: Bool
  ) {
    let (plane, stride, channels) = (input.shape.planeCount, input.stride, input.shape.channels)
    let weights = parameters + layer.weight
    self.input = input
    output = .rounded(layer.output)
    rows = .images
    matrix = PackedMatrix(
      rows: plane * stride, columns: layer.output.channels,
      bias: layer.bias.map { bias in { parameters[bias + $0] } }, clamps: clamps
    ) { row, column in
      let channel = row % stride
      guard channel < channels else { return 0 }
      return weights[(column &* channels &+ channel) &* plane &+ row / stride]
    }
  }

  /// A convolution of any kernel.
  init(
    _ layer: ConvolutionLayer, input: PixelLayout, parameters: UnsafePointer<Float>, clamps: Bool
  ) {
    let geometry = layer.unfolding
    let (kernel, channels) = (geometry.kernel, geometry.channels)
    let weights = parameters + layer.weight
    self.input = input
    output = .rounded(layer.output)
    if kernel == 1, geometry.stride == 1, geometry.padding == 0 {
      rows = .pixels
    } else if geometry.positions == 1, geometry.padding == 0, input.stride == channels,
      kernel == input.shape.height, kernel == input.shape.width
    {
      rows = .images
    } else {
      rows = .patches(
        tn_window(
          height: geometry.height, width: geometry.width, channels: channels,
          stride: input.stride, rows: geometry.rows, columns: geometry.columns, kernel: kernel,
          step: geometry.stride, padding: geometry.padding))
    }
    matrix = PackedMatrix(
      rows: kernel * kernel * channels, columns: layer.output.channels,
      bias: layer.bias.map { bias in { parameters[bias + $0] } }, clamps: clamps
    ) { row, column in
      let (tap, channel) = row.quotientAndRemainder(dividingBy: channels)
      return weights[(column &* channels &+ channel) &* kernel &* kernel &+ tap]
    }
  }

  /// A transposed convolution of single pixels, if it is this simple; `nil` if not.
  init?(
    _ layer: TransposedConvolutionLayer, input: PixelLayout, parameters: UnsafePointer<Float>,
    clamps: Bool
  ) {
    let (kernel, channels) = (layer.unfolding.kernel, layer.output.channels)
    let count = kernel * kernel * channels
    guard input.shape.planeCount == 1, layer.unfolding.padding == 0,
      kernel == 1 || count == tn_rounded(count)
    else { return nil }
    let weights = parameters + layer.weight
    self.input = input
    output =
      kernel == 1 ? .rounded(layer.output) : PixelLayout(shape: layer.output, stride: channels)
    rows = .pixels
    matrix = PackedMatrix(
      rows: input.shape.channels, columns: count,
      bias: layer.bias.map { bias in { parameters[bias + $0 % channels] } }, clamps: clamps
    ) { row, column in
      let (tap, channel) = column.quotientAndRemainder(dividingBy: channels)
      return weights[(row &* channels &+ channel) &* kernel &* kernel &+ tap]
    }
  }

  var weightByteCount: Int { matrix.byteCount }

  private func bandRowCount(imageCount: Int) -> Int {
    min(
      imageCount * output.shape.planeCount, max(16, Self.bandFloatCount / max(1, matrix.rows)))
  }

  func scratchCount(imageCount: Int) -> Int {
    guard case .patches = rows else { return 0 }
    return bandRowCount(imageCount: imageCount) * matrix.rows
  }

  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    switch rows {
    case .images:
      matrix.multiply(x, rows: imageCount, stride: input.count, into: y, stride: output.count)
    case .pixels:
      let perImage = input.shape.planeCount
      matrix.multiply(
        x, rows: imageCount * perImage, stride: input.stride, into: y,
        stride: output.count / perImage)
    case .patches(let window):
      let all = imageCount * output.shape.planeCount
      let step = bandRowCount(imageCount: imageCount)
      for first in Swift.stride(from: 0, to: all, by: step) {
        let count = min(step, all - first)
        withUnsafePointer(to: window) { tn_patches($0, x, first, count, scratch) }
        matrix.multiply(
          scratch, rows: count, stride: matrix.rows, into: y + first * output.stride,
          stride: output.stride)
      }
    }
  }
}

/// A transposed convolution: every pixel times the kernels, added up where they overlap.
struct FoldingStep: InferenceStep {
  let output: PixelLayout
  private let input: PixelLayout
  private let matrix: PackedMatrix
  private let window: tn_window
  private let bias: [Float]
  private let clamps: Bool

  init(
    _ layer: TransposedConvolutionLayer, input: PixelLayout, parameters: UnsafePointer<Float>,
    clamps: Bool
  ) {
    let geometry = layer.unfolding
    let (kernel, channels) = (geometry.kernel, layer.output.channels)
    let weights = parameters + layer.weight
    self.input = input
    self.clamps = clamps
    output = .rounded(layer.output)
    window = tn_window(
      height: geometry.height, width: geometry.width, channels: channels, stride: output.stride,
      rows: geometry.rows, columns: geometry.columns, kernel: kernel, step: geometry.stride,
      padding: geometry.padding)
    bias = (0..<output.stride).map { channel in
      guard let bias = layer.bias, channel < channels else { return 0 }
      return parameters[bias + channel]
    }
    matrix = PackedMatrix(
      rows: input.shape.channels, columns: kernel * kernel * channels, bias: nil, clamps: false
    ) { row, column in
      let (tap, channel) = column.quotientAndRemainder(dividingBy: channels)
      return weights[(row &* channels &+ channel) &* kernel &* kernel &+ tap]
    }
  }

  var weightByteCount: Int { matrix.byteCount }

  func scratchCount(imageCount: Int) -> Int { input.shape.planeCount * matrix.columnsWritten }

  func run(
    _ x: UnsafePointer<Float>, imageCount: Int, scratch: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    for image in 0..<imageCount {
      matrix.multiply(
        x + image * input.count, rows: input.shape.planeCount, stride: input.stride,
        into: scratch, stride: matrix.columnsWritten)
      let target = y + image * output.count
      bias.withUnsafeBufferPointer { bias in
        for pixel in 0..<output.shape.planeCount {
          (target + pixel * output.stride).update(
            from: bias.baseAddress!, count: output.stride)
        }
      }
      withUnsafePointer(to: window) { tn_fold($0, scratch, matrix.columnsWritten, target) }
      guard clamps else { continue }
      for i in 0..<output.count { target[i] = target[i] > 0 ? target[i] : 0 }
    }
  }
}
