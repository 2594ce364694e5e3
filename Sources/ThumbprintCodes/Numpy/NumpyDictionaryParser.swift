/// Reads the Python dictionary in the header of an `.npy` file.
///
/// Accepts what NumPy writes and the freedoms that other writers take: keys in any order, either
/// quote, spaces and line ends between tokens, commas before closing brackets. All else of Python
/// is refused: the three keys must be there once each and no others.
struct NumpyDictionaryParser {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  mutating func dictionary() throws(NumpyHeader.Fault) -> (
    descriptor: String, isFortranOrder: Bool, shape: [Int]
  ) {
    var descriptor: String?
    var isFortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      skipSpaces()
      let key = try string("a key in quotes")
      try expect(":")
      switch key {
      case "descr" where descriptor == nil:
        skipSpaces()
        descriptor = try string("an element type in quotes (structured arrays are not read)")
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      case "descr", "fortran_order", "shape": throw malformed("key '\(key)' for the second time")
      default: throw malformed("unknown key '\(key)'")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpaces()
    guard offset == bytes.count else { throw unexpected("nothing after the dictionary") }
    guard let descriptor else { throw malformed("no key 'descr'") }
    guard let isFortranOrder else { throw malformed("no key 'fortran_order'") }
    guard let shape else { throw malformed("no key 'shape'") }
    return (descriptor, isFortranOrder, shape)
  }

  /// A string of printable ASCII without escapes.
  private mutating func string(_ expected: String) throws(NumpyHeader.Fault) -> String {
    guard offset < bytes.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(bytes[offset])
    else { throw unexpected(expected) }
    let quote = bytes[offset]
    offset += 1
    let start = offset
    while offset < bytes.count, bytes[offset] != quote {
      guard (0x20...0x7E).contains(bytes[offset]), bytes[offset] != UInt8(ascii: "\\"),
        offset - start < 64
      else { throw unexpected("a short plain string") }
      offset += 1
    }
    guard offset < bytes.count else { throw unexpected("a closing quote") }
    defer { offset += 1 }
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  private mutating func boolean() throws(NumpyHeader.Fault) -> Bool {
    skipSpaces()
    for (word, value) in [("True", true), ("False", false)]
    where bytes[offset...].starts(with: word.utf8) {
      offset += word.utf8.count
      return value
    }
    throw unexpected("True or False")
  }

  private mutating func tuple() throws(NumpyHeader.Fault) -> [Int] {
    try expect("(")
    var values: [Int] = []
    while !take(")") {
      guard values.count < NumpyHeader.dimensionCountMax else {
        throw NumpyHeader.Fault(
          code: .tooLarge, message: "more than \(NumpyHeader.dimensionCountMax) dimensions")
      }
      values.append(try integer())
      if take(",") { continue }
      try expect(")")
      // In Python (5) is a number and (5,) a tuple.
      guard values.count > 1 else { throw malformed("a number as shape: (n) is no tuple, (n,) is") }
      break
    }
    return values
  }

  private mutating func integer() throws(NumpyHeader.Fault) -> Int {
    skipSpaces()
    let start = offset
    var value = 0
    while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(bytes[offset] - 0x30))
      guard !overflow, !carry else {
        throw NumpyHeader.Fault(code: .tooLarge, message: "a dimension above \(Int.max)")
      }
      value = sum
      offset += 1
    }
    guard offset > start else { throw unexpected("a dimension") }
    guard offset - start == 1 || bytes[start] != 0x30 else {
      throw malformed("a dimension that starts with 0")
    }
    return value
  }

  private mutating func skipSpaces() {
    while offset < bytes.count, bytes[offset] == 0x20 || (0x09...0x0D).contains(bytes[offset]) {
      offset += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(NumpyHeader.Fault) {
    guard take(character) else { throw unexpected("'\(character)'") }
  }

  private func unexpected(_ expected: String) -> NumpyHeader.Fault {
    let found =
      if offset >= bytes.count {
        "its end"
      } else if (0x21...0x7E).contains(bytes[offset]) {
        "'\(Unicode.Scalar(bytes[offset]))'"
      } else {
        "byte 0x" + String(bytes[offset], radix: 16)
      }
    return malformed("expected \(expected), found \(found)")
  }

  private func malformed(_ what: String) -> NumpyHeader.Fault {
    NumpyHeader.Fault(
      code: .malformed,
      message: "the header breaks the rules at byte \(offset) of its dictionary: \(what)")
  }
}
