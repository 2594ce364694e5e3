import CHamming
import Foundation
import ThumbprintCodes

/// Builds the stored index of a run of rows, piece by piece.
///
/// Each piece is a run of bytes to be kept by the caller and handed back, in place, to
/// ``Segment/init(blocks:permutation:resident:piece:)``. A piece is at most
/// `4 * (rowCount + 1) + 4 * 2^20` bytes.
public struct SegmentIndexBuilder: Sendable {
  private let rows: RowMap
  private let permutation: BitPermutation
  private let profile: IndexProfile

  /// Tables whose keys are drawn in one pass over the codes.
  private static let groupSize = 16
  /// A bucket that no table has: rows left out.
  private static let noBucket = UInt32.max

  /// - Parameter blocks: The rows, in the order that ``Segment`` will be given; together
  ///   `1...IndexProfile.rowCountMax` rows. Rows deleted already are left out of the tables.
  public init(blocks: [CodeColumns], permutation: BitPermutation, profile: IndexProfile) {
    precondition(
      IndexProfile.tableCounts.contains(profile.tableCount),
      "an index has \(IndexProfile.tableCounts) tables, not \(profile.tableCount)")
    rows = RowMap(blocks.filter { $0.rowCount > 0 })
    precondition(
      (1...IndexProfile.rowCountMax).contains(rows.rowCount),
      "a segment has 1 to \(IndexProfile.rowCountMax) rows, not \(rows.rowCount)")
    self.permutation = permutation
    self.profile = profile
  }

  /// Builds every piece and hands each to `emit` once, on the calling thread, in no set order.
  ///
  /// The bytes are valid during the call only. An error thrown by `emit` ends the build. The
  /// same rows, permutation and profile give the same bytes for any number of threads.
  /// Cost: about 3 CPU seconds and 200 MiB for a million rows and 128 tables.
  public func build(
    threadCount: Int, emit: (SegmentPieceKey, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    // One group of tables after another in the same memory.
    var memory: RawMemory?
    let tableMemory = { (byteCount: Int) -> UnsafeMutableRawPointer in
      if memory == nil { memory = RawMemory(byteCount: byteCount) }
      return memory!.base
    }
    try build(threadCount: threadCount, tableMemory: tableMemory, emit: emit)
    withExtendedLifetime(memory) {}
  }

  /// The same, with tables built in memory that `tableMemory` gives for a number of bytes, aligned
  /// to 64: the same number every time, once for each group of tables.
  func build(
    threadCount: Int, tableMemory: (Int) -> UnsafeMutableRawPointer,
    emit: (SegmentPieceKey, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let seed = permutation.seed ^ UInt64(rows.rowCount)
    let statistics = try SampleStatistics(rows: rows, seed: seed, threadCount: threadCount)
    var order: [UInt32] = []
    var clusters: ClusterOrder?
    var gaps: [[Int]] = []
    if ClusterOrder.isWorthwhile(statistics, rowCount: rows.rowCount) {
      let found = try ClusterOrder(rows: rows, seed: seed &+ 1, threadCount: threadCount)
      let positions = found.positions()
      order = positions.order
      gaps = found.gaps(statistics, rows: rows)
      try order.withUnsafeBytes { try emit(.order, $0) }
      var bytes = found.centres
      positions.starts.withUnsafeBytes { bytes.append(contentsOf: $0) }
      try bytes.withUnsafeBytes { try emit(.clusters, $0) }
      clusters = found
    }
    let tableCount = rows.rowCount >= IndexProfile.rowCountMin ? profile.tableCount : 0
    let header = SegmentHeader(
      rowCount: rows.rowCount, liveRowCount: liveRowCount, tableCount: tableCount,
      keyBitCount: SegmentHeader.keyBitCount(rowCount: rows.rowCount),
      permutationSeed: permutation.seed, clusterCount: clusters?.clusterCount ?? 0,
      statistics: statistics,
      calibration: RecallCalibration(statistics, clusterGaps: gaps, rows: rows))
    try buildTables(
      header, order: order, threadCount: threadCount, tableMemory: tableMemory, emit: emit)
    try header.encoded().withUnsafeBytes { try emit(.header, $0) }
  }

  private var liveRowCount: Int {
    rows.blocks.reduce(0) { sum, block in
      sum + (0..<block.rowCount).reduce(0) { $0 + (block.isDead(row: $1) ? 0 : 1) }
    }
  }

  private func buildTables(
    _ header: SegmentHeader, order: [UInt32], threadCount: Int,
    tableMemory: (Int) -> UnsafeMutableRawPointer,
    emit: (SegmentPieceKey, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let count = rows.rowCount
    let bucketCount = header.bucketCount
    let tableWords = bucketCount + 1 + header.liveRowCount
    guard header.tableCount > 0 else { return }
    let buckets = RawMemory(byteCount: 4 * count * Self.groupSize)
    let cursors = RawMemory(byteCount: 4 * bucketCount * Self.groupSize)
    for first in stride(from: 0, to: header.tableCount, by: Self.groupSize) {
      let step = 8192
      try Parallel.perform((count + step - 1) / step, threadCount: threadCount) { part in
        let range = part * step..<min(count, (part + 1) * step)
        drawBuckets(
          range, order: order, firstTable: first, keyBitCount: header.keyBitCount,
          to: buckets.base.assumingMemoryBound(to: UInt32.self))
      }
      nonisolated(unsafe) let tables = tableMemory(4 * tableWords * Self.groupSize)
      try Parallel.perform(Self.groupSize, threadCount: threadCount) { j in
        let directory = (tables + 4 * tableWords * j).assumingMemoryBound(to: UInt32.self)
        tp_sort_postings(
          (buckets.base + 4 * count * j).assumingMemoryBound(to: UInt32.self), count, bucketCount,
          directory, directory + bucketCount + 1,
          (cursors.base + 4 * bucketCount * j).assumingMemoryBound(to: UInt32.self))
      }
      for j in 0..<Self.groupSize {
        try emit(
          .table(first + j),
          UnsafeRawBufferPointer(start: tables + 4 * tableWords * j, count: 4 * tableWords))
      }
    }
  }

  /// Writes the buckets of the rows at the positions of `range` in `groupSize` tables.
  private func drawBuckets(
    _ range: Range<Int>, order: [UInt32], firstTable: Int, keyBitCount: Int,
    to buckets: UnsafeMutablePointer<UInt32>
  ) {
    let count = rows.rowCount
    // Keys may reach over the end of a column: rows are put together again first.
    withUnsafeTemporaryAllocation(byteCount: FeatureCode.byteCount + 8, alignment: 64) { code in
      for position in range {
        let place = rows.place(ofRow: order.isEmpty ? position : Int(order[position]))
        let block = rows.blocks[place.block]
        if block.isDead(row: place.row) {
          for j in 0..<Self.groupSize { buckets[count * j + position] = Self.noBucket }
          continue
        }
        block.copyPermutedCode(
          ofRow: place.row, to: code.baseAddress!,
          bytes: firstTable * keyBitCount
            / 8..<min(FeatureCode.byteCount, (firstTable + Self.groupSize) * keyBitCount / 8 + 4))
        tp_buckets(
          code.baseAddress!, firstTable, Self.groupSize, UInt32(keyBitCount), buckets + position,
          count)
      }
    }
  }
}
