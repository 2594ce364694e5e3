import CHamming
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
/// 120 bytes a row, and 64 more where rows are laid out in clusters. Depends on the rows and pieces of a segment alone, not on which rows are
/// deleted, so views of the same segment share it.
public final class SegmentResident: Sendable {
  let header: SegmentHeader
  /// Columns in the order of positions: bytes 0..<16 and 0..<32 of every code, and 32..<64.
  let halfSketches: RawMemory
  let sketches: RawMemory
  let seconds: RawMemory
  /// Bytes 64..<128, where positions are not rows: rows of a cluster are asked for together, and
  /// are scattered over the column of the rows.
  let thirds: RawMemory?
  /// The row at each position; `nil` where that is the position itself.
  let order: RawMemory?
  /// One directory after another, `bucketCount + 1` entries each.
  let directories: RawMemory?
  let clusters: Clusters?
  /// What the steps of a search take on these columns, on this machine.
  let costs: CostModel

  /// Centres, 64 bytes each, and the first position of every cluster and of the end.
  struct Clusters: Sendable {
    var centres: [UInt8]
    var starts: [UInt32]
    /// Rows in the largest cluster.
    let largestSize: Int
    var count: Int { starts.count - 1 }

    init(centres: [UInt8], starts: [UInt32]) {
      self.centres = centres
      self.starts = starts
      largestSize = zip(starts, starts.dropFirst()).reduce(0) { max($0, Int($1.1 - $1.0)) }
    }

    /// Positions of the rows of a cluster.
    func positions(_ cluster: Int) -> Range<Int> {
      Int(starts[cluster])..<Int(starts[cluster + 1])
    }
  }

  /// Bytes held in memory.
  public var byteCount: Int {
    [halfSketches, sketches, seconds, thirds, order, directories].compactMap { $0?.byteCount }
      .reduce(0, +) + (clusters.map { $0.centres.count + 4 * $0.starts.count } ?? 0)
  }

  init(
    rows: RowMap, permutation: BitPermutation,
    piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?
  ) throws {
    guard let bytes = try piece(.header) else {
      throw SegmentError(piece: .header, message: "there is no header")
    }
    header = try SegmentHeader(
      decoding: bytes, rowCount: rows.rowCount, permutation: permutation)
    order = try header.clusterCount == 0 ? nil : Self.order(piece, rowCount: rows.rowCount)
    clusters = try header.clusterCount == 0 ? nil : Self.clusters(piece, header: header)
    directories = try header.tableCount == 0 ? nil : Self.directories(piece, header: header)

    let count = rows.rowCount
    halfSketches = RawMemory(byteCount: 16 * count)
    sketches = RawMemory(byteCount: 32 * count)
    seconds = RawMemory(byteCount: 32 * count)
    thirds = order == nil ? nil : RawMemory(byteCount: 64 * count)
    let order = order?.base.assumingMemoryBound(to: UInt32.self)
    for position in 0..<count {
      let place = rows.place(ofRow: order.map { Int($0[position]) } ?? position)
      let block = rows.blocks[place.block]
      let sketch = block.sketches + 32 * place.row
      (halfSketches.base + 16 * position).copyMemory(from: sketch, byteCount: 16)
      (sketches.base + 32 * position).copyMemory(from: sketch, byteCount: 32)
      (seconds.base + 32 * position).copyMemory(
        from: block.seconds + 32 * place.row, byteCount: 32)
      thirds.map {
        ($0.base + 64 * position).copyMemory(
          from: block.rests + CodeColumns.restByteCount * place.row, byteCount: 64)
      }
    }
    costs = CostCalibration(
      usual: .usual, halves: halfSketches.base, sketches: sketches.base, seconds: seconds.base,
      rowCount: count
    ).measured()
  }

  private static func bytes(
    _ key: SegmentPieceKey, count: Int, _ piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?
  ) throws -> UnsafeRawBufferPointer {
    guard let bytes = try piece(key) else {
      throw SegmentError(piece: key, message: "the piece is missing")
    }
    guard bytes.count == count else {
      throw SegmentError(piece: key, message: "\(bytes.count) bytes instead of \(count)")
    }
    return bytes
  }

  private static func order(
    _ piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?, rowCount: Int
  ) throws -> RawMemory {
    let source = try bytes(.order, count: 4 * rowCount, piece)
    let memory = RawMemory(byteCount: 4 * rowCount)
    memory.base.copyMemory(from: source.baseAddress!, byteCount: 4 * rowCount)
    let values = memory.base.assumingMemoryBound(to: UInt32.self)
    var met = [UInt64](repeating: 0, count: (rowCount + 63) / 64)
    for position in 0..<rowCount {
      let row = Int(values[position])
      guard row < rowCount, met[row / 64] >> UInt64(row % 64) & 1 == 0 else {
        throw SegmentError(piece: .order, message: "not a permutation, at position \(position)")
      }
      met[row / 64] |= 1 << UInt64(row % 64)
    }
    return memory
  }

  private static func clusters(
    _ piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?, header: SegmentHeader
  ) throws -> Clusters {
    let count = header.clusterCount
    let centreBytes = ClusterOrder.centreByteCount * count
    let source = try bytes(.clusters, count: centreBytes + 4 * (count + 1), piece)
    let starts = (0...count).map {
      source.loadUnaligned(fromByteOffset: centreBytes + 4 * $0, as: UInt32.self)
    }
    guard starts.first == 0, starts.last == UInt32(header.rowCount),
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw SegmentError(piece: .clusters, message: "clusters do not follow one another") }
    return Clusters(centres: Array(source.prefix(centreBytes)), starts: starts)
  }

  private static func directories(
    _ piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?, header: SegmentHeader
  ) throws -> RawMemory {
    let entries = header.bucketCount + 1
    let memory = RawMemory(byteCount: 4 * entries * header.tableCount)
    for table in 0..<header.tableCount {
      let key = SegmentPieceKey.table(table)
      let source = try bytes(key, count: 4 * (entries + header.liveRowCount), piece)
      let target = memory.base + 4 * entries * table
      target.copyMemory(from: source.baseAddress!, byteCount: 4 * entries)
      let directory = target.assumingMemoryBound(to: UInt32.self)
      guard
        tp_ascending(directory, entries) != 0, directory[0] == 0,
        directory[entries - 1] == UInt32(header.liveRowCount)
      else { throw SegmentError(piece: key, message: "bucket starts do not ascend") }
    }
    return memory
  }
}

/// An immutable, indexed run of rows, ready to be searched.
///
/// Borrows the memory of its blocks and pieces: whoever makes a segment promises that they stay
/// in place and unchanged while it is used.
///
/// `@unchecked Sendable` is safe because the borrowed memory is only ever read.
public final class Segment: @unchecked Sendable {
  public var blocks: [CodeColumns] { rows.blocks }
  public let resident: SegmentResident
  let rows: RowMap
  let tables: [tp_table]
  /// By which the planner chooses a way; never what a certified or exact search answers.
  package let costs: CostModel

  /// Opens a segment.
  ///
  /// - Parameters:
  ///   - blocks: The rows given to the builder, in the same order; deletions may have changed.
  ///   - resident: Of an earlier view of the same segment; made anew from `blocks` when `nil`,
  ///     which reads the sketches (64 bytes a row) and table directories once.
  ///   - piece: The bytes of a piece, `nil` if there is none. Bytes are checked before they are
  ///     trusted: no content of a piece makes a search read out of bounds.
  /// - Throws: ``SegmentError``, and what `piece` throws.
  public init(
    blocks: [CodeColumns], permutation: BitPermutation, resident: SegmentResident? = nil,
    piece: (SegmentPieceKey) throws -> UnsafeRawBufferPointer?
  ) throws {
    rows = RowMap(blocks.filter { $0.rowCount > 0 })
    let resident =
      try resident ?? SegmentResident(rows: rows, permutation: permutation, piece: piece)
    precondition(
      resident.header.rowCount == rows.rowCount,
      "resident parts of \(resident.header.rowCount) rows for \(rows.rowCount)")
    self.resident = resident
    costs = resident.costs
    let header = resident.header
    let entries = header.bucketCount + 1
    tables = try (0..<header.tableCount).map { number in
      let key = SegmentPieceKey.table(number)
      guard let bytes = try piece(key), bytes.count == 4 * (entries + header.liveRowCount) else {
        throw SegmentError(piece: key, message: "the piece is missing or of another size")
      }
      return tp_table(
        directory: (resident.directories!.base + 4 * entries * number)
          .assumingMemoryBound(to: UInt32.self),
        postings: bytes.baseAddress! + 4 * entries)
    }
  }

  private init(_ other: Segment, costs: CostModel) {
    resident = other.resident
    rows = other.rows
    tables = other.tables
    self.costs = costs
  }

  /// The same segment, searched by plans made for other costs.
  package func priced(_ costs: CostModel) -> Segment {
    Segment(self, costs: costs)
  }

  public var rowCount: Int { rows.rowCount }
  var liveRowCount: Int { rows.liveRowCount }

  /// The row at a position.
  @inline(__always)
  func row(atPosition position: Int) -> Int {
    guard let order = resident.order else { return position }
    return Int(order.base.load(fromByteOffset: 4 * position, as: UInt32.self))
  }
}
