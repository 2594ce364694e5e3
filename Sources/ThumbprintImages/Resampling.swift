/// How pixels are combined when a picture changes its size.
public enum ResamplingFilter: String, Sendable, CaseIterable {
  /// Each new pixel is the mean of the area it covers.
  case area
  /// Keys's cubic with a = −1/2, widened to the scale when shrinking, as Pillow's BICUBIC.
  case bicubic
}

/// A rectangle of pixels.
public struct PixelRegion: Sendable, Hashable {
  public let column: Int
  public let row: Int
  public let width: Int
  public let height: Int

  public init(column: Int, row: Int, width: Int, height: Int) {
    self.column = column
    self.row = row
    self.width = width
    self.height = height
  }
}

extension Picture {
  /// The picture, or a part of it, at another size, free of aliasing.
  ///
  /// - Parameters:
  ///   - newWidth: `1...sideMax`.
  ///   - newHeight: `1...sideMax`.
  ///   - region: The part to use, inside the picture; all of it if `nil`.
  /// - Complexity: O(pixels of the region × `width` of the filter); memory of 12 bytes per new pixel.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter,
    region: PixelRegion? = nil
  ) -> Picture {
    let region = region ?? PixelRegion(column: 0, row: 0, width: width, height: height)
    precondition(
      (1...Self.sideMax).contains(newWidth) && (1...Self.sideMax).contains(newHeight),
      "a size is in 1...\(Self.sideMax), not \(newWidth)×\(newHeight)")
    precondition(
      region.column >= 0 && region.row >= 0 && region.width > 0 && region.height > 0
        && region.column + region.width <= width && region.row + region.height <= height,
      "the region \(region) is not inside \(width)×\(height)")
    let across = ResamplingTable(from: region.width, to: newWidth, filter: filter)
    let down = ResamplingTable(from: region.height, to: newHeight, filter: filter)
    // Each old row is shrunk sideways once and added to the new rows that it touches: memory is
    // bounded by the new picture, however large the old one is.
    var sums = [Float](repeating: 0, count: 3 * newWidth * newHeight)
    var line = [Float](repeating: 0, count: 3 * newWidth)
    var firstOpen = 0
    pixels.withUnsafeBufferPointer { source in
      for row in 0..<region.height {
        let start = 3 * ((region.row + row) * width + region.column)
        across.shrink(source.baseAddress! + start, into: &line)
        while firstOpen < newHeight, down.spans[firstOpen].upperBound <= row { firstOpen += 1 }
        var target = firstOpen
        while target < newHeight, down.spans[target].lowerBound <= row {
          if down.spans[target].contains(row) {
            let weight = down.weight(target, at: row)
            let base = 3 * newWidth * target
            for i in 0..<3 * newWidth { sums[base + i] += weight * line[i] }
          }
          target += 1
        }
      }
    }
    let bytes = sums.map { UInt8(min(255, max(0, ($0).rounded(.toNearestOrAwayFromZero)))) }
    return Picture(width: newWidth, height: newHeight, pixels: bytes)
  }
}

/// For every new column (or row) the old ones that it is made of and their weights, which add to 1.
struct ResamplingTable {
  let spans: [Range<Int>]
  private let weights: [Float]
  private let starts: [Int]

  init(from oldCount: Int, to newCount: Int, filter: ResamplingFilter) {
    var (spans, weights, starts): ([Range<Int>], [Float], [Int]) = ([], [], [])
    let scale = Double(oldCount) / Double(newCount)
    for new in 0..<newCount {
      let span: Range<Int>
      let value: (Int) -> Double
      switch filter {
      case .area:
        let (low, high) = (Double(new) * scale, Double(new + 1) * scale)
        let first = min(oldCount - 1, Int(low))
        span = first..<min(oldCount, max(first + 1, Int(high.rounded(.up))))
        value = { max(0, min(high, Double($0 + 1)) - max(low, Double($0))) }
      case .bicubic:
        let center = (Double(new) + 0.5) * scale
        let spread = max(1, scale)
        let first = max(0, Int(center - 2 * spread + 0.5))
        let last = min(oldCount, max(first + 1, Int(center + 2 * spread + 0.5)))
        span = min(first, oldCount - 1)..<last
        value = { Self.cubic((Double($0) + 0.5 - center) / spread) }
      }
      let raw = span.map(value)
      let total = raw.reduce(0, +)
      spans.append(span)
      starts.append(weights.count)
      weights.append(contentsOf: raw.map { Float($0 / total) })
    }
    self.spans = spans
    self.weights = weights
    self.starts = starts
  }

  /// Keys, "Cubic convolution interpolation for digital image processing", 1981, a = −1/2.
  static func cubic(_ x: Double) -> Double {
    let t = abs(x)
    if t < 1 { return (1.5 * t - 2.5) * t * t + 1 }
    if t < 2 { return ((-0.5 * t + 2.5) * t - 4) * t + 2 }
    return 0
  }

  func weight(_ new: Int, at old: Int) -> Float {
    weights[starts[new] + old - spans[new].lowerBound]
  }

  /// Makes one row of RGB from a wider or narrower one.
  func shrink(_ row: UnsafePointer<UInt8>, into line: inout [Float]) {
    line.withUnsafeMutableBufferPointer { line in
      weights.withUnsafeBufferPointer { weights in
        for new in spans.indices {
          let span = spans[new]
          var (red, green, blue): (Float, Float, Float) = (0, 0, 0)
          var place = starts[new]
          for old in span {
            let weight = weights[place]
            red += weight * Float(row[3 * old])
            green += weight * Float(row[3 * old + 1])
            blue += weight * Float(row[3 * old + 2])
            place += 1
          }
          line[3 * new] = red
          line[3 * new + 1] = green
          line[3 * new + 2] = blue
        }
      }
    }
  }
}
