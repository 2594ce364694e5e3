/// One tensor of a safetensors file.
public struct SafetensorsEntry: Sendable, Equatable {
  /// The element types of the format.
  public enum ElementType: String, Sendable {
    case bool = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case float8E5M2 = "F8_E5M2"
    case float8E4M3 = "F8_E4M3"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// Bytes of one element.
    public var byteCount: Int {
      switch self {
      case .bool, .uint8, .int8, .float8E5M2, .float8E4M3: 1
      case .int16, .uint16, .float16, .bfloat16: 2
      case .int32, .uint32, .float32: 4
      case .float64, .int64, .uint64: 8
      }
    }
  }

  public let name: String
  public let type: ElementType
  public let shape: [Int]
  /// Where the elements lie, counted from the end of the header.
  public let byteRange: Range<Int>
}

/// A weight file in the safetensors format, mapped into memory and checked at opening.
///
/// Format: the length of the header (8 bytes, little-endian), the header (JSON), the elements
/// (little-endian, row-major). Source: github.com/huggingface/safetensors, README, "Format". As the
/// reference does, refuses a file whose tensors overlap, leave gaps, or do not end with the file.
public final class SafetensorsFile: Sendable {
  /// The longest header that is read: 16 MiB, room for a hundred thousand tensors.
  public static let headerByteCountMax = 16 << 20

  public let path: String
  /// The tensors in the order of their bytes.
  public let entries: [SafetensorsEntry]
  /// The strings of the header's `__metadata__`.
  public let metadata: [String: String]

  private let mapping: FileMapping
  private let dataOffset: Int
  private let indices: [String: Int]

  /// Opens and checks a file; reads no elements.
  ///
  /// - Throws: ``NetsError/Code/io`` or ``NetsError/Code/malformedFile``, naming the path.
  public init(path: String) throws(NetsError) {
    mapping = try FileMapping(path: path)
    self.path = path
    do throws(NetsError) {
      let bytes = mapping.bytes
      guard bytes.count >= 8 else {
        throw NetsError(
          .malformedFile, "\(bytes.count) bytes are too few for the length of a header")
      }
      let claimed = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      guard claimed <= Self.headerByteCountMax else {
        throw NetsError(
          .malformedFile,
          "a header of \(claimed) bytes is above the bound of \(Self.headerByteCountMax)")
      }
      guard claimed <= bytes.count - 8 else {
        throw NetsError(
          .malformedFile, "a header of \(claimed) bytes does not fit into \(bytes.count)")
      }
      dataOffset = 8 + Int(claimed)
      let header = try SafetensorsHeader(UnsafeRawBufferPointer(rebasing: bytes[8..<dataOffset]))
      metadata = header.metadata
      entries = header.entries.sorted {
        ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name)
          < ($1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name)
      }
      try Self.checkCover(entries, byteCount: bytes.count - dataOffset)
    } catch {
      throw NetsError(error.code, error.message, path: path)
    }
    indices = Dictionary(
      uniqueKeysWithValues: entries.enumerated().map { ($0.element.name, $0.offset) })
  }

  /// Throws unless the entries, in order, cover the elements' bytes without overlap or gap.
  private static func checkCover(
    _ entries: [SafetensorsEntry], byteCount: Int
  ) throws(NetsError) {
    var end = 0
    for entry in entries {
      let start = entry.byteRange.lowerBound
      guard start == end else {
        throw NetsError(
          .malformedFile,
          "'\(clipped(entry.name))' begins at byte \(start) of the data, "
            + (start < end ? "inside the tensor before it" : "after a gap")
            + ", instead of at \(end)")
      }
      end = entry.byteRange.upperBound
      guard end <= byteCount else {
        throw NetsError(
          .malformedFile,
          "'\(clipped(entry.name))' ends at byte \(end) of the data, which has \(byteCount)")
      }
    }
    guard end == byteCount else {
      throw NetsError(.malformedFile, "\(byteCount - end) bytes follow the last tensor")
    }
  }

  /// The entry of that name, or `nil`.
  public func entry(_ name: String) -> SafetensorsEntry? {
    indices[name].map { entries[$0] }
  }

  /// Reads a tensor as 32-bit floats; 16-bit and 64-bit floats are converted.
  ///
  /// - Parameter shape: The shape it must have, or `nil` for any.
  /// - Throws: ``NetsError/Code/missingTensor``, ``NetsError/Code/wrongShape``,
  ///   ``NetsError/Code/wrongType``, naming tensor and path.
  public func tensor(_ name: String, shape: [Int]? = nil) throws(NetsError) -> Tensor {
    guard let entry = entry(name) else {
      throw NetsError(.missingTensor, "there is no tensor '\(clipped(name))'", path: path)
    }
    try check(entry, shape: shape ?? entry.shape)
    var tensor = Tensor(shape: entry.shape)
    try copy(entry, into: &tensor.values, at: 0)
    return tensor
  }

  /// Reads a tensor of the given shape into an array that has room for it from `start`.
  func read(
    _ name: String, shape: [Int], into values: inout [Float], at start: Int
  ) throws(NetsError) {
    guard let entry = entry(name) else {
      throw NetsError(.missingTensor, "there is no tensor '\(clipped(name))'", path: path)
    }
    try check(entry, shape: shape)
    try copy(entry, into: &values, at: start)
  }

  private func check(_ entry: SafetensorsEntry, shape: [Int]) throws(NetsError) {
    guard entry.shape == shape else {
      throw NetsError(
        .wrongShape,
        "'\(clipped(entry.name))' has the shape \(entry.shape), where \(shape) is needed",
        path: path)
    }
    switch entry.type {
    case .float32, .float64, .float16, .bfloat16: return
    default:
      throw NetsError(
        .wrongType,
        "'\(clipped(entry.name))' has elements of type \(entry.type.rawValue), where F32, F64, "
          + "F16 or BF16 is needed", path: path)
    }
  }

  private func copy(
    _ entry: SafetensorsEntry, into values: inout [Float], at start: Int
  ) throws(NetsError) {
    try mapping.checkSize()
    let first = dataOffset + entry.byteRange.lowerBound
    let source = UnsafeRawBufferPointer(
      rebasing: mapping.bytes[first..<first + entry.byteRange.count])
    let count = source.count / entry.type.byteCount
    values.withUnsafeMutableBufferPointer { values in
      let target = UnsafeMutableBufferPointer(rebasing: values[start..<start + count])
      switch entry.type {
      case .float64:
        for i in 0..<count {
          let bits = source.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self)
          target[i] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
        }
      case .float16:
        for i in 0..<count {
          let bits = source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
          target[i] = float(half: UInt16(littleEndian: bits))
        }
      case .bfloat16:
        for i in 0..<count {
          let bits = source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
          target[i] = Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16)
        }
      default:
        for i in 0..<count {
          let bits = source.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)
          target[i] = Float(bitPattern: UInt32(littleEndian: bits))
        }
      }
    }
  }
}

/// The value of an IEEE 754 half-precision number.
package func float(half bits: UInt16) -> Float {
  let sign: Float = bits & 0x8000 == 0 ? 1 : -1
  let exponent = Int(bits >> 10 & 0x1F)
  let fraction = Float(bits & 0x3FF)
  switch exponent {
  case 0: return sign * fraction * 0x1p-24
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default:
    let scale = Float(bitPattern: UInt32(exponent - 15 + 127) << 23)
    return sign * scale * (1 + fraction * 0x1p-10)
  }
}
