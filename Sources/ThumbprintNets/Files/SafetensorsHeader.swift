/// The header of a safetensors file: a JSON object of one fixed form. Parsed strictly, because
/// general JSON readers keep one of two equal names and say nothing.
struct SafetensorsHeader {
  var entries: [SafetensorsEntry] = []
  var metadata: [String: String] = [:]

  /// Parses the JSON text, which may be followed by spaces.
  init(_ bytes: UnsafeRawBufferPointer) throws(NetsError) {
    var parser = HeaderParser(bytes: bytes)
    try parser.expect(UInt8(ascii: "{"))
    var names: Set<String> = []
    if !parser.accept(UInt8(ascii: "}")) {
      repeat {
        let name = try parser.string()
        guard names.insert(name).inserted else {
          throw parser.failure("the name '\(clipped(name))' occurs twice")
        }
        try parser.expect(UInt8(ascii: ":"))
        if name == "__metadata__" {
          try parseMetadata(&parser)
        } else {
          entries.append(try Self.parseEntry(name, &parser))
        }
      } while parser.accept(UInt8(ascii: ","))
      try parser.expect(UInt8(ascii: "}"))
    }
    try parser.expectEnd()
  }

  private mutating func parseMetadata(_ parser: inout HeaderParser) throws(NetsError) {
    try parser.expect(UInt8(ascii: "{"))
    if parser.accept(UInt8(ascii: "}")) { return }
    repeat {
      let key = try parser.string()
      try parser.expect(UInt8(ascii: ":"))
      guard metadata.updateValue(try parser.string(), forKey: key) == nil else {
        throw parser.failure("the metadata key '\(clipped(key))' occurs twice")
      }
    } while parser.accept(UInt8(ascii: ","))
    try parser.expect(UInt8(ascii: "}"))
  }

  private static func parseEntry(
    _ name: String, _ parser: inout HeaderParser
  ) throws(NetsError) -> SafetensorsEntry {
    var type: SafetensorsEntry.ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try parser.expect(UInt8(ascii: "{"))
    repeat {
      let key = try parser.string()
      try parser.expect(UInt8(ascii: ":"))
      switch key {
      case "dtype" where type == nil:
        let text = try parser.string()
        type = SafetensorsEntry.ElementType(rawValue: text)
        guard type != nil else {
          throw parser.failure("'\(clipped(name))' has the unknown dtype '\(clipped(text))'")
        }
      case "shape" where shape == nil: shape = try parser.integers()
      case "data_offsets" where offsets == nil: offsets = try parser.integers()
      default:
        throw parser.failure(
          "'\(clipped(name))' has the unknown or repeated key '\(clipped(key))'")
      }
    } while parser.accept(UInt8(ascii: ","))
    try parser.expect(UInt8(ascii: "}"))
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw parser.failure("'\(clipped(name))' lacks a dtype, a shape or two data_offsets")
    }
    guard offsets[0] <= offsets[1] else {
      throw parser.failure("'\(clipped(name))' ends before it begins")
    }
    var byteCount = type.byteCount
    for extent in shape {
      let product = byteCount.multipliedReportingOverflow(by: extent)
      guard !product.overflow else {
        throw parser.failure("'\(clipped(name))' has a shape whose product overflows")
      }
      byteCount = product.partialValue
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw parser.failure(
        "'\(clipped(name))' has \(offsets[1] - offsets[0]) bytes; its shape and dtype make "
          + "\(byteCount)")
    }
    return SafetensorsEntry(
      name: name, type: type, shape: shape, byteRange: offsets[0]..<offsets[1])
  }
}

/// At most 80 characters of a text from a file, for messages.
package func clipped(_ text: String) -> String {
  let printable = text.unicodeScalars.prefix(80).map { scalar in
    scalar.properties.generalCategory == .control ? "\u{FFFD}" : String(scalar)
  }.joined()
  return text.unicodeScalars.count > 80 ? printable + "…" : printable
}

/// Reads the JSON of a header from left to right.
private struct HeaderParser {
  /// More dimensions than any tensor has.
  static let rankMax = 16

  let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  func failure(_ message: String) -> NetsError {
    NetsError(.malformedFile, "header, byte \(position): \(message)")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  mutating func accept(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(NetsError) {
    guard accept(byte) else {
      throw failure("'\(Character(Unicode.Scalar(byte)))' expected")
    }
  }

  mutating func expectEnd() throws(NetsError) {
    skipSpace()
    guard position == bytes.count else { throw failure("nothing more expected") }
  }

  mutating func integers() throws(NetsError) -> [Int] {
    var values: [Int] = []
    try expect(UInt8(ascii: "["))
    if accept(UInt8(ascii: "]")) { return values }
    repeat {
      guard values.count < Self.rankMax else {
        throw failure("a list has at most \(Self.rankMax) numbers")
      }
      values.append(try integer())
    } while accept(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
    return values
  }

  private mutating func integer() throws(NetsError) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, case let digit = bytes[position],
      digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9")
    {
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowedToo) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
      guard !overflowed, !overflowedToo else { throw failure("a number is too large") }
      value = sum
      position += 1
    }
    guard position > start, position == start + 1 || bytes[start] != UInt8(ascii: "0") else {
      throw failure("a number without sign, fraction or leading zero expected")
    }
    return value
  }

  mutating func string() throws(NetsError) -> String {
    try expect(UInt8(ascii: "\""))
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw failure("a string is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
      case 0..<0x20: throw failure("a string holds a control character")
      default: text.append(byte)
      }
    }
    throw failure("a string does not end")
  }

  /// The UTF-8 of the escape sequence whose backslash has been read.
  private mutating func escape() throws(NetsError) -> [UInt8] {
    guard position < bytes.count else { throw failure("a string does not end") }
    let kind = bytes[position]
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [kind]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      var units = [try hexadecimal()]
      if UTF16.isLeadSurrogate(units[0]) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("half of a surrogate pair") }
        position += 2
        units.append(try hexadecimal())
      }
      guard let string = String(validating: units, as: UTF16.self) else {
        throw failure("half of a surrogate pair")
      }
      return Array(string.utf8)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(NetsError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard position < bytes.count,
        let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
      else { throw failure("four hexadecimal digits expected") }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }
}
