import ThumbprintNets

/// A descriptor of a picture from the last activations of its convolutions: of each channel the
/// means over the four quarters of the picture and twice the mean over all of it; the square root
/// of each, all scaled to length 1.
///
/// The root keeps single strong channels from deciding distances (Arandjelović and Zisserman,
/// "Three things everyone should know to improve object retrieval", CVPR 2012).
enum PoolingPyramid {
  /// Numbers of a descriptor for each channel.
  static let countPerChannel = 5

  /// Writes the descriptors of images in CNHW, each of 5 numbers a channel: the quarters channel by
  /// channel, then the means of the whole.
  static func compute(
    _ x: UnsafePointer<Float>, _ shape: FeatureShape, imageCount: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let channels = shape.channels
    for image in 0..<imageCount {
      let descriptor = target + image * countPerChannel * channels
      var squares: Float = 0
      for channel in 0..<channels {
        let plane = x + (channel * imageCount + image) * shape.planeCount
        let means = quarterMeans(plane, shape)
        for quarter in 0..<4 {
          descriptor[4 * channel + quarter] = max(0, means[quarter]).squareRoot()
        }
        let whole = 2 * max(0, means.sum() / 4)
        descriptor[4 * channels + channel] = whole.squareRoot()
        squares += max(0, means[0]) + max(0, means[1]) + max(0, means[2]) + max(0, means[3])
        squares += whole
      }
      let scale = 1 / max(squares, 1e-12).squareRoot()
      for i in 0..<countPerChannel * channels { descriptor[i] *= scale }
    }
  }

  /// The means over the upper left, upper right, lower left and lower right quarter; the middle row
  /// or column of an odd number belongs to the second.
  private static func quarterMeans(
    _ plane: UnsafePointer<Float>, _ shape: FeatureShape
  ) -> SIMD4<Float> {
    let (middleRow, middleColumn) = (shape.height / 2, shape.width / 2)
    var sums = SIMD4<Float>.zero
    for row in 0..<shape.height {
      let line = plane + row * shape.width
      var (left, right): (Float, Float) = (0, 0)
      for column in 0..<middleColumn { left += line[column] }
      for column in middleColumn..<shape.width { right += line[column] }
      let first = row < middleRow ? 0 : 2
      sums[first] += left
      sums[first + 1] += right
    }
    let (upper, lower) = (Float(max(1, middleRow)), Float(shape.height - middleRow))
    let (before, after) = (Float(max(1, middleColumn)), Float(shape.width - middleColumn))
    return sums / SIMD4(upper * before, upper * after, lower * before, lower * after)
  }
}
