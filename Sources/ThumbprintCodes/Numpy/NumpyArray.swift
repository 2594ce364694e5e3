/// An array in an `.npy` file, read in place through a memory map.
///
/// Format versions 1.0, 2.0 and 3.0 with little-endian numbers in C order; the file must end where
/// the array ends. The file must not change while this object lives.
public final class NumpyArray: Sendable {
  public let path: String
  public let elementType: NumpyElementType
  /// The dimensions, outermost first; any of them may be 0.
  public let shape: [Int]
  /// The major version of the file's format, `1...3`.
  public let formatVersion: Int
  let file: MappedFile
  private let dataOffset: Int

  /// Opens an array.
  ///
  /// - Parameter access: How the elements will be read; advice to the system.
  /// - Throws: ``CodedDatasetError``, with what was expected and what was found, for everything
  ///   that is not such an array.
  /// - Complexity: Reads the header only.
  public init(path: String, access: FileAccess = .normal) throws(CodedDatasetError) {
    let file = try MappedFile(path: path, access: access)
    let header: NumpyHeader
    do {
      header = try NumpyHeader(parsing: file.bytes)
    } catch {
      throw CodedDatasetError(error.code, path: path, error.message)
    }
    self.path = path
    self.file = file
    elementType = try Self.elementType(header, path: path)
    guard !header.isFortranOrder else {
      throw CodedDatasetError(
        .orderMismatch, path: path, "expected C order (row after row), found Fortran order",
        hint: "save numpy.ascontiguousarray(a)")
    }
    guard let byteCount = Self.byteCount(shape: header.shape, of: elementType) else {
      throw CodedDatasetError(
        .tooLarge, path: path,
        "the shape \(Self.text(header.shape)) of \(elementType.name) has more bytes than can be "
          + "addressed")
    }
    let found = file.bytes.count - header.byteCount
    guard found >= byteCount else {
      throw CodedDatasetError(
        .truncated, path: path,
        "expected \(byteCount) bytes of data for shape \(Self.text(header.shape)) of "
          + "\(elementType.name), found \(found): the file is cut short")
    }
    guard found == byteCount else {
      throw CodedDatasetError(
        .trailingBytes, path: path,
        "expected \(byteCount) bytes of data for shape \(Self.text(header.shape)) of "
          + "\(elementType.name), found \(found - byteCount) more after them")
    }
    shape = header.shape
    formatVersion = Int(header.version)
    dataOffset = header.byteCount
  }

  /// Opens an array of known type and shape: ``init(path:access:)``, then ``require(_:shape:)``.
  public convenience init(
    path: String, access: FileAccess = .normal,
    expecting elementTypes: [NumpyElementType], shape: [Int?]
  ) throws(CodedDatasetError) {
    try self.init(path: path, access: access)
    try require(elementTypes, shape: shape)
  }

  /// Checks type and shape.
  ///
  /// - Parameters:
  ///   - elementTypes: The types that will do.
  ///   - expected: The dimensions; `nil` where any extent will do.
  /// - Throws: ``CodedDatasetError/Code/shapeMismatch`` or
  ///   ``CodedDatasetError/Code/elementTypeMismatch``.
  public func require(
    _ elementTypes: [NumpyElementType], shape expected: [Int?]
  ) throws(CodedDatasetError) {
    guard elementTypes.contains(elementType) else {
      let names = elementTypes.map(\.name)
      throw CodedDatasetError(
        .elementTypeMismatch, path: path,
        "expected elements of type \(names.joined(separator: " or ")), found \(elementType.name)",
        hint: names.first.map { "if no value changes by it, save a.astype(numpy.\($0))" })
    }
    let isMatch =
      shape.count == expected.count
      && zip(shape, expected).allSatisfy { $1 == nil || $0 == $1 }
    guard isMatch else {
      throw CodedDatasetError(
        .shapeMismatch, path: path,
        "expected shape \(Self.text(expected)), found \(Self.text(shape))")
    }
  }

  /// Calls `body` with the elements in C order, at no promised alignment.
  ///
  /// The memory is there until `body` returns; longer only for who keeps this object.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try file.withBytes { file throws(E) in
      try body(UnsafeRawBufferPointer(rebasing: file[dataOffset...]))
    }
  }

  /// Calls `body` with the array cut along its first dimension.
  ///
  /// The memory is there until `body` returns; longer only for who keeps this object.
  public func withUnsafeRows<R, E: Error>(_ body: (ByteRows) throws(E) -> R) throws(E) -> R {
    try withUnsafeBytes { bytes throws(E) in
      try body(ByteRows(base: bytes.baseAddress, count: rowCount, rowByteCount: rowByteCount))
    }
  }

  /// The extent of the first dimension; 1 for an array without dimensions.
  public var rowCount: Int { shape.first ?? 1 }

  /// Bytes of one row; 0 for rows of an array without elements that no memory could hold.
  private var rowByteCount: Int {
    Self.byteCount(shape: Array(shape.dropFirst()), of: elementType) ?? 0
  }

  /// Lets go of the memory of some rows until they are read again.
  func release(rows: Range<Int>) {
    file.release(
      dataOffset + rows.lowerBound * rowByteCount..<dataOffset + rows.upperBound * rowByteCount)
  }

  private static func elementType(
    _ header: NumpyHeader, path: String
  ) throws(CodedDatasetError) -> NumpyElementType {
    if let type = NumpyElementType(descriptor: header.descriptor) { return type }
    let swapped = header.descriptor.replacingPrefix(">", with: "<")
    if let swapped, let type = NumpyElementType(rawValue: swapped) {
      throw CodedDatasetError(
        .elementTypeMismatch, path: path,
        "expected little-endian elements, found '\(header.descriptor)', which is big-endian",
        hint: "save a.astype('\(type.rawValue)')")
    }
    throw CodedDatasetError(
      .elementTypeMismatch, path: path,
      "expected elements of a fixed-size number type, found '\(header.descriptor)'")
  }

  /// The bytes that an array takes, or `nil` if they cannot be counted.
  private static func byteCount(shape: [Int], of type: NumpyElementType) -> Int? {
    // First, so that a huge extent beside an empty one does not overflow.
    if shape.contains(0) { return 0 }
    var total = type.byteCount
    for extent in shape {
      let (product, overflow) = total.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      total = product
    }
    return total
  }

  private static func text(_ shape: [Int?]) -> String {
    let extents = shape.map { $0.map(String.init) ?? "n" }
    return extents.count == 1 ? "(\(extents[0]),)" : "(\(extents.joined(separator: ", ")))"
  }
}

extension String {
  fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String? {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : nil
  }
}
