import ThumbprintIndex

/// What a shard of so many records is expected to be once they have been written and none deleted:
/// its bytes by the arithmetic of the formats, its parts by the rules of ``MaintenanceLimits``.
///
/// Rows are taken for unrelated. Where a segment is laid out in clusters instead, it has 4 more
/// bytes a row in the file, and 72 in fast memory.
package struct ShardForecast: Sendable, Hashable {
  /// Rows of the segments that most rows of a large shard are in.
  package static let segmentRowCount = MaintenanceLimits.standard.bulkRowCount

  package let recordCount: Double
  /// Rows that wait for an index when a query comes: as many as may, where there are so many. Bytes
  /// count an index of them, too, for it will be there.
  package let recentRowCount: Double
  package let segmentCount: Double
  /// Codes, ids, names and tags.
  package let recordByteCount: Double
  /// The stored index.
  package let indexByteCount: Double
  /// Fast memory beside the pages of the file.
  package let residentByteCount: Double

  package var sealedRowCount: Double { recordCount - recentRowCount }
  /// Of what is live in the file.
  package var fileByteCount: Double { recordByteCount + indexByteCount }

  /// The most bytes that a replica keeps for others that follow its log.
  package static let logByteCountMax = Double(LogRetention.standard.retiredByteCountMax)
  /// The most bytes of a shard: what LMDB maps of one file.
  package static let byteCountMax = Double(LMDBEnvironment.mapByteCountMax)
  /// Bytes that a file needs beside what is live, in shares of that: deleted and replaced records
  /// keep their room until ``MaintenanceLimits/deadShareMax`` of a segment is dead, and a merge
  /// writes the new segment before it gives up the old ones.
  package static let spareShare = 0.5

  /// - Parameters:
  ///   - recordCount: Need not be whole, for shards are as large as each other only on average.
  ///   - textByteCount: Of name and tags of a record, on average.
  package init(recordCount: Double, textByteCount: Int, profile: IndexProfile) {
    let limits = MaintenanceLimits.standard
    let recent = min(recordCount, Double(limits.recentRowCountMax))
    let sealed = recordCount - recent
    self.recordCount = recordCount
    recentRowCount = recent
    let small = min(
      Self.unmergedCount(limits), (sealed / Double(limits.recentRowCountMax)).rounded(.up))
    segmentCount = small + sealed / Double(limits.bulkRowCount)

    let block = BlockHeader.rowCountMax
    let texts = 2 * (TextLayout.byteCount + 4 * (block + 1)) + textByteCount * block
    recordByteCount =
      recordCount * Double(BlockHeader.valueByteCount(rowCount: block) + texts) / Double(block)
    let footprint = SegmentFootprint(rowCount: Self.segmentRowCount, profile: profile)
    let rows = Double(Self.segmentRowCount)
    // Beside the pieces of the index: the ids in order, and where their rows are.
    let places = Double(MemoryLayout<UInt64>.size + MemoryLayout<UInt32>.size)
    indexByteCount = recordCount * (Double(footprint.pieceByteCount) / rows + places)
    residentByteCount = recordCount * Double(footprint.residentByteCount) / rows
  }

  /// Segments that stand unmerged beside the largest, on average: half of the most of every size.
  private static func unmergedCount(_ limits: MaintenanceLimits) -> Double {
    var sizes = 0
    var rowCount = limits.recentRowCountMax
    while rowCount < limits.bulkRowCount {
      sizes += 1
      rowCount *= limits.mergedSegmentCount
    }
    return Double(sizes * (limits.mergedSegmentCount - 1)) / 2
  }
}
