/// Makes PNG files of every colour type and depth by hand, uncompressed, so that the reader is
/// tested against the format and not against its own writer.
struct PNGBuilder {
  var width: Int
  var height: Int
  var depth = 8
  var colorType = 2
  /// One filter byte and the samples of a row, for all rows.
  var rows: [UInt8]
  /// Further chunks before the picture.
  var chunks: [(type: String, body: [UInt8])] = []

  static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
    let content = Array(type.utf8) + body
    return big(body.count) + content + big(Int(crc(content)))
  }

  static func big(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func crc(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return crc ^ 0xFFFF_FFFF
  }

  static func deflateStored(_ bytes: [UInt8]) -> [UInt8] {
    var (a, b) = (1, 0)
    for byte in bytes {
      a = (a + Int(byte)) % 65_521
      b = (b + a) % 65_521
    }
    var out: [UInt8] = [0x78, 0x01]
    var rest = bytes[...]
    repeat {
      let block = rest.prefix(65_535)
      rest = rest.dropFirst(block.count)
      let size = [UInt8(block.count & 255), UInt8(block.count >> 8)]
      out += [rest.isEmpty ? 1 : 0] + size + size.map { ~$0 } + block
    } while !rest.isEmpty
    return out + big(b << 16 | a)
  }

  var file: [UInt8] {
    let header =
      Self.big(width) + Self.big(height) + [UInt8(depth), UInt8(colorType), 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
      + chunks.flatMap { Self.chunk($0.type, $0.body) }
      + Self.chunk("IDAT", Self.deflateStored(rows)) + Self.chunk("IEND", [])
  }
}
