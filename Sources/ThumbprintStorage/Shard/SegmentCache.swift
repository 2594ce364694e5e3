import Synchronization
import ThumbprintIndex

/// What views of one shard share: the parts of segments in fast memory, and which values were
/// found intact. Block and segment numbers are never used twice, so nothing here goes stale.
final class SegmentCache: Sendable {
  private struct State {
    var residents: [UInt64: SegmentResident] = [:]
    /// Blocks whose ids, and whose sketches, were verified; segments whose places were.
    var idBlocks: Set<UInt64> = []
    var sketchBlocks: Set<UInt64> = []
    var placeSegments: Set<UInt64> = []
  }

  private let state = Mutex(State())

  /// Verifies what look-ups depend on, each value the first time that it is seen: 20 bytes a row.
  func verifyForLookups(_ blocks: [BlockView], _ segments: [SegmentView]) throws {
    let (idBlocks, placeSegments) = state.withLock { ($0.idBlocks, $0.placeSegments) }
    let newBlocks = blocks.filter { !idBlocks.contains($0.number) }
    let newSegments = segments.filter { !placeSegments.contains($0.descriptor.number) }
    for block in newBlocks { try block.verify([.ids]) }
    for segment in newSegments { try segment.verify([.placeIDs, .placeRows]) }
    if newBlocks.isEmpty && newSegments.isEmpty { return }
    let blockNumbers = newBlocks.map(\.number)
    let segmentNumbers = newSegments.map(\.descriptor.number)
    state.withLock { state in
      state.idBlocks.formUnion(blockNumbers)
      state.placeSegments.formUnion(segmentNumbers)
    }
  }

  /// Opens a segment for searching. What is kept in fast memory is made, and what it is made
  /// of verified, the first time that the segment is seen.
  func segment(_ view: SegmentView, in shard: ShardView) throws -> Segment {
    let number = view.descriptor.number
    let resident = state.withLock { $0.residents[number] }
    let blocks = try verifiedForSearch(shard.blocks[view.blockRange])
    do {
      let segment = try Segment(
        blocks: blocks.map(\.columns), permutation: shard.permutation, resident: resident
      ) { view.pieces[$0] }
      if resident == nil {
        state.withLock { [resident = segment.resident] in $0.residents[number] = resident }
      }
      return segment
    } catch let error as SegmentError {
      throw FormatError(
        "piece \(error.piece.rawValue) of segment \(number)", expected: "an index of its rows",
        found: error.message)
    }
  }

  /// The blocks, their sketches verified the first time that they are seen.
  func verifiedForSearch(_ blocks: ArraySlice<BlockView>) throws -> ArraySlice<BlockView> {
    let known = state.withLock { $0.sketchBlocks }
    let new = blocks.filter { !known.contains($0.number) }
    for block in new { try block.verify([.sketches, .seconds]) }
    if !new.isEmpty {
      let numbers = new.map(\.number)
      state.withLock { $0.sketchBlocks.formUnion(numbers) }
    }
    return blocks
  }

  /// Forgets what belongs to no value of `view`.
  func prune(to view: ShardView) {
    let segments = Set(view.segments.map(\.descriptor.number))
    let blocks = Set(view.blocks.map(\.number))
    state.withLock { state in
      state.residents = state.residents.filter { segments.contains($0.key) }
      state.placeSegments.formIntersection(segments)
      state.idBlocks.formIntersection(blocks)
      state.sketchBlocks.formIntersection(blocks)
    }
  }
}
