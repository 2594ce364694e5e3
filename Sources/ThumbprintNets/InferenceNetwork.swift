/// A network made ready to be used often: batch normalisation folded, 3×3 kernels transformed for
/// Winograd's convolution where that is faster, ReLU done as the convolution before it ends.
///
/// Answers differ from those of ``Network/apply(to:threadCount:)`` by rounding only. Holds four times
/// the bytes of the kernels it transforms; shared by all who copy it.
public final class InferenceNetwork: Sendable {
  /// The folded network.
  public let network: Network
  /// For every layer that has them, its transformed kernels.
  let kernels: [Memory?]

  public init(_ network: Network) {
    let folded = network.folded()
    self.network = folded
    kernels = folded.plan.layers.map { layer in
      guard let layer = layer as? ConvolutionLayer, let convolution = layer.winograd else {
        return nil
      }
      return folded.parameters.withUnsafeBufferPointer { parameters in
        parameters.baseAddress.map { convolution.transformed($0 + layer.weight) }
      }
    }
  }

  /// The answers for a batch of images; as ``Network/apply(to:threadCount:)``.
  public func apply(to input: Tensor, threadCount: Int = 1) -> Tensor {
    network.apply(to: input, threadCount: threadCount) { imageCountMax in
      Workspace(self, imageCountMax: imageCountMax)
    }
  }
}
