/// The tags of a record as text: a JSON object whose values are strings.
///
/// There is one canonical form of given tags, which is what stores keep and digests cover: keys in
/// the order of their UTF-8 bytes, no spaces, `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t` and
/// `\u00xx` (lower case) for what JSON must escape, everything else as it is. It equals
/// `json.dumps(tags, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` of Python.
/// No tags are no bytes.
///
/// Reading accepts every JSON object of strings, and is stricter than most readers on one point:
/// a key may not occur twice. Written by hand since the canonical form is part of the digest and
/// may not move with a library's version; tests hold it against Foundation's.
public enum TagsJSON {
  /// The most bytes that reading accepts: room for canonical tags of the greatest size with every
  /// character escaped, and spaces besides.
  public static let inputByteCountMax = 32 * 1024

  /// Why bytes are not the tags of a record.
  public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected and what was found.
    public let message: String
    /// Where, in bytes from the start; `nil` if it is about the whole.
    public let offset: Int?

    public var description: String { offset.map { "\(message) at byte \($0)" } ?? message }
  }

  /// The canonical form of `tags`; no bytes if there are none.
  public static func encode(_ tags: [String: String]) -> [UInt8] {
    if tags.isEmpty { return [] }
    var bytes: [UInt8] = [UInt8(ascii: "{")]
    let sorted = tags.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (position, (key, value)) in sorted.enumerated() {
      if position > 0 { bytes.append(UInt8(ascii: ",")) }
      append(key, to: &bytes)
      bytes.append(UInt8(ascii: ":"))
      append(value, to: &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  /// Reads an object of strings, in canonical form or not; no bytes are no tags.
  ///
  /// Keys that are canonically equivalent in Unicode count as one key.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(Fault) -> [String: String] {
    if bytes.isEmpty { return [:] }
    guard bytes.count <= inputByteCountMax else {
      throw Fault(
        message: "\(bytes.count) bytes are more than the \(inputByteCountMax) that tags may have",
        offset: nil)
    }
    var parser = TagsParser(bytes: bytes)
    return try parser.object()
  }

  /// The canonical form of the tags in `bytes`.
  ///
  /// - Throws: ``Fault`` as ``decode(_:)`` does, and if the canonical form has more than
  ///   ``RecordLimits/tagsByteCountMax`` bytes.
  public static func canonical(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> [UInt8] {
    try canonical(try decode(bytes))
  }

  /// The canonical form of `tags`.
  ///
  /// - Throws: ``Fault`` if it has more than ``RecordLimits/tagsByteCountMax`` bytes.
  public static func canonical(_ tags: [String: String]) throws(Fault) -> [UInt8] {
    let canonical = encode(tags)
    guard canonical.count <= RecordLimits.tagsByteCountMax else {
      throw Fault(
        message: "tags of \(canonical.count) bytes are above the bound of "
          + "\(RecordLimits.tagsByteCountMax)",
        offset: nil)
    }
    return canonical
  }

  /// Text as it may stand in a message: short, in one line, in quotes.
  static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    append(String(text.prefix(40)), to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x08: bytes += #"\b"#.utf8
      case 0x09: bytes += #"\t"#.utf8
      case 0x0A: bytes += #"\n"#.utf8
      case 0x0C: bytes += #"\f"#.utf8
      case 0x0D: bytes += #"\r"#.utf8
      case 0..<0x10: bytes += (#"\u000"# + String(byte, radix: 16)).utf8
      case 0x10..<0x20: bytes += (#"\u00"# + String(byte, radix: 16)).utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

/// A cursor over the bytes of one object of strings.
private struct TagsParser {
  let bytes: UnsafeRawBufferPointer
  var offset = 0

  init(bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  mutating func object() throws(TagsJSON.Fault) -> [String: String] {
    var tags: [String: String] = [:]
    try expect("{")
    if !take("}") {
      repeat {
        skipSpaces()
        let keyOffset = offset
        let key = try string("a key in quotes")
        try expect(":")
        skipSpaces()
        let value = try string("a value in quotes")
        guard tags.updateValue(value, forKey: key) == nil else {
          throw TagsJSON.Fault(
            message: "key \(TagsJSON.quoted(key)) for the second time", offset: keyOffset)
        }
      } while take(",")
      try expect("}")
    }
    skipSpaces()
    guard offset == bytes.count else { throw unexpected("nothing after the object") }
    return tags
  }

  /// A string; `offset` is at its opening quote.
  private mutating func string(_ expected: String) throws(TagsJSON.Fault) -> String {
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
      throw unexpected(expected)
    }
    let start = offset
    offset += 1
    var text: [UInt8] = []
    while true {
      guard offset < bytes.count else { throw unexpected("a closing quote") }
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw TagsJSON.Fault(message: "text that is not UTF-8", offset: start)
        }
        return string
      case UInt8(ascii: "\\"):
        offset += 1
        try appendEscaped(to: &text)
      case 0..<0x20:
        throw unexpected("an escape for a control character")
      default:
        text.append(byte)
        offset += 1
      }
    }
  }

  /// The character of an escape; `offset` is after its backslash.
  private mutating func appendEscaped(to text: inout [UInt8]) throws(TagsJSON.Fault) {
    guard offset < bytes.count else { throw unexpected("an escape") }
    switch bytes[offset] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[offset])
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      offset += 1
      text += try escapedScalar().utf8
      return
    default: throw unexpected("an escape of JSON")
    }
    offset += 1
  }

  /// The scalar of `\uXXXX` or of a surrogate pair; `offset` is after the first `u`.
  private mutating func escapedScalar() throws(TagsJSON.Fault) -> String {
    let start = offset
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return String(scalar) }
    if first < 0xDC00, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
      bytes[offset + 1] == UInt8(ascii: "u")
    {
      offset += 2
      let second = try codeUnit()
      let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) & 0x3FF)
      if (0xDC00...0xDFFF).contains(second), let scalar = Unicode.Scalar(value) {
        return String(scalar)
      }
    }
    throw TagsJSON.Fault(message: "half of a surrogate pair", offset: start)
  }

  private mutating func codeUnit() throws(TagsJSON.Fault) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard offset < bytes.count, let digit = hexadecimalDigit(bytes[offset]) else {
        throw unexpected("four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      offset += 1
    }
    return unit
  }

  private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private mutating func skipSpaces() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      default: return
      }
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(TagsJSON.Fault) {
    guard take(character) else { throw unexpected("'\(character)'") }
  }

  private func unexpected(_ expected: String) -> TagsJSON.Fault {
    let found =
      if offset >= bytes.count {
        "the end"
      } else if (0x21...0x7E).contains(bytes[offset]) {
        "'\(Unicode.Scalar(bytes[offset]))'"
      } else {
        "byte 0x" + String(bytes[offset], radix: 16)
      }
    return TagsJSON.Fault(message: "expected \(expected), found \(found)", offset: offset)
  }
}
