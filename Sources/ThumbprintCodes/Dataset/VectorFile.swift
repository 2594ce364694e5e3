/// Codes from a `.bvecs` file, the format of the BIGANN benchmark: each vector is its dimension, a
/// little-endian 32-bit integer, and then that many bytes.
///
/// Source: <http://corpus-texmex.irisa.fr>.
enum VectorFile {
  private static let strideByteCount = 4 + FeatureCode.byteCount

  /// The codes of a file, all of whose vectors must have ``FeatureCode/byteCount`` bytes.
  ///
  /// - Complexity: Looks at the dimension of every vector, so it reads the file once.
  static func codes(in file: MappedFile) throws(CodedDatasetError) -> ByteRows {
    let bytes = file.bytes
    let count = bytes.count / strideByteCount
    for vector in 0..<count { try checkDimension(of: vector, in: file) }
    let rest = bytes.count % strideByteCount
    if rest > 0 {
      // A wrong dimension says more than the length that it leads to.
      if rest >= 4 { try checkDimension(of: count, in: file) }
      throw CodedDatasetError(
        .truncated, path: file.path,
        "vector \(count) is cut short: expected \(strideByteCount) bytes, found \(rest)")
    }
    return ByteRows(
      base: bytes.baseAddress.map { $0 + 4 }, count: count, rowByteCount: FeatureCode.byteCount,
      strideByteCount: strideByteCount)
  }

  private static func checkDimension(
    of vector: Int, in file: MappedFile
  ) throws(CodedDatasetError) {
    let dimension = Int32(
      littleEndian: file.bytes.loadUnaligned(
        fromByteOffset: vector * strideByteCount, as: Int32.self))
    guard dimension == FeatureCode.byteCount else {
      throw CodedDatasetError(
        .shapeMismatch, path: file.path,
        "vector \(vector) has dimension \(dimension), expected \(FeatureCode.byteCount): "
          + "one feature code of \(FeatureCode.bitCount) bits")
    }
  }
}
