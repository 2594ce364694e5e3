/// What identifies one training pass over one slice of images: the source of all its randomness.
public struct PassKey: Sendable, Hashable {
  public let seed: UInt64
  public let step: UInt64
  /// The number of the slice's first image within the step.
  public let firstImage: Int

  public init(seed: UInt64, step: UInt64, firstImage: Int) {
    self.seed = seed
    self.step = step
    self.firstImage = firstImage
  }

  func random(layer: Int, image: Int) -> NetRandom {
    NetRandom(seed, 2, step, UInt64(layer), UInt64(firstImage + image))
  }
}

/// What a layer may use while it runs over one slice of images. The pointers belong to the
/// ``Workspace`` and the ``Network`` and are valid during the call.
struct LayerPass {
  let imageCount: Int
  let layerIndex: Int
  /// The network's parameters and statistics, from their beginning.
  let parameters: UnsafePointer<Float>
  let statistics: UnsafePointer<Float>
  /// Floats to be used freely during one call.
  let scratch: UnsafeMutablePointer<Float>
  /// The layer's own floats, kept from forward to backward.
  let state: UnsafeMutablePointer<Float>
  /// `nil` for inference.
  let key: PassKey?
  /// Whether a backward pass may follow.
  let isTraining: Bool
}

/// One layer over activations in CNHW order (see ``Unfolding``): a pure function of its input and
/// the parameters, with its derivative.
protocol Layer: Sendable {
  var output: FeatureShape { get }
  /// Whether `y` may be the same memory as `x`.
  var worksInPlace: Bool { get }
  /// Whether ``backward`` reads `y`, which must then not be overwritten by the layer after.
  var readsOutputInBackward: Bool { get }

  func scratchCount(imageCount: Int) -> Int
  func stateCount(imageCount: Int) -> Int

  /// Fills `y` from `x`.
  func forward(_ pass: LayerPass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>)

  /// Unless they are `nil`, adds the parameters' gradients to `gradients` (laid out as the
  /// parameters) and fills `dx` with the gradient of the input. `x` and `y` are as forward left them.
  func backward(
    _ pass: LayerPass, x: UnsafePointer<Float>, y: UnsafePointer<Float>,
    dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    gradients: UnsafeMutablePointer<Float>?)
}

extension Layer {
  var worksInPlace: Bool { false }
  var readsOutputInBackward: Bool { false }
  func scratchCount(imageCount: Int) -> Int { 0 }
  func stateCount(imageCount: Int) -> Int { 0 }
}
