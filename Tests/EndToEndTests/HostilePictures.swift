import Foundation
import ThumbprintImages

/// Picture files of every kind that people and vandals have, made byte by byte.
enum HostilePictures {
  /// What is read, by file name.
  static func readable() throws -> [String: [UInt8]] {
    let picture = gradient(width: 48, height: 40)
    let jpeg = try picture.jpeg(quality: 90)
    var files: [String: [UInt8]] = [
      "plain.png": try picture.png(), "plain.jpg": jpeg,
      "misnamed-png.jpg": try picture.png(), "misnamed-jpeg.png": jpeg,
      "UPPER.JPEG": jpeg, "one-pixel.png": png(width: 1, height: 1, depth: 8, color: 2, [9, 8, 7]),
      "rgb16.png": rows(depth: 16, color: 2, bytes: 6),
      "grey8.png": rows(depth: 8, color: 0, bytes: 1),
      "grey16.png": rows(depth: 16, color: 0, bytes: 2),
      "alpha8.png": rows(depth: 8, color: 6, bytes: 4),
      "alpha16.png": rows(depth: 16, color: 6, bytes: 8),
      "grey-alpha.png": rows(depth: 8, color: 4, bytes: 2),
      "wide.png": try gradient(width: 2_000, height: 1).png(),
    ]
    files["palette.png"] = png(
      width: 8, height: 8, depth: 8, color: 3, Array(repeating: 1, count: 64),
      palette: [255, 0, 0, 0, 255, 0])
    files["turned.jpg"] = exif(jpeg, orientation: 6)
    return files
  }

  /// What is refused, with a part of the reason.
  static func unreadable() throws -> [String: (bytes: [UInt8], reason: String)] {
    let picture = gradient(width: 48, height: 40)
    let (png, jpeg) = (try picture.png(), try picture.jpeg(quality: 90))
    var flipped = png
    flipped[png.count / 2] ^= 0x10
    return [
      "empty.jpg": ([], "empty"), "text.jpg": (Array("not a picture".utf8), "neither PNG nor JPEG"),
      "gif.png": (Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0, 59], "neither PNG nor JPEG"),
      "half.png": (Array(png.prefix(png.count / 2)), ""),
      "half.jpg": (Array(jpeg.prefix(jpeg.count / 2)), ""),
      "signature.png": (Array(png.prefix(8)), ""), "start.jpg": ([0xFF, 0xD8, 0xFF], ""),
      "flipped.png": (flipped, ""), "huge.png": (claim(30_000, 30_000), "30000"),
      "endless.png": (claim(Int(Int32.max), Int(Int32.max)), ""),
      "no-pixels.png": (claim(0, 10), ""),
      "huge.jpg": (claim(jpeg, 65_500, 65_500), ""),
    ]
  }

  static func gradient(width: Int, height: Int) -> Picture {
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        pixels += [UInt8(x * 255 / width), UInt8(y * 255 / height), UInt8((x + y) % 256)]
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  /// A PNG of 10×10 pixels whose rows count up.
  static func rows(depth: UInt8, color: UInt8, bytes: Int) -> [UInt8] {
    png(
      width: 10, height: 10, depth: depth, color: color,
      (0..<100 * bytes).map { UInt8($0 % 251) })
  }

  static func png(
    width: Int, height: Int, depth: UInt8, color: UInt8, _ pixels: [UInt8],
    palette: [UInt8] = [], seeThrough: [UInt8] = []
  ) -> [UInt8] {
    let rowByteCount = pixels.count / height
    var raw: [UInt8] = []
    for row in 0..<height {
      raw.append(0)
      raw += pixels[row * rowByteCount..<(row + 1) * rowByteCount]
    }
    var file = signature
    file += chunk("IHDR", big(width) + big(height) + [depth, color, 0, 0, 0])
    if !palette.isEmpty { file += chunk("PLTE", palette) }
    if !seeThrough.isEmpty { file += chunk("tRNS", seeThrough) }
    return file + chunk("IDAT", stored(raw)) + chunk("IEND", [])
  }

  /// A PNG whose header claims a size, with next to no pixels.
  static func claim(_ width: Int, _ height: Int) -> [UInt8] {
    signature
      + chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0])
      + chunk("IDAT", stored([0, 1, 2, 3])) + chunk("IEND", [])
  }

  /// A JPEG with another size in its frame header.
  static func claim(_ jpeg: [UInt8], _ width: Int, _ height: Int) -> [UInt8] {
    var file = jpeg
    guard let at = jpeg.indices.first(where: { $0 > 0 && jpeg[$0 - 1] == 0xFF && jpeg[$0] == 0xC0 })
    else { return file }
    file[at + 4] = UInt8(height >> 8)
    file[at + 5] = UInt8(height & 0xFF)
    file[at + 6] = UInt8(width >> 8)
    file[at + 7] = UInt8(width & 0xFF)
    return file
  }

  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  static func exif(_ jpeg: [UInt8], orientation: UInt8) -> [UInt8] {
    let body = exifBody(orientation)
    let count = body.count + 2
    return Array(jpeg.prefix(2)) + [0xFF, 0xE1, UInt8(count >> 8), UInt8(count & 0xFF)] + body
      + Array(jpeg.dropFirst(2))
  }

  static func exifBody(_ orientation: UInt8) -> [UInt8] {
    Array("Exif\0\0".utf8) + [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0]
      + [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
  }

  static func big(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
    let named = Array(name.utf8) + body
    return big(body.count) + named + big(Int(crc(named)))
  }

  /// zlib's stream with stored blocks: no compression.
  static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var (a, b) = (1, 0)
    for byte in bytes {
      a = (a + Int(byte)) % 65_521
      b = (b + a) % 65_521
    }
    let count = bytes.count
    return [0x78, 0x01, 1, UInt8(count & 0xFF), UInt8(count >> 8)]
      + [UInt8(~count & 0xFF), UInt8(~count >> 8 & 0xFF)] + bytes + big(b << 16 | a)
  }

  static func crc(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = ~0
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}
