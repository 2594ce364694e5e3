import ThumbprintImages
import ThumbprintNets

/// The convolutions of a feature network, which stay as they are while what follows them learns.
public struct ConvolutionalPart: Sendable {
  /// Without batch normalisation, which is folded into the weights.
  public let description: VGGDescription
  private let prepared: InferenceNetwork
  var network: Network { prepared.network }

  /// - Parameter network: Made from the description's `VGGDescription.convolutions`.
  public init(_ description: VGGDescription, _ network: Network) {
    precondition(
      network.plan.spec == description.convolutions, "the network is not the one described")
    self.description = description.folded
    prepared = InferenceNetwork(network)
  }

  /// Convolutions with the weights of a file, under any of the names that
  /// `Network.loadVGG(_:from:)` knows.
  ///
  /// - Throws: `NetsError` naming the path.
  public init(_ description: VGGDescription, path: String) throws(NetsError) {
    try description.check()
    var network = try Network(description.convolutions, seed: 0)
    try network.loadVGG(description, from: SafetensorsFile(path: path))
    self.init(description, network)
  }

  /// What the last layer makes of one picture.
  public var output: FeatureShape { network.plan.output }

  /// Pictures that one worker takes through the layers together: as many as keep its activations
  /// within 16 MB, at most 16.
  var sliceImageCount: Int {
    let largest = description.side * description.side * (description.blocks[0].max() ?? 1)
    return max(1, min(16, (1 << 21) / largest))
  }

  /// The memory of one worker.
  func workspace(imageCountMax: Int) -> InferenceWorkspace {
    InferenceWorkspace(prepared, imageCountMax: imageCountMax)
  }

  /// Runs the layers over pictures, a slice at a time.
  ///
  /// - Parameters:
  ///   - count: Pictures in all.
  ///   - size: Pictures of a slice; as many as are fastest if `nil`.
  ///   - picture: Gives a picture of any size, which is shrunk or widened whole to the input's; called
  ///     on several threads.
  ///   - body: Takes the activations of a range of pictures, CNHW; called on several threads.
  func forEachSlice(
    _ count: Int, of size: Int? = nil, threadCount: Int, picture: (Int) -> Picture,
    _ body: (Range<Int>, UnsafePointer<Float>) -> Void
  ) {
    let size = size ?? sliceImageCount
    let sliceCount = (count + size - 1) / size
    let workers = max(1, min(threadCount, sliceCount))
    Parallel.forEach(workers, threadCount: workers) { worker in
      let workspace = workspace(imageCountMax: min(count, size))
      for slice in stride(from: worker, to: sliceCount, by: workers) {
        let range = slice * size..<min(count, (slice + 1) * size)
        for (place, index) in range.enumerated() {
          description.fill(
            workspace.input, picture(index), place: place, imageCount: range.count)
        }
        workspace.forward(imageCount: range.count)
        body(range, workspace.output)
      }
    }
  }
}

extension VGGDescription {
  /// The picture at the size that goes in, all of it, whatever its aspect.
  func sized(_ picture: Picture) -> Picture {
    picture.width == side && picture.height == side
      ? picture : picture.resized(width: side, height: side, filter: .area)
  }

  /// Writes a picture to its place among the images of a slice, CNHW.
  func fill(
    _ target: UnsafeMutablePointer<Float>, _ picture: Picture, place: Int, imageCount: Int
  ) {
    let plane = side * side
    let pixels = sized(picture).pixels
    pixels.withUnsafeBufferPointer { source in
      for channel in 0..<3 {
        let from = preprocessing.isBlueFirst ? 2 - channel : channel
        let (mean, scale) = (
          preprocessing.means[channel], 1 / preprocessing.deviations[channel]
        )
        let values = target + (channel * imageCount + place) * plane
        for i in 0..<plane { values[i] = (Float(source[3 * i + from]) - mean) * scale }
      }
    }
  }
}
