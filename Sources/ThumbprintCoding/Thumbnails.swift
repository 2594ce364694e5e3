import ThumbprintImages

/// Pictures of 32×32 pixels, the size that an image code shows, kept compactly: 3,072 bytes each.
public struct Thumbnails: Sendable {
  /// Rows and columns: 32.
  public static let side = 32
  /// Pixels: 1,024.
  public static let pixelCount = side * side
  /// Bytes of one picture: 3,072.
  public static let byteCount = 3 * pixelCount

  public private(set) var count = 0
  /// Picture by picture, plane by plane (red, green, blue), row by row.
  private var planes: [UInt8] = []

  public init() {}

  /// Adds a picture of 32×32 pixels as it is, another one shrunk whole to that size (bicubic).
  public mutating func append(_ picture: Picture) {
    let small = Self.shrunk(picture)
    for channel in 0..<3 {
      for i in 0..<Self.pixelCount { planes.append(small.pixels[3 * i + channel]) }
    }
    count += 1
  }

  /// The picture at 32×32 pixels, shrunk whole if it has another size.
  public static func shrunk(_ picture: Picture) -> Picture {
    picture.width == side && picture.height == side
      ? picture : picture.resized(width: side, height: side, filter: .bicubic)
  }

  public subscript(index: Int) -> Picture {
    precondition(index >= 0 && index < count, "no picture \(index) in \(count)")
    var pixels = [UInt8](repeating: 0, count: Self.byteCount)
    for channel in 0..<3 {
      let start = index * Self.byteCount + channel * Self.pixelCount
      for i in 0..<Self.pixelCount { pixels[3 * i + channel] = planes[start + i] }
    }
    return Picture(width: Self.side, height: Self.side, pixels: pixels)
  }

  /// Writes pictures in CNHW order with 0...255 spread over −1...1.
  func fill(_ target: UnsafeMutablePointer<Float>, indices: some Collection<Int>) {
    planes.withUnsafeBufferPointer { planes in
      for (image, index) in indices.enumerated() {
        for channel in 0..<3 {
          let source = planes.baseAddress! + index * Self.byteCount + channel * Self.pixelCount
          let plane = target + (channel * indices.count + image) * Self.pixelCount
          for i in 0..<Self.pixelCount { plane[i] = Float(source[i]) * (2 / 255) - 1 }
        }
      }
    }
  }

  /// Turns pictures in CNHW order left to right where `isMirrored` says so.
  package static func mirror(
    _ samples: UnsafeMutablePointer<Float>, imageCount: Int, where isMirrored: (Int) -> Bool
  ) {
    for image in 0..<imageCount where isMirrored(image) {
      for channel in 0..<3 {
        let plane = samples + (channel * imageCount + image) * pixelCount
        for row in 0..<side {
          var pixels = UnsafeMutableBufferPointer(start: plane + row * side, count: side)
          pixels.reverse()
        }
      }
    }
  }

  /// Adds pictures given in CNHW order over −1...1, clamped and rounded.
  mutating func append(_ source: UnsafePointer<Float>, imageCount: Int) {
    planes.reserveCapacity(planes.count + imageCount * Self.byteCount)
    for image in 0..<imageCount {
      for channel in 0..<3 {
        let plane = source + (channel * imageCount + image) * Self.pixelCount
        for i in 0..<Self.pixelCount {
          // A NaN becomes black: comparisons with it are false, and max keeps its first argument.
          let value = (plane[i] + 1) * 127.5 + 0.5
          planes.append(value > 0 ? UInt8(min(255, value)) : 0)
        }
      }
    }
    count += imageCount
  }

  mutating func append(contentsOf other: Thumbnails) {
    planes += other.planes
    count += other.count
  }

  /// The peak signal-to-noise ratio of two pictures in decibels, over all samples of both; 100 for
  /// equal ones.
  static func psnr(_ a: Thumbnails, _ i: Int, _ b: Thumbnails, _ j: Int) -> Double {
    var sum = 0
    for offset in 0..<byteCount {
      let difference = Int(a.planes[i * byteCount + offset]) - Int(b.planes[j * byteCount + offset])
      sum += difference * difference
    }
    return PictureQuality.psnr(squaredErrorSum: sum, sampleCount: byteCount)
  }
}
