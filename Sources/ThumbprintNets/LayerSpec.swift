/// How a binariser passes gradients while a network is trained. Trained or not, its answer for
/// inference is the sign: +1 for inputs of at least 0, −1 for others.
public enum BinarizerMode: String, Codable, Sendable, CaseIterable {
  /// Forward the sign; backward as if it were tanh.
  case deterministic
  /// Forward +1 with probability (1 + tanh z) / 2, else −1; backward as if it were tanh
  /// (Toderici and others, ICLR 2016).
  case stochastic
  /// Forward the sign; backward the identity where |z| ≤ 1 and zero elsewhere.
  case window
}

/// One layer, as a model file describes it. Layers with weights carry the name under which a weight
/// file holds them: `NAME.weight`, `NAME.bias`, and so on, in the layouts of PyTorch.
public enum LayerSpec: Codable, Sendable, Equatable {
  /// Cross-correlation with `channels` square kernels, weights `[channels, inputs, kernel, kernel]`.
  case convolution(
    name: String, channels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, bias: Bool = true)
  /// The adjoint of a convolution, weights `[inputs, channels, kernel, kernel]`; the output has
  /// `(size − 1) · stride − 2 · padding + kernel` rows and columns.
  case transposedConvolution(
    name: String, channels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, bias: Bool = true)
  /// A matrix over all values of an image (in the order channel, row, column), weights
  /// `[channels, inputs]`; the output is `channels` × 1 × 1.
  case fullyConnected(name: String, channels: Int, bias: Bool = true)
  /// The greatest value of each `kernel` × `kernel` window.
  case maxPooling(kernel: Int, stride: Int)
  case relu
  case tanh
  /// While training, zeroes a share `rate` of the values and scales the others by 1 / (1 − rate).
  case dropout(rate: Float)
  /// Normalises each channel. While training the mean and variance are those of the slice of images
  /// that one worker holds (ghost batch normalisation; Hoffer and others, NIPS 2017), so that the
  /// number of threads changes nothing; running averages of them serve for inference.
  case batchNormalization(name: String)
  case binarizer(BinarizerMode)
}

/// A sequence of layers and the shape of what goes in.
public struct NetworkSpec: Codable, Sendable, Equatable {
  public let input: FeatureShape
  public let layers: [LayerSpec]

  public init(input: FeatureShape, layers: [LayerSpec]) {
    self.input = input
    self.layers = layers
  }
}

/// The most that a network description may ask for; above these it is refused before anything is
/// allocated.
public enum NetworkLimits {
  public static let layerCountMax = 256
  public static let channelCountMax = 65_536
  public static let kernelMax = 32
  public static let strideMax = 16
  /// Rows or columns of an input or of any layer's output.
  public static let sideMax = 4_096
  /// Values of one image at any layer.
  public static let activationCountMax = 1 << 26
  /// Trained parameters of one network: 1 GiB of floats.
  public static let parameterCountMax = 1 << 28
}
