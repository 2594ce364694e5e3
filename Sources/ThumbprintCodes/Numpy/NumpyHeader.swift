/// What the front of an `.npy` file says: element type, order, shape, and where the data starts.
///
/// Source: "A simple file format for NumPy arrays" (NEP 1) and `numpy/lib/_format_impl.py`.
package struct NumpyHeader: Hashable, Sendable {
  /// The bytes that every file starts with.
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// The most bytes of the dictionary in the header, padding included.
  package static let dictionaryByteCountMax = 64 * 1024
  /// The most dimensions, as in NumPy 2.
  package static let dimensionCountMax = 64

  /// The major format version, `1...3`; the minor one is 0.
  package var version: UInt8
  /// The element type as the file names it.
  package var descriptor: String
  package var isFortranOrder: Bool
  package var shape: [Int]
  /// Bytes before the data.
  package var byteCount: Int

  /// Why bytes are not a header that is read.
  package struct Fault: Error, Hashable, Sendable {
    package let code: CodedDatasetError.Code
    package let message: String
  }

  /// Reads the header at the front of a file.
  ///
  /// Looks at no more than ``dictionaryByteCountMax`` bytes and a dozen, whatever they claim.
  package init(parsing file: UnsafeRawBufferPointer) throws(Fault) {
    if file.isEmpty {
      throw Fault(code: .truncated, message: "expected an .npy file, found an empty one")
    }
    guard file.prefix(6).elementsEqual(Self.magic.prefix(file.count)) else {
      throw Fault(
        code: .malformed,
        message: "expected an .npy file, which starts with \\x93NUMPY, found other bytes")
    }
    guard file.count >= 10 else { throw Self.cutShort(file.count, of: 10) }
    version = file[6]
    let minor = file[7]
    guard (1...3).contains(version), minor == 0 else {
      throw Fault(
        code: .unsupportedVersion,
        message: "expected .npy format version 1.0, 2.0 or 3.0, found \(version).\(minor)")
    }
    let dictionaryByteCount: Int
    let start: Int
    if version == 1 {
      start = 10
      dictionaryByteCount = Int(
        UInt16(littleEndian: file.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
    } else {
      start = 12
      guard file.count >= start else { throw Self.cutShort(file.count, of: start) }
      dictionaryByteCount = Int(
        UInt32(littleEndian: file.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    }
    guard dictionaryByteCount <= Self.dictionaryByteCountMax else {
      throw Fault(
        code: .tooLarge,
        message: "expected a header of at most \(Self.dictionaryByteCountMax) bytes, "
          + "found a length of \(dictionaryByteCount)")
    }
    byteCount = start + dictionaryByteCount
    guard file.count >= byteCount else { throw Self.cutShort(file.count, of: byteCount) }
    var parser = NumpyDictionaryParser(
      bytes: UnsafeRawBufferPointer(rebasing: file[start..<byteCount]))
    (descriptor, isFortranOrder, shape) = try parser.dictionary()
  }

  private static func cutShort(_ found: Int, of expected: Int) -> Fault {
    Fault(
      code: .truncated,
      message: "expected a header of \(expected) bytes, found the end after \(found)")
  }

  /// The header that NumPy 2 writes before an array of `shape` in C order, byte for byte.
  ///
  /// It has the same length whatever the first dimension, since room is left for 21 digits: so it
  /// can be written before the rows are counted, and again afterwards.
  static func bytes(elementType: NumpyElementType, shape: [Int]) -> [UInt8] {
    precondition(
      shape.count <= dimensionCountMax && shape.allSatisfy { $0 >= 0 },
      "no array has shape \(shape)")
    let dimensions = shape.map { String($0) }
    let tuple =
      dimensions.count == 1 ? "(\(dimensions[0]),)" : "(\(dimensions.joined(separator: ", ")))"
    var text = "{'descr': '\(elementType.rawValue)', 'fortran_order': False, 'shape': \(tuple), }"
    if let first = dimensions.first { text += String(repeating: " ", count: 21 - first.utf8.count) }
    // Data starts at a multiple of 64, so that it can be mapped with any alignment.
    let paddingByteCount = 64 - (10 + text.utf8.count + 1) % 64
    text += String(repeating: " ", count: paddingByteCount) + "\n"
    let length = withUnsafeBytes(of: UInt16(text.utf8.count).littleEndian) { Array($0) }
    return magic + [1, 0] + length + text.utf8
  }
}
