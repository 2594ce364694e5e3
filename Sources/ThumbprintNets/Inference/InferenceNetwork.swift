import Synchronization

/// A network made ready to be used often: batch normalisation folded, weights packed in the order in
/// which they are read, 3×3 kernels transformed for Winograd's convolution where that is faster, ReLU
/// and pooling done as the layer before them ends.
///
/// Answers differ from those of ``Network/apply(to:threadCount:)`` by rounding only. They have the
/// same bits for one image and for many, on any number of threads, and on every processor (but for
/// layers with tanh, which is the system's). Holds its own copy of the weights, four times the bytes
/// of the kernels it transforms; shared by all who copy it.
public final class InferenceNetwork: Sendable {
  /// The folded network.
  public let network: Network
  let input: PixelLayout
  let steps: [any InferenceStep]
  /// The steps before this one work on one image after another, as their activations outweigh their
  /// weights; the others on all images together.
  let jointStart: Int
  /// Workspaces that nobody uses now.
  private let idle = Mutex<[InferenceWorkspace]>([])

  public init(_ network: Network) {
    let folded = network.folded()
    self.network = folded
    (input, steps) = InferencePlan.steps(for: folded)
    jointStart =
      steps.firstIndex { $0.weightByteCount > MemoryLayout<Float>.stride * $0.output.count }
      ?? steps.count
  }

  /// The answers for a batch of images; as ``Network/apply(to:threadCount:)``.
  public func apply(to input: Tensor, threadCount: Int = 1) -> Tensor {
    let passes = Mutex<[InferenceWorkspace]>([])
    let answer = network.apply(to: input, threadCount: threadCount) { imageCountMax in
      let workspace = take(imageCountMax: imageCountMax)
      passes.withLock { $0.append(workspace) }
      return workspace
    }
    for workspace in passes.withLock({ $0 }) { putBack(workspace) }
    return answer
  }

  /// Calls `body` with a workspace that is kept for later calls.
  package func withWorkspace<R>(
    imageCountMax: Int, _ body: (InferenceWorkspace) throws -> R
  ) rethrows -> R {
    let workspace = take(imageCountMax: imageCountMax)
    defer { putBack(workspace) }
    return try body(workspace)
  }

  private func take(imageCountMax: Int) -> InferenceWorkspace {
    let kept = idle.withLock { idle in
      idle.lastIndex { $0.imageCountMax >= imageCountMax }.map { idle.remove(at: $0) }
    }
    return kept ?? InferenceWorkspace(self, imageCountMax: imageCountMax)
  }

  /// Workspaces kept at most: what a few threads use.
  private static let idleCountMax = 4

  private func putBack(_ workspace: InferenceWorkspace) {
    idle.withLock { idle in
      if idle.count >= Self.idleCountMax { idle.removeFirst() }
      idle.append(workspace)
    }
  }
}
