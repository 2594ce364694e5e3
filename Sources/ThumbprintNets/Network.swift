/// Layers with their weights; a value.
public struct Network: Sendable {
  public let plan: NetworkPlan
  /// All trained parameters, laid out as ``NetworkPlan/parameters`` says.
  public var parameters: [Float]
  /// Running statistics, laid out as ``NetworkPlan/statistics`` says.
  public var statistics: [Float]

  /// A network with initial weights that are a function of `seed` alone.
  ///
  /// - Throws: ``NetsError/Code/invalidSpec``.
  public init(_ spec: NetworkSpec, seed: UInt64) throws(NetsError) {
    self.init(try NetworkPlan(spec), seed: seed)
  }

  public init(_ plan: NetworkPlan, seed: UInt64) {
    self.plan = plan
    parameters = plan.parameters.initialValues(seed: seed)
    statistics = plan.statistics.initialValues(seed: seed)
  }

  /// The answers for a batch of images, as in inference: dropout off, running statistics.
  ///
  /// - Parameters:
  ///   - input: NCHW, any number of images of the shape ``NetworkSpec/input``.
  ///   - threadCount: The most threads used; it does not change the answer.
  /// - Returns: NCHW of ``NetworkPlan/output``.
  public func apply(to input: Tensor, threadCount: Int = 1) -> Tensor {
    apply(to: input, threadCount: threadCount) { imageCountMax in
      PlainPass(self, imageCountMax: imageCountMax)
    }
  }

  func apply(
    to input: Tensor, threadCount: Int, _ makePass: (_ imageCountMax: Int) -> any ImagePass
  ) -> Tensor {
    let shape = plan.spec.input
    precondition(
      input.shape.count == 4 && Array(input.shape.dropFirst()) == shape.extents,
      "an input of shape \(input.shape) does not fit a network for N × \(shape)")
    let imageCount = input.shape[0]
    let sliceCount = (imageCount + Self.sliceImageCount - 1) / Self.sliceImageCount
    let output = plan.output
    var values = [Float](repeating: 0, count: imageCount * output.count)
    let workers = max(1, min(threadCount, sliceCount))
    let passes = (0..<workers).map { _ in makePass(min(imageCount, Self.sliceImageCount)) }
    input.values.withUnsafeBufferPointer { source in
      values.withUnsafeMutableBufferPointer { target in
        // Safe: worker w takes slices w, w + workers, … and writes to those images alone.
        nonisolated(unsafe) let (source, target) = (source, target)
        Parallel.forEach(workers, threadCount: workers) { worker in
          let pass = passes[worker]
          for slice in stride(from: worker, to: sliceCount, by: workers) {
            let first = slice * Self.sliceImageCount
            let count = min(Self.sliceImageCount, imageCount - first)
            ImageOrder.interleave(
              source.baseAddress! + first * shape.count, shape, imageCount: count,
              into: pass.input)
            pass.forward(imageCount: count)
            ImageOrder.separate(
              pass.output, output, imageCount: count,
              into: target.baseAddress! + first * output.count)
          }
        }
      }
    }
    return Tensor(shape: [imageCount] + output.extents, values: values)
  }

  /// Images that one worker takes through the layers together.
  static let sliceImageCount = 16

  /// Moves the running statistics towards those of training passes over slices, in the order given.
  ///
  /// - Parameter momentum: The weight of each slice's statistics, `0...1`; PyTorch's default is 0.1.
  package mutating func absorbStatistics(of workspaces: [Workspace], momentum: Float) {
    for case (let index, let layer as BatchNormalizationLayer) in plan.layers.enumerated() {
      for workspace in workspaces {
        let state = workspace.state(ofLayer: index)
        let channels = layer.output.channels
        let sampleCount = Float(workspace.imageCount * layer.output.planeCount)
        let unbiased = sampleCount > 1 ? sampleCount / (sampleCount - 1) : 1
        for channel in 0..<channels {
          statistics[layer.mean + channel] +=
            momentum * (state[channel] - statistics[layer.mean + channel])
          statistics[layer.variance + channel] +=
            momentum
            * (state[channels + channel] * unbiased - statistics[layer.variance + channel])
        }
      }
    }
  }
}

/// Memory in which one worker takes a slice of images through a network.
protocol ImagePass: Sendable {
  /// Where the images go in: CNHW.
  var input: UnsafeMutablePointer<Float> { get }
  /// The answers of the last pass: CNHW.
  var output: UnsafeMutablePointer<Float> { get }
  func forward(imageCount: Int)
}

/// The layers one after another, as they are.
private struct PlainPass: ImagePass {
  private let network: Network
  private let workspace: Workspace

  init(_ network: Network, imageCountMax: Int) {
    self.network = network
    workspace = Workspace(network.plan, imageCountMax: imageCountMax, isTraining: false)
  }

  var input: UnsafeMutablePointer<Float> { workspace.input }
  var output: UnsafeMutablePointer<Float> { workspace.output }
  func forward(imageCount: Int) { workspace.forward(network, imageCount: imageCount) }
}

extension FeatureShape {
  /// `[channels, height, width]`.
  var extents: [Int] { [channels, height, width] }
}

/// The two orders in which images lie in memory.
package enum ImageOrder {
  /// NCHW to CNHW (see ``Unfolding``).
  package static func interleave(
    _ images: UnsafePointer<Float>, _ shape: FeatureShape, imageCount: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let plane = shape.planeCount
    for image in 0..<imageCount {
      for channel in 0..<shape.channels {
        (target + (channel * imageCount + image) * plane).update(
          from: images + (image * shape.channels + channel) * plane, count: plane)
      }
    }
  }

  /// CNHW to NCHW.
  package static func separate(
    _ images: UnsafePointer<Float>, _ shape: FeatureShape, imageCount: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let plane = shape.planeCount
    for image in 0..<imageCount {
      for channel in 0..<shape.channels {
        (target + (image * shape.channels + channel) * plane).update(
          from: images + (channel * imageCount + image) * plane, count: plane)
      }
    }
  }
}
