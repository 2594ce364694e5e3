import ThumbprintCodes
import ThumbprintIndex

// What no list names: the log, the blocks kept for it, and garbage.
extension ShardView {
  /// The entry of a sequence from the log start to the last one applied.
  func logEntry(_ sequence: UInt64) throws -> LogEntry {
    let value = try transaction.value(ShardDatabase.log.rawValue, ValueKey.number(sequence))
    guard let value else {
      throw FormatError("the log", expected: "entry \(sequence)", found: "none")
    }
    return try LogEntry.decode(value, sequence: sequence)
  }

  /// Every entry of the log that must be there is, and names a block that is there; the last
  /// tells what the shard holds.
  func checkLog() throws {
    var next = meta.logStart
    var term = meta.logStartTerm
    var content: ShardContent?
    let listed = Set(blocks.map(\.number))
    try transaction.forEach(numbered: .log) { sequence, value in
      if sequence < meta.logStart { return }
      let entry = try LogEntry.decode(value, sequence: sequence)
      guard sequence == next, entry.term >= term else {
        throw FormatError(
          "the log", expected: "entry \(next) of term \(term) or later",
          found: "\(sequence) of term \(entry.term)")
      }
      if case .append(let number, let rowCount, _) = entry.operation, !listed.contains(number) {
        try storedBlock(number, rowCount: rowCount).verify(BlockColumn.allCases)
      }
      next += 1
      term = entry.term
      content = entry.content
    }
    guard next == meta.sequence + 1, term == meta.term else {
      throw FormatError(
        "the log", expected: "entries to \(meta.position)", found: "\(term):\(next - 1)")
    }
    guard content == nil || content == meta.content else {
      throw FormatError(
        "the last log entry", expected: "\(meta.recordCount) records of digest \(meta.digest)",
        found: "others")
    }
  }

  /// The blocks that are stored for the log alone.
  func blocksKeptForLog() throws -> [RetainedLog.Block] {
    let listed = Set(blocks.map(\.number))
    var kept: [RetainedLog.Block] = []
    try transaction.forEach(numbered: .blocks) { number, value in
      if listed.contains(number) { return }
      // What is damaged here is garbage, or found when the log is read.
      guard let header = try? BlockHeader.decode(value, number: number),
        header.sequence >= meta.logStart, header.sequence <= meta.sequence
      else { return }
      kept.append(.init(sequence: header.sequence, block: number, byteCount: value.count))
    }
    return kept
  }

  /// A value that no list names.
  struct Garbage {
    var database: ShardDatabase
    var key: [UInt8]
    /// Of the log entry that names the block, 0 if none does.
    var sequence: UInt64 = 0
  }

  /// Values that no list names, up to about `byteCountMax` bytes of them.
  ///
  /// - Parameter kept: Blocks that are no garbage.
  func garbage(byteCountMax: Int, keeping kept: Set<UInt64>) throws -> [Garbage] {
    let blockNumbers = kept.union(blocks.map(\.number))
    let segmentNumbers = Set(segments.map(\.descriptor.number))
    var garbage: [Garbage] = []
    var byteCount = 0
    for database in [ShardDatabase.blocks, .names, .tags, .dead, .pieces] {
      try transaction.forEach(database.rawValue) { key, value in
        let isListed =
          database == .pieces
          ? ValueKey.piece(of: key).map { segmentNumbers.contains($0.segment) } ?? false
          : ValueKey.number(of: key).map { blockNumbers.contains($0) } ?? false
        if !isListed {
          var item = Garbage(database: database, key: Array(key))
          if database == .blocks, let number = ValueKey.number(of: key) {
            item.sequence = (try? BlockHeader.decode(value, number: number))?.sequence ?? 0
          }
          garbage.append(item)
          byteCount += value.count
        }
        return byteCount < byteCountMax
      }
    }
    return garbage
  }
}
