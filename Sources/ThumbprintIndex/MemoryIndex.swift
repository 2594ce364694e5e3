import CHamming
import ThumbprintCodes

/// A segment over an array of codes, held in the memory of this process.
///
/// For libraries, tests and measurements; a shard keeps the same columns and pieces in its file.
public final class MemoryIndex: Sendable {
  /// What the snapshot reads.
  private final class Memory: Sendable {
    let columns: RawMemory
    let pieces: [SegmentPieceKey: RawMemory]

    init(columns: RawMemory, pieces: [SegmentPieceKey: RawMemory]) {
      self.columns = columns
      self.pieces = pieces
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
    let columns = RawMemory(byteCount: CodeColumns.rowByteCount * count)
    nonisolated(unsafe) let features = features
    nonisolated(unsafe) let images = images
    let step = 4096
    try Parallel.perform((count + step - 1) / step, threadCount: threadCount) { part in
      var code = FeatureCode()
      let zero = ImageCode()
      for row in part * step..<min(count, (part + 1) * step) {
        code.withUnsafeMutableBytes { target in
          permutation.permute(features + FeatureCode.byteCount * row, to: target.baseAddress!)
          zero.withUnsafeBytes { zero in
            CodeColumns.write(
              permutedCode: target.baseAddress!,
              image: images.map { $0 + ImageCode.byteCount * row } ?? zero.baseAddress!,
              id: ids?[row] ?? ItemID(UInt64(row)), atRow: row, ofRows: count,
              in: columns.base)
          }
        }
      }
    }
    let block = CodeColumns(rowCount: count, contiguous: columns.base)
    var pieces: [SegmentPieceKey: RawMemory] = [:]
    let builder = SegmentIndexBuilder(
      blocks: [block], permutation: permutation, profile: profile)
    try builder.build(threadCount: threadCount) { key, bytes in
      let memory = RawMemory(byteCount: bytes.count)
      memory.base.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      pieces[key] = memory
    }
    let segment = try Segment(blocks: [block], permutation: permutation) { key in
      pieces[key].map { UnsafeRawBufferPointer(start: $0.base, count: $0.byteCount) }
    }
    indexByteCount = pieces.values.reduce(0) { $0 + $1.byteCount }
    snapshot = IndexSnapshot(
      segments: [segment], recent: [], permutation: permutation,
      owner: Memory(columns: columns, pieces: pieces))
  }
}
