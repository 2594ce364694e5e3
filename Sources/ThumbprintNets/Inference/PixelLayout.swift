import CNets

/// How the images between two steps of a prepared network lie in memory: pixel by pixel, image by
/// image.
struct PixelLayout: Sendable {
  let shape: FeatureShape
  /// Floats between two pixels. Those beyond the channels are zero or otherwise finite.
  let stride: Int

  /// Floats of one image.
  var count: Int { shape.planeCount * stride }

  /// Whether pixels are whole groups of floats, as Winograd's transforms read them.
  var isWhole: Bool { stride == tn_rounded(stride) }

  /// Channels in whole groups, as the kernels write them.
  static func rounded(_ shape: FeatureShape) -> PixelLayout {
    PixelLayout(shape: shape, stride: tn_rounded(shape.channels))
  }

  /// Fills `target` from images in CNHW.
  func take(
    _ images: UnsafePointer<Float>, imageCount: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let plane = shape.planeCount
    if stride > shape.channels { target.update(repeating: 0, count: imageCount * count) }
    for channel in 0..<shape.channels {
      for image in 0..<imageCount {
        let source = images + (channel * imageCount + image) * plane
        let pixels = target + image * count + channel
        for i in 0..<plane { pixels[i &* stride] = source[i] }
      }
    }
  }

  /// Writes images to `target` in CNHW.
  func give(
    _ images: UnsafePointer<Float>, imageCount: Int, to target: UnsafeMutablePointer<Float>
  ) {
    let plane = shape.planeCount
    for channel in 0..<shape.channels {
      for image in 0..<imageCount {
        let pixels = images + image * count + channel
        let values = target + (channel * imageCount + image) * plane
        for i in 0..<plane { values[i] = pixels[i &* stride] }
      }
    }
  }
}
