import ThumbprintIndex

/// A stored segment: which blocks of a view it covers, and its pieces, read in place.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
struct SegmentView: @unchecked Sendable {
  let descriptor: SegmentDescriptor
  /// Where its blocks stand in ``ShardView/blocks``.
  let blockRange: Range<Int>
  /// The number of the first row of each block.
  let rowStarts: [Int]
  let pieces: [SegmentPieceKey: UnsafeRawBufferPointer]
  let placeIDs: SortedIDs
  private let placeRows: UnsafeRawPointer

  init(
    descriptor: SegmentDescriptor, blockRange: Range<Int>,
    pieces: [SegmentPieceKey: UnsafeRawBufferPointer]
  ) throws {
    self.descriptor = descriptor
    self.blockRange = blockRange
    self.pieces = pieces
    var starts: [Int] = []
    var next = 0
    for block in descriptor.blocks {
      starts.append(next)
      next += block.rowCount
    }
    rowStarts = starts
    guard let ids = pieces[.placeIDs], let rows = pieces[.placeRows],
      ids.count % 8 == 0, rows.count == ids.count / 2, ids.count / 8 <= next,
      let idStart = ids.baseAddress, let rowStart = rows.baseAddress
    else {
      throw FormatError(
        "segment \(descriptor.number)", expected: "the places of its rows", found: "none")
    }
    placeIDs = SortedIDs(start: idStart, count: ids.count / 8)
    placeRows = rowStart
  }

  /// - Throws: ``FormatError`` naming the first of `checked` whose checksum is another.
  func verify(_ checked: Set<SegmentPieceKey>? = nil) throws {
    for piece in descriptor.pieces where checked?.contains(piece.key) ?? true {
      let found = pieces[piece.key].map { Checksum.of($0) }
      guard found == piece.checksum else {
        throw FormatError(
          "piece \(piece.key.rawValue) of segment \(descriptor.number)",
          expected: "checksum \(hexadecimal(piece.checksum))",
          found: found.map(hexadecimal) ?? "none")
      }
    }
  }

  /// The block, counted in the view, and the row in it, of an entry of ``placeIDs``.
  func place(_ entry: Int) throws -> Place {
    let row = Int(
      UInt32(littleEndian: placeRows.loadUnaligned(fromByteOffset: 4 * entry, as: UInt32.self)))
    guard row < descriptor.rowCount else {
      throw FormatError(
        "the places of segment \(descriptor.number)",
        expected: "a row below \(descriptor.rowCount)", found: row)
    }
    var low = 0
    var high = rowStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if rowStarts[middle] <= row { low = middle } else { high = middle }
    }
    return Place(block: blockRange.lowerBound + low, row: row - rowStarts[low])
  }
}

/// Where a row is in a ``ShardView``.
struct Place: Sendable, Hashable {
  /// Counted in ``ShardView/blocks``.
  var block: Int
  var row: Int
}
