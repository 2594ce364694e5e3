/// Rows of equally many bytes in memory that something else owns and keeps.
///
/// Rows need not be aligned nor next to each other. Whoever hands them out says how long the memory
/// stays.
// Sendable: only a description of memory that nobody writes while the owner lives.
public struct ByteRows: @unchecked Sendable {
  /// The first row; `nil` only if there are no rows.
  public let base: UnsafeRawPointer?
  public let count: Int
  /// Bytes of a row.
  public let rowByteCount: Int
  /// Bytes from the start of one row to the start of the next, at least ``rowByteCount``.
  public let strideByteCount: Int

  /// Describes `count` rows from `base` on.
  public init(
    base: UnsafeRawPointer?, count: Int, rowByteCount: Int, strideByteCount: Int? = nil
  ) {
    let strideByteCount = strideByteCount ?? rowByteCount
    precondition(
      count >= 0 && rowByteCount >= 0 && strideByteCount >= rowByteCount
        && (count == 0 || base != nil),
      "\(count) rows of \(rowByteCount) bytes, \(strideByteCount) apart, at no place")
    self.base = base
    self.count = count
    self.rowByteCount = rowByteCount
    self.strideByteCount = strideByteCount
  }

  /// The first byte of a row, `0..<count`.
  public subscript(row: Int) -> UnsafeRawPointer {
    guard let base, row >= 0, row < count else {
      preconditionFailure("no row \(row) among \(count)")
    }
    return base + row * strideByteCount
  }

  /// The bytes of a row, `0..<count`.
  public func bytes(of row: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: self[row], count: rowByteCount)
  }

  /// All rows as one run of bytes, or `nil` if something lies between them.
  public var contiguousBytes: UnsafeRawBufferPointer? {
    guard strideByteCount == rowByteCount || count <= 1 else { return nil }
    return UnsafeRawBufferPointer(start: base, count: count * rowByteCount)
  }
}
