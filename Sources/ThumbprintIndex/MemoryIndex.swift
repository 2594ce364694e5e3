import CHamming
import ThumbprintCodes

/// A segment over an array of codes, held in the memory of this process.
///
/// For libraries, tests and measurements; a shard keeps the same columns and pieces in its file.
public final class MemoryIndex: Sendable {
  /// What the snapshot reads.
  private final class Memory: Sendable {
    let parts: [RawMemory]

    init(parts: [RawMemory]) {
      self.parts = parts
    }
  }

  /// Keeps the memory that it reads, also when this index is gone.
  public let snapshot: IndexSnapshot
  /// Bytes of the pieces: the index beyond the codes.
  public let indexByteCount: Int

  /// Permutes the codes and builds the index.
  ///
  /// - Parameters:
  ///   - features: `count × 512` bytes, row-major; read during the call only.
  ///   - count: `1...IndexProfile.rowCountMax`.
  ///   - images: `count × 64` bytes, or `nil` for zeros.
  ///   - ids: One for every row, or `nil` for row numbers.
  ///   - seed: Of the permutation; random if `nil`.
  public init(
    features: UnsafeRawPointer, count: Int, images: UnsafeRawPointer? = nil, ids: [ItemID]? = nil,
    profile: IndexProfile = .standard, seed: UInt64? = nil, threadCount: Int = 1
  ) throws {
    precondition(ids == nil || ids!.count == count, "\(ids!.count) ids for \(count) rows")
    let permutation = BitPermutation(seed: seed ?? .random(in: 0...(.max)))
    let columns = try Self.columns(
      features: features, count: count, images: images, ids: ids, permutation: permutation,
      threadCount: threadCount)
    let block = CodeColumns(rowCount: count, contiguous: columns.base)
    var pieces: [SegmentPieceKey: UnsafeRawBufferPointer] = [:]
    var others: [RawMemory] = []
    let builder = SegmentIndexBuilder(
      blocks: [block], permutation: permutation, profile: profile)
    // Tables stay where they were built; every other piece is copied.
    var tables: [RawMemory] = []
    let memory: (Int) -> UnsafeMutableRawPointer = {
      tables.append(RawMemory(byteCount: $0))
      return tables.last!.base
    }
    try builder.build(threadCount: threadCount, tableMemory: memory) { key, bytes in
      guard !key.isTable else {
        pieces[key] = bytes
        return
      }
      let copy = RawMemory(byteCount: bytes.count)
      copy.base.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      others.append(copy)
      pieces[key] = UnsafeRawBufferPointer(start: copy.base, count: bytes.count)
    }
    let segment = try Segment(blocks: [block], permutation: permutation) { pieces[$0] }
    indexByteCount = pieces.values.reduce(0) { $0 + $1.count }
    snapshot = IndexSnapshot(
      segments: [segment], recent: [], permutation: permutation,
      owner: Memory(parts: [columns] + tables + others))
  }
  /// The columns of all rows in one piece of memory.
  private static func columns(
    features: UnsafeRawPointer, count: Int, images: UnsafeRawPointer?, ids: [ItemID]?,
    permutation: BitPermutation, threadCount: Int
  ) throws -> RawMemory {
    let columns = RawMemory(byteCount: CodeColumns.rowByteCount * count)
    nonisolated(unsafe) let features = features
    nonisolated(unsafe) let images = images
    let group = BitPermutation.groupCount
    let step = 64 * group
    try Parallel.perform((count + step - 1) / step, threadCount: threadCount) { part in
      let codes = RawMemory(byteCount: FeatureCode.byteCount * group)
      for low in stride(from: part * step, to: min(count, (part + 1) * step), by: group) {
        let rows = low..<min(count, low + group)
        let source = features + FeatureCode.byteCount * low
        if rows.count == group {
          permutation.permuteGroup(source, to: codes.base)
        } else {
          for i in 0..<rows.count {
            permutation.permute(
              source + FeatureCode.byteCount * i, to: codes.base + FeatureCode.byteCount * i)
          }
        }
        for row in rows {
          // Memory is zero as it comes: without images, that of theirs is never touched.
          CodeColumns.write(
            permutedCode: codes.base + FeatureCode.byteCount * (row - low),
            image: images.map { $0 + ImageCode.byteCount * row },
            id: ids?[row] ?? ItemID(UInt64(row)), atRow: row, ofRows: count, in: columns.base)
        }
      }
    }
    return columns
  }
}
