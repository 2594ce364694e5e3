import Foundation
import ThumbprintImages

/// The odder ones: kinds that few programs write, and files that are no pictures by their kind.
extension HostilePictures {
  /// What is read, by file name.
  static func oddReadable() throws -> [String: [UInt8]] {
    var files = try readable()
    files["UPPER.PNG"] = files["plain.png"]
    files["ink.jpg"] = bytes(inkAsAdobeWritesIt)
    files["ink-plain.jpg"] = bytes(inkAsTheStandardHasIt)
    files["interlaced.png"] = interlaced()
    files["one-bit.png"] = png(
      width: 16, height: 16, depth: 1, color: 0, Array(repeating: 0xA5, count: 32))
    files["see-through-palette.png"] = png(
      width: 8, height: 8, depth: 8, color: 3, Array(repeating: 1, count: 64),
      palette: [255, 0, 0, 0, 255, 0], seeThrough: [255, 0])
    files["see-through-color.png"] = png(
      width: 8, height: 8, depth: 8, color: 2, Array(repeating: 9, count: 192),
      seeThrough: [0, 9, 0, 9, 0, 9])
    return files
  }

  /// What is refused, with a part of the reason.
  static func oddUnreadable() throws -> [String: (bytes: [UInt8], reason: String)] {
    var files = try unreadable()
    files["really-huge.png"] = (endlessWhite(side: 30_000), "30000×30000 pixels")
    files["text.png"] = (Array("not a picture".utf8), "neither PNG nor JPEG")
    files["webp.jpg"] = (Array("RIFF\0\0\0\0WEBPVP8 ".utf8), "neither PNG nor JPEG")
    return files
  }

  /// A picture as it is stored so that it is seen upright when turned as Exif says; from the words of
  /// the standard: row 0 and column 0 of what is stored are these sides of what is seen.
  static func stored(_ seen: Picture, orientation: Int) -> Picture {
    let (right, bottom) = (seen.width - 1, seen.height - 1)
    let isTurned = orientation >= 5
    var file = Picture(
      width: isTurned ? seen.height : seen.width, height: isTurned ? seen.width : seen.height,
      red: 0, green: 0, blue: 0)
    for row in 0..<file.height {
      for column in 0..<file.width {
        let (x, y) =
          switch orientation {
          case 2: (right - column, row)
          case 3: (right - column, bottom - row)
          case 4: (column, bottom - row)
          case 5: (row, column)
          case 6: (right - row, column)
          case 7: (right - row, bottom - column)
          case 8: (row, bottom - column)
          default: (column, row)
          }
        let (red, green, blue) = seen[x, y]
        let start = 3 * (row * file.width + column)
        (file.pixels[start], file.pixels[start + 1], file.pixels[start + 2]) = (red, green, blue)
      }
    }
    return file
  }

  /// The file with an Exif block that tells how to turn it.
  static func turned(png: [UInt8], orientation: UInt8) -> [UInt8] {
    Array(png.prefix(33)) + chunk("eXIf", Array(exifBody(orientation).dropFirst(6)))
      + png.dropFirst(33)
  }

  /// 8×8 pixels in the seven passes of Adam7.
  private static func interlaced() -> [UInt8] {
    var raw: [UInt8] = []
    for (x, y, right, down) in [
      (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
      (0, 1, 1, 2),
    ] {
      for row in stride(from: y, to: 8, by: down) {
        raw.append(0)
        for column in stride(from: x, to: 8, by: right) {
          raw += [UInt8(30 * column), UInt8(30 * row), 7]
        }
      }
    }
    return signature + chunk("IHDR", big(8) + big(8) + [8, 2, 0, 0, 1])
      + chunk("IDAT", stored(raw)) + chunk("IEND", [])
  }

  /// A sound PNG of `side`² black pixels of one bit, of less than a megabyte: one zero, and then
  /// "as the 258 bytes before" as often as it takes.
  private static func endlessWhite(side: Int) -> [UInt8] {
    let count = side * (side / 8 + 1)
    var writer = BitWriter()
    writer.add(1, bits: 1)
    writer.add(1, bits: 2)
    // The fixed codes of RFC 1951, which go in from their highest bit.
    func literalZero() { writer.add(0b0000_1100, bits: 8) }
    literalZero()
    var rest = count - 1
    while rest >= 258 {
      writer.add(0b1010_0011, bits: 8)
      writer.add(0, bits: 5)
      rest -= 258
    }
    for _ in 0..<rest { literalZero() }
    writer.add(0, bits: 7)
    let stream = [0x78, 0x01] + writer.finished() + big((count % 65_521) << 16 | 1)
    return signature + chunk("IHDR", big(side) + big(side) + [1, 0, 0, 0, 0])
      + chunk("IDAT", stream) + chunk("IEND", [])
  }

  /// Bits from the lowest of each byte on.
  private struct BitWriter {
    private var bytes: [UInt8] = []
    private var current = 0
    private var count = 0

    mutating func add(_ value: Int, bits: Int) {
      current |= value << count
      count += bits
      while count >= 8 {
        bytes.append(UInt8(current & 0xFF))
        current >>= 8
        count -= 8
      }
    }

    mutating func finished() -> [UInt8] {
      if count > 0 { add(0, bits: 8 - count) }
      return bytes
    }
  }

  private static func bytes(_ base64: String) -> [UInt8] {
    Array(Data(base64Encoded: base64) ?? Data())
  }

  /// 8×8 pixels of one colour in four inks, inverted and marked as Adobe's.
  private static let inkAsAdobeWritesIt = """
    /9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAW\
    EBETFBUVFQwPFxgWFBgSFBUU/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAkACP/EABQQ\
    AQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AVNCqbAf/2Q==
    """
  /// The same colour as the standard would have it.
  private static let inkAsTheStandardHasIt = """
    /9j/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIU\
    FRT/wAAUCAAIAAgEQxEATREAWREASxEA/8QAFgABAQEAAAAAAAAAAAAAAAAACQII/8QAFBABAAAAAAAAAAAAAAAAAAAA\
    AP/aAA4EQwBNAFkASwAAPwAqkFTY8f/Z
    """
}
