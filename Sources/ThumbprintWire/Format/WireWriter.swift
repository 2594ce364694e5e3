/// Builds the body of a message, integers little-endian.
struct WireWriter {
  private(set) var bytes: [UInt8] = []
  /// Where the layout begins to which ``set(_:_:)`` refers.
  private var base = 0

  init(capacity: Int = 256) {
    bytes.reserveCapacity(capacity)
  }

  /// Begins a layout: zeros, until ``set(_:_:)`` puts its fields.
  mutating func begin(_ layout: (some WireLayout).Type) {
    base = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: layout.byteCount))
  }

  mutating func set<T: FixedWidthInteger>(_ field: WireField, _ value: T) {
    precondition(
      field.byteCount == T.bitWidth / 8, "\(field.name) has \(field.byteCount) bytes")
    withUnsafeBytes(of: value.littleEndian) { source in
      for i in 0..<source.count { bytes[base + field.offset + i] = source[i] }
    }
  }

  mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ more: some Collection<UInt8>) {
    bytes.append(contentsOf: more)
  }
}
