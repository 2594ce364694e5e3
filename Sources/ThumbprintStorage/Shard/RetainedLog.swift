/// How far back the log of a shard reaches for replicas that follow it.
package struct LogRetention: Sendable, Hashable {
  /// The most entries of a log, whoever keeps it.
  package static let entryCountMax = 65_536
  /// Entries dropped at once, so that most writes drop none.
  static let entryDropCount = 4_096

  /// The most bytes of blocks kept only because entries of the log name them.
  package var retiredByteCountMax: Int

  package init(retiredByteCountMax: Int) {
    self.retiredByteCountMax = retiredByteCountMax
  }

  /// Enough for a replica to be away for some minutes of small writes.
  package static let standard = LogRetention(retiredByteCountMax: 256 << 20)
}

/// The blocks that are kept for the log alone: their rows have moved to other blocks, and followers
/// may still ask for them. A value: a transaction changes its own copy.
struct RetainedLog: Sendable {
  struct Block: Sendable, Hashable {
    /// Of the log entry that names the block.
    var sequence: UInt64
    var block: UInt64
    var byteCount: Int
  }

  /// `nil` if blocks are not kept for the log.
  let retention: LogRetention?
  /// Ascending by sequence.
  private(set) var blocks: [Block]
  private(set) var byteCount: Int

  init(retention: LogRetention?, blocks: [Block] = []) {
    self.retention = retention
    self.blocks = blocks.sorted { $0.sequence < $1.sequence }
    byteCount = blocks.reduce(0) { $0 + $1.byteCount }
  }

  var isKept: Bool { retention != nil }

  mutating func add(_ block: Block) {
    // Found from the end: blocks retire about in the order in which they came.
    var place = blocks.count
    while place > 0, blocks[place - 1].sequence > block.sequence { place -= 1 }
    blocks.insert(block, at: place)
    byteCount += block.byteCount
  }

  /// The last sequence that must go so that the bounds hold; 0 if none must.
  func excess(logStart: UInt64, sequence: UInt64) -> UInt64 {
    var last: UInt64 = 0
    if sequence + 1 - logStart > UInt64(LogRetention.entryCountMax) {
      last =
        sequence - UInt64(LogRetention.entryCountMax - LogRetention.entryDropCount)
    }
    guard let retention else { return last }
    var rest = byteCount
    for block in blocks where rest > retention.retiredByteCountMax {
      last = max(last, block.sequence)
      rest -= block.byteCount
    }
    return last
  }

  /// Takes out the blocks whose entries are before `logStart`.
  mutating func drop(before logStart: UInt64) -> ArraySlice<Block> {
    let count = blocks.firstIndex { $0.sequence >= logStart } ?? blocks.count
    let dropped = blocks[..<count]
    if count > 0 {
      blocks.removeFirst(count)
      byteCount -= dropped.reduce(0) { $0 + $1.byteCount }
    }
    return dropped
  }
}
