import ThumbprintCodes
import ThumbprintIndex

/// The changes of one write transaction to a shard, on top of the view it began from.
///
/// Lives inside ``Shard/transact(_:)``; every method takes the transaction that it writes to.
struct ShardWriter {
  /// The state before the transaction.
  let view: ShardView
  var meta: ShardMeta
  private var dead: [UInt64: DeadRows] = [:]
  private(set) var isChanged = false
  /// What the shard keeps for its log alone.
  private(set) var log: RetainedLog

  init(view: ShardView, log: RetainedLog) {
    self.view = view
    self.log = log
    meta = view.meta
    if meta.version < ShardMeta.formatVersion {
      // Entries of version 1 do not say what others need to know.
      meta.version = ShardMeta.formatVersion
      meta.logStart = meta.sequence + 1
    }
  }

  // MARK: Rows

  /// Stores a batch as a new block and returns its number. It counts as recent unless a
  /// segment is about to name it.
  mutating func store(
    _ batch: RowBatch, sequence: UInt64, isRecent: Bool,
    in transaction: borrowing LMDBWriteTransaction
  ) throws -> UInt64 {
    let number = meta.nextBlock
    meta.nextBlock += 1
    isChanged = true
    var flags: BlockHeader.Flags = []
    if !batch.names.isEmpty { flags.insert(.names) }
    if !batch.tags.isEmpty { flags.insert(.tags) }
    let header = BlockHeader(
      number: number, rowCount: batch.rowCount, flags: flags, sequence: sequence,
      checksums: batch.checksums, idMin: batch.id(0).rawValue,
      idMax: batch.id(batch.rowCount - 1).rawValue)
    let key = ValueKey.number(number)
    let byteCount = BlockHeader.valueByteCount(rowCount: batch.rowCount)
    try transaction.reserve(ShardDatabase.blocks.rawValue, key, byteCount: byteCount) { target in
      target.copyBytes(from: header.encoded())
      UnsafeMutableRawBufferPointer(rebasing: target[BlockLayout.byteCount...])
        .copyMemory(from: UnsafeRawBufferPointer(batch.memory))
    }
    try store(batch.names, .names, number, in: transaction)
    try store(batch.tags, .tags, number, in: transaction)
    if isRecent {
      try transaction.put(
        ShardDatabase.recent.rawValue, key,
        RecentLayout.encode(rowCount: batch.rowCount, block: number))
    }
    return number
  }

  private func store(
    _ texts: Texts, _ database: ShardDatabase, _ number: UInt64,
    in transaction: borrowing LMDBWriteTransaction
  ) throws {
    if texts.isEmpty { return }
    try transaction.put(
      database.rawValue, ValueKey.number(number),
      TextColumn.encode(texts, seed: database.seed(number)))
  }

  /// Adds a batch as the next operation, and returns the number of its block. Rows of the same
  /// ids must be dead already. `digest` is the sum over the rows.
  @discardableResult
  mutating func append(
    _ batch: RowBatch, digest: RecordDigest, in transaction: borrowing LMDBWriteTransaction
  ) throws -> UInt64 {
    let sequence = meta.sequence + 1
    let block = try store(batch, sequence: sequence, isRecent: true, in: transaction)
    meta.digest.add(digest)
    meta.recordCount += UInt64(batch.rowCount)
    try log(.append(block: block, rowCount: batch.rowCount, digest: digest), in: transaction)
    return block
  }

  /// Marks a live row of the view deleted, and takes it out of count and digest.
  mutating func bury(_ place: Place) {
    let block = view.blocks[place.block]
    guard buryAgain(block, place.row) else { return }
    meta.recordCount -= 1
    meta.digest.subtract(block.digest(place.row, permutation: view.permutation))
  }

  /// The same for a row of a block that this transaction added, of the given digest.
  mutating func bury(addedRow row: Int, of block: UInt64, rowCount: Int, digest: RecordDigest) {
    isChanged = true
    guard dead[block, default: DeadRows(rowCount: rowCount)].insert(row) else { return }
    meta.recordCount -= 1
    meta.digest.subtract(digest)
  }

  /// Marks a row deleted in a copy of its block; count and digest know already.
  private mutating func buryAgain(_ block: BlockView, _ row: Int) -> Bool {
    isChanged = true
    return dead[
      block.number,
      default: block.dead?.copy(rowCount: block.rowCount) ?? DeadRows(rowCount: block.rowCount)
    ].insert(row)
  }

  /// Sets the dead rows of a block that this transaction brings into the lists.
  mutating func setDead(_ rows: DeadRows, block: UInt64) {
    isChanged = true
    dead[block] = rows
  }

  /// Names the networks that made the codes.
  mutating func setCoder(_ coder: CoderIdentity) {
    meta.coder = coder
    isChanged = true
  }

  // MARK: Lists

  /// Takes a recent block out of the list of recent ones; its rows stay.
  mutating func removeRecent(
    _ block: UInt64, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    try transaction.remove(ShardDatabase.recent.rawValue, ValueKey.number(block))
  }

  mutating func put(
    _ descriptor: SegmentDescriptor, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    meta.nextSegment = max(meta.nextSegment, descriptor.number + 1)
    try transaction.put(
      ShardDatabase.segments.rawValue, ValueKey.number(descriptor.number), descriptor.encoded())
  }

  /// Takes a segment out of the list; its pieces and blocks stay until they are swept.
  mutating func removeSegment(
    _ number: UInt64, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    try transaction.remove(ShardDatabase.segments.rawValue, ValueKey.number(number))
  }

  /// Gives up a block that is in no list any more: its rows live in other blocks now. If the log
  /// names it, it is kept for the log, where the shard does so; or the log can name it no longer.
  ///
  /// - Parameter removes: Whether its bytes go at once, or when the shard is next swept.
  mutating func retire(
    _ block: BlockView, removes: Bool, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    dead[block.number] = nil
    try transaction.remove(ShardDatabase.dead.rawValue, ValueKey.number(block.number))
    let sequence = block.header.sequence
    if log.isKept, sequence >= meta.logStart, sequence > 0 {
      log.add(.init(sequence: sequence, block: block.number, byteCount: block.storedByteCount))
    } else {
      forgetLog(through: sequence)
      if removes { try remove(block: block.number, in: transaction) }
    }
  }

  private func remove(
    block number: UInt64, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    for database in [ShardDatabase.blocks, .names, .tags] {
      try transaction.remove(database.rawValue, ValueKey.number(number))
    }
  }

  // MARK: Log

  /// Logs an operation whose effect on count and digest is done.
  mutating func log(
    _ operation: LogEntry.Operation, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    meta.sequence += 1
    let entry = LogEntry(operation: operation, term: meta.term, content: meta.content)
    try transaction.put(
      ShardDatabase.log.rawValue, ValueKey.number(meta.sequence),
      entry.encoded(sequence: meta.sequence))
  }

  /// Begins a term as the next operation.
  mutating func begin(
    _ term: Term, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    meta.term = term
    try log(.term, in: transaction)
  }

  /// Promises to accept nothing of a lower term.
  mutating func promise(_ term: Term) {
    if term <= meta.promisedTerm { return }
    isChanged = true
    meta.promisedTerm = term
  }

  /// Drops the entries up to one of `sequence`.
  mutating func forgetLog(through sequence: UInt64) {
    if sequence < meta.logStart { return }
    isChanged = true
    meta.logStart = sequence + 1
  }

  /// Writes what was gathered. The last call on a writer.
  mutating func finish(in transaction: borrowing LMDBWriteTransaction) throws {
    guard isChanged else { return }
    for (block, rows) in dead {
      try transaction.put(
        ShardDatabase.dead.rawValue, ValueKey.number(block), rows.encoded(block: block))
    }
    forgetLog(through: log.excess(logStart: meta.logStart, sequence: meta.sequence))
    for block in log.drop(before: meta.logStart) {
      try remove(block: block.block, in: transaction)
    }
    if meta.logStart != view.meta.logStart { try dropLogEntries(in: transaction) }
    try transaction.put(ShardDatabase.meta.rawValue, ValueKey.meta, meta.encoded())
  }

  private mutating func dropLogEntries(
    in transaction: borrowing LMDBWriteTransaction
  ) throws {
    if meta.logStart == meta.sequence + 1 {
      meta.logStartTerm = meta.term
    } else {
      let key = ValueKey.number(meta.logStart - 1)
      if let value = try transaction.value(ShardDatabase.log.rawValue, key) {
        meta.logStartTerm = try LogEntry.decode(value, sequence: meta.logStart - 1).term
      }
    }
    var dropped: [UInt64] = []
    try transaction.forEach(ShardDatabase.log.rawValue) { [logStart = meta.logStart] key, _ in
      guard let number = ValueKey.number(of: key), number < logStart else { return false }
      dropped.append(number)
      return true
    }
    for number in dropped {
      try transaction.remove(ShardDatabase.log.rawValue, ValueKey.number(number))
    }
  }
}
