/// Reads the body of a message, from its first byte to its last.
///
/// Whatever the bytes say, nothing outside them is read, nothing is allocated beyond a small
/// multiple of them, and the only error is ``ServiceError/Code/malformed``.
struct WireReader {
  let bytes: [UInt8]
  /// What is read, for messages.
  let place: String
  private(set) var offset = 0
  /// Where the layout begins to which ``get(_:as:)`` refers.
  private var base = 0

  init(_ bytes: [UInt8], place: String) {
    self.bytes = bytes
    self.place = place
  }

  var remainingByteCount: Int { bytes.count - offset }

  /// Moves over a layout, whose reserved bytes must be zero; ``get(_:as:)`` reads its fields.
  mutating func begin(_ layout: (some WireLayout).Type) throws(ServiceError) {
    guard remainingByteCount >= layout.byteCount else {
      throw .malformed(
        part(layout.name), expected: "\(layout.byteCount) bytes", found: remainingByteCount)
    }
    base = offset
    offset += layout.byteCount
    for field in layout.reserved {
      for i in 0..<field.byteCount where bytes[base + field.offset + i] != 0 {
        throw .malformed(
          part(layout.name), expected: "zero in reserved bytes", found: "other bytes")
      }
    }
  }

  /// A part of what is read, for messages; a message's own head has the name of the message.
  private func part(_ name: StaticString) -> String {
    place == "\(name)" ? place : "\(place): \(name)"
  }

  /// A field of the layout that was begun last.
  func get<T: FixedWidthInteger>(_ field: WireField, as type: T.Type = T.self) -> T {
    precondition(
      field.byteCount == T.bitWidth / 8, "\(field.name) has \(field.byteCount) bytes")
    return integer(at: base + field.offset)
  }

  /// A field that must be within bounds.
  func get<T: FixedWidthInteger>(
    _ field: WireField, as type: T.Type = T.self, in bounds: ClosedRange<T>
  ) throws(ServiceError) -> T {
    let value: T = get(field)
    guard bounds.contains(value) else { throw wrong(field, "a value in \(bounds)", found: value) }
    return value
  }

  /// A field that is one of the cases of an enumeration.
  func get<E: RawRepresentable>(
    _ field: WireField, as type: E.Type
  ) throws(ServiceError) -> E where E.RawValue: FixedWidthInteger {
    let value: E.RawValue = get(field)
    guard let result = E(rawValue: value) else {
      throw wrong(field, "a known value", found: value)
    }
    return result
  }

  /// A field of flags, of which only the known ones may be set.
  func get<E: OptionSet>(
    _ field: WireField, flags type: E.Type, known: E
  ) throws(ServiceError) -> E where E.RawValue: FixedWidthInteger {
    let value: E.RawValue = get(field)
    guard value & ~known.rawValue == 0 else {
      throw wrong(field, "known flags alone", found: value)
    }
    return E(rawValue: value)
  }

  func wrong(
    _ field: WireField, _ expected: some CustomStringConvertible,
    found: some CustomStringConvertible
  ) -> ServiceError {
    .malformed("\(place): \(field.name)", expected: expected, found: found)
  }

  /// Moves over `byteCount` bytes.
  mutating func take(
    _ byteCount: Int, _ name: StaticString
  ) throws(ServiceError) -> Range<Int> {
    guard byteCount >= 0, byteCount <= remainingByteCount else {
      throw .malformed(
        "\(place): \(name)", expected: "\(byteCount) bytes", found: remainingByteCount)
    }
    defer { offset += byteCount }
    return offset..<offset + byteCount
  }

  /// An integer on its own.
  mutating func next<T: FixedWidthInteger>(
    _ name: StaticString, as type: T.Type = T.self
  ) throws(ServiceError) -> T {
    integer(at: try take(T.bitWidth / 8, name).lowerBound)
  }

  mutating func text(
    _ byteCount: Int, _ name: StaticString
  ) throws(ServiceError) -> String {
    let range = try take(byteCount, name)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw .malformed("\(place): \(name)", expected: "UTF-8", found: "other bytes")
    }
    return text
  }

  /// Nothing may be left over.
  func end() throws(ServiceError) {
    guard remainingByteCount == 0 else {
      throw .malformed(place, expected: "its end", found: "\(remainingByteCount) more bytes")
    }
  }

  private func integer<T: FixedWidthInteger>(at position: Int) -> T {
    bytes.littleEndianInteger(at: position)
  }
}

extension [UInt8] {
  /// The integer at `position`, at any alignment.
  func littleEndianInteger<T: FixedWidthInteger>(at position: Int, as type: T.Type = T.self) -> T {
    precondition(
      position >= 0 && position + T.bitWidth / 8 <= count, "no integer at \(position)")
    return withUnsafeBytes {
      T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: T.self))
    }
  }
}
