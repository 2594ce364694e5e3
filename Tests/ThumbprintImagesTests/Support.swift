import Testing
import ThumbprintCodes
import ThumbprintImages

/// A smooth picture with some texture.
func testPicture(width: Int, height: Int, seed: UInt64) -> Picture {
  var random = SplitMix64(seed: seed)
  let shift = Int.random(in: 0..<50, using: &random)
  var pixels: [UInt8] = []
  for row in 0..<height {
    for column in 0..<width {
      pixels.append(UInt8((column * 255 / max(1, width - 1) + shift) % 256))
      pixels.append(UInt8(row * 255 / max(1, height - 1)))
      pixels.append(UInt8((column / 4 + row / 4) % 2 * 60 + 90))
    }
  }
  return Picture(width: width, height: height, pixels: pixels)
}

func noisePicture(width: Int, height: Int, seed: UInt64) -> Picture {
  var random = SplitMix64(seed: seed)
  return Picture(
    width: width, height: height,
    pixels: (0..<3 * width * height).map { _ in UInt8.random(in: 0...255, using: &random) })
}

/// A minimal little-endian Exif block.
func exif(orientation: UInt8) -> [UInt8] {
  [
    0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0,
    0,
  ]
}

/// The greatest difference between two pictures of one size.
func greatestDifference(_ a: Picture, _ b: Picture) -> Int {
  guard a.width == b.width, a.height == b.height else { return .max }
  return zip(a.pixels, b.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
}

func expectRefusal(
  _ bytes: [UInt8], _ code: ImagesError.Code, _ reason: String,
  limits: DecodingLimits = DecodingLimits(), sourceLocation: SourceLocation = #_sourceLocation
) {
  do throws(ImagesError) {
    _ = try PictureReader.decode(bytes, limits: limits)
    Issue.record("was not refused", sourceLocation: sourceLocation)
  } catch {
    #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    #expect(error.message.contains(reason), "\(error)", sourceLocation: sourceLocation)
    #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
  }
}
