/// The types of array elements that are read and written: little-endian numbers.
///
/// The raw value is how NumPy names the type in a file, for instance `<u8`.
public enum NumpyElementType: String, CaseIterable, Sendable {
  case bool = "|b1"
  case uint8 = "|u1"
  case int8 = "|i1"
  case uint16 = "<u2"
  case int16 = "<i2"
  case uint32 = "<u4"
  case int32 = "<i4"
  case uint64 = "<u8"
  case int64 = "<i8"
  case float16 = "<f2"
  case float32 = "<f4"
  case float64 = "<f8"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// How NumPy calls the type in a program, for instance `uint64`.
  public var name: String { String(describing: self) }

  /// The type that a file calls `descriptor`, or `nil` for one that is not read.
  ///
  /// A one-byte type has no byte order, so `<u1` is `|u1`.
  init?(descriptor: String) {
    if let type = NumpyElementType(rawValue: descriptor) {
      self = type
      return
    }
    guard descriptor.utf8.count == 3, descriptor.utf8.last == UInt8(ascii: "1"),
      let order = descriptor.first, "<>|".contains(order),
      let type = NumpyElementType(rawValue: "|" + descriptor.dropFirst())
    else { return nil }
    self = type
  }
}
