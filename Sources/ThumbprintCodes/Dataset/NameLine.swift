/// The form of a name as a line of `names.txt`: UTF-8 in which `\\`, `\n` and `\r` stand for a
/// backslash, a line feed and a carriage return.
enum NameLine {
  /// The most bytes of a line: a name of the greatest size with every byte escaped.
  static let byteCountMax = 2 * RecordLimits.nameByteCountMax

  /// Why a line is not a name.
  struct Fault: Error {
    let message: String
  }

  /// Appends the line for `name`, with its end.
  static func append(_ name: UnsafeRawBufferPointer, to line: inout [UInt8]) {
    for byte in name {
      switch byte {
      case UInt8(ascii: "\\"): line += #"\\"#.utf8
      case 0x0A: line += #"\n"#.utf8
      case 0x0D: line += #"\r"#.utf8
      default: line.append(byte)
      }
    }
    line.append(0x0A)
  }

  /// The name on a line; points into `line` itself, or into `scratch` if escapes had to be undone.
  ///
  /// - Parameter scratch: At least ``byteCountMax`` bytes.
  static func name(
    _ line: UnsafeRawBufferPointer, scratch: UnsafeMutableRawBufferPointer
  ) throws(Fault) -> UnsafeRawBufferPointer {
    guard line.count <= byteCountMax else {
      throw Fault(
        message: "\(line.count) bytes on a line are above the bound of \(byteCountMax)")
    }
    var name = line
    // One look at the bytes tells whether there is anything to undo, which is seldom so.
    if line.contains(where: { $0 == UInt8(ascii: "\\") || $0 == 0x0D }) {
      name = try unescape(line, into: scratch)
    }
    try check(name)
    return name
  }

  /// Checks that bytes can be the name of a record.
  static func check(_ name: UnsafeRawBufferPointer) throws(Fault) {
    guard name.count <= RecordLimits.nameByteCountMax else {
      throw Fault(
        message: "a name of \(name.count) bytes is above the bound of "
          + "\(RecordLimits.nameByteCountMax)")
    }
    guard (try? UTF8Span(validating: name.assumingMemoryBound(to: UInt8.self).span)) != nil else {
      throw Fault(message: "a name that is not UTF-8")
    }
  }

  private static func unescape(
    _ line: UnsafeRawBufferPointer, into scratch: UnsafeMutableRawBufferPointer
  ) throws(Fault) -> UnsafeRawBufferPointer {
    var count = 0
    var isEscaped = false
    for byte in line {
      if isEscaped {
        switch byte {
        case UInt8(ascii: "\\"): scratch[count] = byte
        case UInt8(ascii: "n"): scratch[count] = 0x0A
        case UInt8(ascii: "r"): scratch[count] = 0x0D
        default: throw Fault(message: #"a backslash before something other than \, n and r"#)
        }
        count += 1
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == 0x0D {
        throw Fault(message: #"a carriage return, which a name has as \r and a line end has not"#)
      } else {
        scratch[count] = byte
        count += 1
      }
    }
    guard !isEscaped else { throw Fault(message: "a single backslash at the end") }
    return UnsafeRawBufferPointer(rebasing: scratch[..<count])
  }
}
