import ThumbprintCodes

/// Finds the block of a row among blocks of any sizes that follow one another.
struct RowMap: Sendable {
  let blocks: [CodeColumns]
  /// The first row of each block, then the number of rows.
  let starts: [Int]
  /// Rows that are not deleted.
  let liveRowCount: Int
  /// The block of every 256th row: a row's block is that of its granule or one soon after.
  private let granules: [UInt32]
  private static let granuleShift = 8

  init(_ blocks: [CodeColumns]) {
    self.blocks = blocks
    var starts = [0]
    for block in blocks { starts.append(starts.last! + block.rowCount) }
    self.starts = starts
    var granules: [UInt32] = []
    var block = 0
    for row in stride(from: 0, to: starts.last!, by: 1 << Self.granuleShift) {
      while starts[block + 1] <= row { block += 1 }
      granules.append(UInt32(block))
    }
    self.granules = granules
    liveRowCount = blocks.reduce(0) { $0 + $1.liveRowCount }
  }

  var rowCount: Int { starts.last! }

  /// The number of the block of a row, and the row's number in it.
  @inline(__always)
  func place(ofRow row: Int) -> (block: Int, row: Int) {
    if starts.count == 2 { return (0, row) }
    var block = Int(granules[row >> Self.granuleShift])
    while starts[block + 1] <= row { block += 1 }
    return (block, row - starts[block])
  }

  func rest(ofRow row: Int) -> UnsafeRawPointer {
    let place = place(ofRow: row)
    return blocks[place.block].rests + CodeColumns.restByteCount * place.row
  }
}
