/// A picture of 8-bit red, green and blue in sRGB, row by row from the top left; a value.
public struct Picture: Sendable, Hashable {
  /// The most columns or rows of a picture made here; a decoded one is bounded by
  /// ``DecodingLimits`` instead.
  public static let sideMax = 16_384

  public let width: Int
  public let height: Int
  /// `3 · width · height` bytes.
  public var pixels: [UInt8]

  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "a picture of \(width)×\(height) has no pixels")
    precondition(
      pixels.count == 3 * width * height,
      "\(pixels.count) bytes do not fill \(width)×\(height) pixels of three")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// A picture of one colour.
  public init(width: Int, height: Int, red: UInt8, green: UInt8, blue: UInt8) {
    precondition(width > 0 && height > 0, "a picture of \(width)×\(height) has no pixels")
    self.width = width
    self.height = height
    pixels = []
    pixels.reserveCapacity(3 * width * height)
    for _ in 0..<width * height {
      pixels.append(red)
      pixels.append(green)
      pixels.append(blue)
    }
  }

  /// Red, green and blue of a pixel.
  public subscript(column: Int, row: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    precondition(
      column >= 0 && column < width && row >= 0 && row < height,
      "no pixel (\(column), \(row)) in \(width)×\(height)")
    let start = 3 * (row * width + column)
    return (pixels[start], pixels[start + 1], pixels[start + 2])
  }

  /// The picture as it is meant to be seen, given how it was stored.
  func upright(_ orientation: Orientation) -> Picture {
    if orientation == .upright { return self }
    let (w, h) = orientation.swapsSides ? (height, width) : (width, height)
    var turned = [UInt8](repeating: 0, count: pixels.count)
    pixels.withUnsafeBufferPointer { source in
      turned.withUnsafeMutableBufferPointer { target in
        var out = 0
        for row in 0..<h {
          for column in 0..<w {
            let place = orientation.source(column, row, storedWidth: width, storedHeight: height)
            let start = 3 * (place.row * width + place.column)
            target[out] = source[start]
            target[out + 1] = source[start + 1]
            target[out + 2] = source[start + 2]
            out += 3
          }
        }
      }
    }
    return Picture(width: w, height: h, pixels: turned)
  }
}

/// How stored rows and columns relate to the picture as seen: tag 0x0112 of Exif (CIPA DC-008).
enum Orientation: UInt16 {
  case upright = 1
  case mirrored = 2
  case upsideDown = 3
  case upsideDownMirrored = 4
  case transposed = 5
  case turnedLeft = 6
  case transversed = 7
  case turnedRight = 8

  var swapsSides: Bool { rawValue >= 5 }

  /// The stored place of the pixel that is seen at (`column`, `row`).
  func source(
    _ column: Int, _ row: Int, storedWidth width: Int, storedHeight height: Int
  ) -> (column: Int, row: Int) {
    switch self {
    case .upright: (column, row)
    case .mirrored: (width - 1 - column, row)
    case .upsideDown: (width - 1 - column, height - 1 - row)
    case .upsideDownMirrored: (column, height - 1 - row)
    case .transposed: (row, column)
    case .turnedLeft: (row, height - 1 - column)
    case .transversed: (width - 1 - row, height - 1 - column)
    case .turnedRight: (width - 1 - row, column)
    }
  }

  /// Reads the tag out of an Exif block that begins with its TIFF header; upright if the block is
  /// damaged or says nothing, as viewers do.
  init(exif bytes: UnsafeRawBufferPointer) {
    self = Self.find(bytes).flatMap(Orientation.init) ?? .upright
  }

  private static func find(_ bytes: UnsafeRawBufferPointer) -> UInt16? {
    guard bytes.count >= 8 else { return nil }
    let isBig: Bool
    switch (bytes[0], bytes[1]) {
    case (0x49, 0x49): isBig = false
    case (0x4D, 0x4D): isBig = true
    default: return nil
    }
    func short(_ at: Int) -> UInt16? {
      guard at >= 0, at + 2 <= bytes.count else { return nil }
      let (a, b) = (UInt16(bytes[at]), UInt16(bytes[at + 1]))
      return isBig ? a << 8 | b : b << 8 | a
    }
    func long(_ at: Int) -> Int? {
      guard let a = short(at), let b = short(at + 2) else { return nil }
      return isBig ? Int(a) << 16 | Int(b) : Int(b) << 16 | Int(a)
    }
    guard short(2) == 42, let directory = long(4), let count = short(directory) else {
      return nil
    }
    for entry in 0..<Int(count) {
      let at = directory + 2 + 12 * entry
      guard let tag = short(at) else { return nil }
      if tag == 0x0112 { return short(at + 2) == 3 ? short(at + 8) : nil }
    }
    return nil
  }
}
