/// An array of 32-bit floats with a shape, row-major and contiguous; a value.
///
/// Pictures and activations are NCHW: `[imageCount, channelCount, height, width]`.
public struct Tensor: Sendable, Equatable {
  /// The extent of every dimension, outermost first; empty for a single number.
  public let shape: [Int]
  /// The elements in row-major order; `shape`'s product of them.
  public var values: [Float]

  /// A tensor over the given elements.
  ///
  /// - Parameter values: As many elements as the product of `shape`.
  public init(shape: [Int], values: [Float]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "a shape has no negative extent: \(shape)")
    precondition(
      values.count == shape.reduce(1, *), "\(values.count) values do not fill the shape \(shape)")
    self.shape = shape
    self.values = values
  }

  /// A tensor whose elements are all `value`.
  public init(shape: [Int], repeating value: Float = 0) {
    precondition(shape.allSatisfy { $0 >= 0 }, "a shape has no negative extent: \(shape)")
    self.shape = shape
    values = [Float](repeating: value, count: shape.reduce(1, *))
  }

  /// The number of elements.
  public var count: Int { values.count }
}

/// The extents of one picture or one layer's activations, without the number of images.
public struct FeatureShape: Sendable, Hashable, Codable, CustomStringConvertible {
  public let channels: Int
  public let height: Int
  public let width: Int

  public init(channels: Int, height: Int, width: Int) {
    self.channels = channels
    self.height = height
    self.width = width
  }

  /// Values in one channel.
  public var planeCount: Int { height * width }
  /// Values in one image.
  public var count: Int { channels * height * width }

  public var description: String { "\(channels)×\(height)×\(width)" }
}
