/// Writes an `.npy` file row by row, without knowing beforehand how many rows there will be.
///
/// The bytes equal those of `numpy.save` (NumPy 2). The file gets its name only when it is
/// complete and on the disk; until then, and if anything fails, what has the name stays.
/// One task at a time may use a writer.
public final class NumpyWriter {
  public let elementType: NumpyElementType
  /// The extents of one row; empty for an array of one dimension.
  public let rowShape: [Int]
  /// Rows given so far.
  public private(set) var rowCount = 0
  private let rowByteCount: Int
  private let output: OutputFile

  public var path: String { output.path }

  /// Starts an array of shape `(rows, …rowShape)` in a partial file beside `path`.
  ///
  /// - Parameter rowShape: At most 63 extents, all above 0.
  public init(
    path: String, elementType: NumpyElementType, rowShape: [Int] = []
  ) throws(CodedDatasetError) {
    precondition(
      rowShape.count < NumpyHeader.dimensionCountMax && rowShape.allSatisfy { $0 > 0 },
      "no rows have shape \(rowShape)")
    self.elementType = elementType
    self.rowShape = rowShape
    rowByteCount = rowShape.reduce(elementType.byteCount, *)
    output = try OutputFile(path: path)
    try output.append(header())
  }

  /// Appends whole rows.
  ///
  /// - Parameter rows: Elements in C order, little-endian; a multiple of the bytes of a row.
  /// - Throws: ``CodedDatasetError/Code/diskFull`` or ``CodedDatasetError/Code/io``; the partial
  ///   file is gone then, and every later call throws the same error.
  public func append(rows: UnsafeRawBufferPointer) throws(CodedDatasetError) {
    precondition(
      rows.count % rowByteCount == 0,
      "\(rows.count) bytes are no whole number of rows of \(rowByteCount)")
    try output.append(rows)
    rowCount += rows.count / rowByteCount
  }

  /// Completes the file and gives it its name, replacing a file that has it; durable on return.
  ///
  /// The writer must not be used afterwards.
  public func finish() throws(CodedDatasetError) {
    try finish(syncingFolder: true)
  }

  func finish(syncingFolder: Bool) throws(CodedDatasetError) {
    try output.replaceStart(with: header())
    try output.finish(syncingFolder: syncingFolder)
  }

  /// Removes what was written; for when the array is not wanted after all.
  public func abandon() {
    output.abandon()
  }

  private func header() -> [UInt8] {
    NumpyHeader.bytes(elementType: elementType, shape: [rowCount] + rowShape)
  }
}
