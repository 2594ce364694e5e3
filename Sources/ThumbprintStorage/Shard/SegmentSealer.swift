import Dispatch
import Foundation
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// Builds segments: off to the side from a view, stored in transactions of bounded size, and
/// made part of the shard by the last of them. What an interruption leaves is swept later.
///
/// Used only while ``Maintenance/running(_:)`` keeps other such work out; writers go on.
struct SegmentSealer {
  private let shard: Shard

  init(_ shard: Shard) {
    self.shard = shard
  }

  /// Makes recent blocks a segment. Their rows stay where they are.
  func seal(_ blocks: ArraySlice<BlockView>) throws {
    let view = try shard.view()
    defer { withExtendedLifetime(view) {} }
    let numbers = Set(blocks.map(\.number))
    let descriptor = try build(view.recent.filter { numbers.contains($0.number) }, view: view)
    try shard.transact { changes, transaction in
      for block in descriptor.blocks {
        try changes.removeRecent(block.number, in: transaction)
      }
      try changes.put(descriptor, in: transaction)
    }
  }

  /// Makes one segment of several. Rows stay where they are; the tables are built anew.
  func merge(_ segments: [SegmentView]) throws {
    let view = try shard.view()
    defer { withExtendedLifetime(view) {} }
    let numbers = Set(segments.map(\.descriptor.number))
    let current = view.segments.filter { numbers.contains($0.descriptor.number) }
    let descriptor = try build(current.flatMap { view.blocks[$0.blockRange] }, view: view)
    try shard.transact { changes, transaction in
      for number in numbers { try changes.removeSegment(number, in: transaction) }
      try changes.put(descriptor, in: transaction)
    }
    try shard.sweep()
  }

  /// Writes the live rows of a segment into new blocks and indexes those.
  func rewrite(_ segment: SegmentView) throws {
    let before = try shard.view()
    guard
      let old = before.segments.first(where: {
        $0.descriptor.number == segment.descriptor.number
      })
    else { return }
    defer { withExtendedLifetime(before) {} }
    let oldBlocks = Array(before.blocks[old.blockRange])
    let stored = try store(liveRowsOf: oldBlocks)
    let view = try shard.view()
    defer { withExtendedLifetime(view) {} }
    let newBlocks = try stored.map { try view.storedBlock($0.number, rowCount: $0.rowCount) }
    let descriptor = newBlocks.isEmpty ? nil : try build(newBlocks, view: view)
    try shard.transact { changes, transaction in
      let dead = try rowsBuried(since: oldBlocks, in: changes.view, among: newBlocks)
      let oldNumbers = Set(oldBlocks.map(\.number))
      for block in changes.view.blocks where oldNumbers.contains(block.number) {
        try changes.retire(block, removes: false, in: transaction)
      }
      for (block, rows) in dead { changes.setDead(rows, block: block) }
      try changes.removeSegment(old.descriptor.number, in: transaction)
      if let descriptor { try changes.put(descriptor, in: transaction) }
    }
    try shard.sweep()
  }

  // MARK: Rewriting

  /// Stores the live rows of blocks as blocks that no list names yet.
  private func store(liveRowsOf blocks: [BlockView]) throws -> [SegmentDescriptor.Block] {
    var stored: [SegmentDescriptor.Block] = []
    var parts: [(block: BlockView, rows: Range<Int>)] = []
    var rowCount = 0
    func flush() throws {
      if let batch = RowBatch.live(of: parts) {
        try shard.requireSpace(batch.storedByteCount)
        let number = try shard.transact { changes, transaction in
          try changes.store(batch, sequence: 0, isRecent: false, in: transaction)
        }
        stored.append(.init(number: number, rowCount: batch.rowCount))
      }
      (parts, rowCount) = ([], 0)
      try requireRunning()
    }
    for block in blocks {
      var start = 0
      for row in 0..<block.rowCount where !block.columns.isDead(row: row) {
        rowCount += 1
        if rowCount == BlockHeader.rowCountMax {
          parts.append((block, start..<row + 1))
          start = row + 1
          try flush()
        }
      }
      parts.append((block, start..<block.rowCount))
    }
    try flush()
    return stored
  }

  /// The rows of new blocks whose originals were buried while the new blocks were made.
  private func rowsBuried(
    since before: [BlockView], in view: ShardView, among newBlocks: [BlockView]
  ) throws -> [UInt64: DeadRows] {
    var dead: [UInt64: DeadRows] = [:]
    let current = Dictionary(uniqueKeysWithValues: view.blocks.map { ($0.number, $0) })
    for old in before {
      guard let now = current[old.number], now.deadCount != old.deadCount else { continue }
      for row in 0..<old.rowCount
      where now.columns.isDead(row: row) && !old.columns.isDead(row: row) {
        let id = old.columns.id(ofRow: row)
        for block in newBlocks {
          let place = block.ids.lowerBound(id.rawValue)
          guard place < block.rowCount, block.ids[place] == id.rawValue else { continue }
          _ = dead[block.number, default: DeadRows(rowCount: block.rowCount)].insert(place)
        }
      }
    }
    return dead
  }

  // MARK: Building

  /// Builds and stores every piece of a segment over blocks of `view`; no list names it yet.
  private func build(_ blocks: [BlockView], view: ShardView) throws -> SegmentDescriptor {
    let rowCount = blocks.reduce(0) { $0 + $1.rowCount }
    // Row numbers in every table and the directories, places, clusters.
    try shard.requireSpace(rowCount * (5 * view.meta.tableCount + 64))
    Maintenance.buildGate.wait()
    defer { Maintenance.buildGate.signal() }
    let writer = PieceWriter(shard: shard, segment: view.meta.nextSegment)
    defer { writer.abandon() }
    try writer.addPlaces(blocks)
    let builder = SegmentIndexBuilder(
      blocks: blocks.map(\.columns), permutation: view.permutation,
      profile: IndexProfile(tableCount: view.meta.tableCount))
    try builder.build(threadCount: ProcessInfo.processInfo.activeProcessorCount) { key, bytes in
      try requireRunning()
      try writer.add(key, bytes)
    }
    try writer.finish()
    // What was read to build is in the page cache still, but is no memory of this process.
    for block in blocks { MemoryAdvice.release(block.bytes) }
    return SegmentDescriptor(
      number: view.meta.nextSegment, tableCount: view.meta.tableCount,
      blocks: blocks.map { .init(number: $0.number, rowCount: $0.rowCount) },
      pieces: writer.pieces.sorted { $0.key < $1.key })
  }

  private func requireRunning() throws {
    try shard.maintenance.requireRunning(shard.path)
  }
}

/// Gathers pieces and stores them in transactions of bounded size, on a thread of its own: the
/// next pieces are built while the disk takes the last.
private final class PieceWriter {
  private let shard: Shard
  private let segment: UInt64
  private var waiting: [PieceBatch.Piece] = []
  private var waitingByteCount = 0
  private(set) var pieces: [SegmentDescriptor.Piece] = []
  private let queue = DispatchQueue(label: "thumbprint.pieces")
  private let failure = FirstFailure()

  init(shard: Shard, segment: UInt64) {
    self.shard = shard
    self.segment = segment
  }

  func add(_ key: SegmentPieceKey, _ bytes: UnsafeRawBufferPointer) throws {
    if waitingByteCount + bytes.count > shard.maintenance.limits.transactionByteCountMax {
      try flush()
    }
    pieces.append(.init(key: key, byteCount: bytes.count, checksum: Checksum.of(bytes)))
    waiting.append((key, Array(bytes)))
    waitingByteCount += bytes.count
  }

  /// Waits until every piece is stored. Also the last call after a failure of the builder.
  func finish() throws {
    try flush()
    queue.sync {}
    try failure.rethrow()
  }

  /// Waits for what is being stored, and forgets the rest.
  func abandon() { queue.sync {} }

  /// Hands on what was gathered, once the pieces before it are stored.
  private func flush() throws {
    queue.sync {}
    try failure.rethrow()
    if waiting.isEmpty { return }
    try shard.requireSpace(waitingByteCount)
    let batch = PieceBatch(waiting)
    (waiting, waitingByteCount) = ([], 0)
    queue.async { [shard, segment, failure] in
      failure.catching {
        try shard.transact { _, transaction in
          // The library makes a copy; a piece and its copy are not kept for longer than needed.
          while let (key, bytes) = batch.takeLast() {
            try transaction.put(
              ShardDatabase.pieces.rawValue, ValueKey.piece(segment, key.rawValue), bytes)
          }
        }
      }
    }
  }

  /// The ids of all live rows, ascending, and the row of each.
  func addPlaces(_ blocks: [BlockView]) throws {
    var runs: [[PlaceEntry]] = []
    var firstRow = 0
    for block in blocks {
      runs.append(
        (0..<block.rowCount).compactMap { row in
          block.columns.isDead(row: row)
            ? nil
            : PlaceEntry(
              id: block.columns.id(ofRow: row).rawValue, row: UInt32(firstRow + row))
        })
      firstRow += block.rowCount
    }
    let merged = PlaceEntry.merge(runs)
    try merged.map { $0.id.littleEndian }.withUnsafeBytes { try add(.placeIDs, $0) }
    try merged.map { $0.row.littleEndian }.withUnsafeBytes { try add(.placeRows, $0) }
  }
}

/// Pieces on their way to the disk, each let go as it is taken.
private final class PieceBatch: Sendable {
  typealias Piece = (key: SegmentPieceKey, bytes: [UInt8])

  private let pieces: Mutex<[Piece]>

  init(_ pieces: [Piece]) {
    self.pieces = Mutex(pieces)
  }

  func takeLast() -> Piece? {
    pieces.withLock { $0.popLast() }
  }
}

/// An id and the row of its segment.
private struct PlaceEntry {
  var id: UInt64
  var row: UInt32

  /// Merges sorted runs, two by two.
  static func merge(_ runs: [[PlaceEntry]]) -> [PlaceEntry] {
    var runs = runs
    while runs.count > 1 {
      runs = stride(from: 0, to: runs.count, by: 2).map { i in
        i + 1 < runs.count ? merge(runs[i], runs[i + 1]) : runs[i]
      }
    }
    return runs.first ?? []
  }

  private static func merge(_ a: [PlaceEntry], _ b: [PlaceEntry]) -> [PlaceEntry] {
    var result: [PlaceEntry] = []
    result.reserveCapacity(a.count + b.count)
    var i = 0
    var j = 0
    while i < a.count && j < b.count {
      if a[i].id <= b[j].id {
        result.append(a[i])
        i += 1
      } else {
        result.append(b[j])
        j += 1
      }
    }
    result.append(contentsOf: a[i...])
    result.append(contentsOf: b[j...])
    return result
  }
}

/// Keeps the first error of work on another thread for the thread that waits for it.
private final class FirstFailure: Sendable {
  private let error = Mutex<(any Error)?>(nil)

  func catching(_ body: () throws -> Void) {
    do {
      try body()
    } catch let failure {
      error.withLock { if $0 == nil { $0 = failure } }
    }
  }

  func rethrow() throws {
    if let failure = error.withLock({ $0 }) { throw failure }
  }
}
