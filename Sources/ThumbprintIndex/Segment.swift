import ThumbprintCodes

/// What is wrong with stored bytes of an index.
public struct SegmentError: Error, Hashable, Sendable {
  /// The piece that is missing or damaged.
  public var piece: SegmentPieceKey
  public var message: String

  public init(piece: SegmentPieceKey, message: String) {
    self.piece = piece
    self.message = message
  }
}

/// The parts of a segment that are kept in fast memory: sketches and table directories, about
/// 100 bytes a row. Depends on the rows and pieces of a segment alone, not on which rows are
/// deleted, so views of the same segment share it.
public final class SegmentResident: Sendable {
  init() {}
}

/// An immutable, indexed run of rows, ready to be searched.
///
/// Borrows the memory of its blocks and pieces: whoever makes a segment promises that they stay
/// in place and unchanged while it is used.
public final class Segment: Sendable {
  public let blocks: [CodeColumns]
  public let resident: SegmentResident

  /// Opens a segment.
  ///
  /// - Parameters:
  ///   - blocks: The rows given to the builder, in the same order; deletions may have changed.
  ///   - resident: Of an earlier view of the same segment; made anew from `blocks` when `nil`,
  ///     which reads the sketches (64 bytes a row) and table directories once.
  ///   - piece: The bytes of a piece, `nil` if there is none. Bytes are checked before they are
  ///     trusted: no content of a piece makes a search read out of bounds.
  /// - Throws: ``SegmentError``.
  public init(
    blocks: [CodeColumns], permutation: BitPermutation, resident: SegmentResident? = nil,
    piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?
  ) throws {
    self.blocks = blocks
    self.resident = resident ?? SegmentResident()
  }

  public var rowCount: Int { blocks.reduce(0) { $0 + $1.rowCount } }
}
