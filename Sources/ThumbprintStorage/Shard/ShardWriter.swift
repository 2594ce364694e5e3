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

  /// Entries of the log kept; older ones are dropped.
  static let logEntryCountMax: UInt64 = 65_536
  /// Dropped entries removed by one transaction.
  private static let logRemovalCountMax = 4_096

  init(view: ShardView) {
    self.view = view
    meta = view.meta
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
    let key = ShardKey.number(number)
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
      database.rawValue, ShardKey.number(number),
      TextColumn.encode(texts, seed: database.seed(number)))
  }

  /// Adds a batch as the next operation. Rows of the same ids must be dead already.
  mutating func append(
    _ batch: RowBatch, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    let sequence = meta.sequence + 1
    let block = try store(batch, sequence: sequence, isRecent: true, in: transaction)
    let digest = batch.digest
    meta.digest.add(digest)
    meta.recordCount += UInt64(batch.rowCount)
    try log(.append(block: block, rowCount: batch.rowCount, digest: digest), in: transaction)
  }

  /// Marks a live row of the view deleted, and takes it out of count and digest.
  mutating func bury(_ place: Place) {
    let block = view.blocks[place.block]
    guard buryAgain(block, place.row) else { return }
    meta.recordCount -= 1
    meta.digest.subtract(block.digest(place.row, permutation: view.permutation))
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
    try transaction.remove(ShardDatabase.recent.rawValue, ShardKey.number(block))
  }

  mutating func put(
    _ descriptor: SegmentDescriptor, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    meta.nextSegment = max(meta.nextSegment, descriptor.number + 1)
    try transaction.put(
      ShardDatabase.segments.rawValue, ShardKey.number(descriptor.number), descriptor.encoded())
  }

  /// Takes a segment out of the list; its pieces and blocks stay until they are swept.
  mutating func removeSegment(
    _ number: UInt64, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    try transaction.remove(ShardDatabase.segments.rawValue, ShardKey.number(number))
  }

  /// Gives up a block that is in no list any more: its rows live in other blocks now. The log
  /// can name it no longer. The rows themselves go when the shard is swept.
  mutating func retire(
    _ block: BlockView, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    dead[block.number] = nil
    try transaction.remove(ShardDatabase.dead.rawValue, ShardKey.number(block.number))
    meta.logStart = max(meta.logStart, block.header.sequence + 1)
  }

  // MARK: Log

  mutating func log(
    _ entry: LogEntry, in transaction: borrowing LMDBWriteTransaction
  ) throws {
    isChanged = true
    meta.sequence += 1
    try transaction.put(
      ShardDatabase.log.rawValue, ShardKey.number(meta.sequence),
      entry.encoded(sequence: meta.sequence))
  }

  /// Writes what was gathered. The last call on a writer.
  mutating func finish(in transaction: borrowing LMDBWriteTransaction) throws {
    guard isChanged else { return }
    for (block, rows) in dead {
      try transaction.put(
        ShardDatabase.dead.rawValue, ShardKey.number(block), rows.encoded(block: block))
    }
    if meta.sequence > Self.logEntryCountMax {
      meta.logStart = max(meta.logStart, meta.sequence - Self.logEntryCountMax + 1)
    }
    var dropped: [UInt64] = []
    try transaction.forEach(ShardDatabase.log.rawValue) { [logStart = meta.logStart] key, _ in
      guard let number = ShardKey.number(of: key), number < logStart else { return false }
      dropped.append(number)
      return dropped.count < Self.logRemovalCountMax
    }
    for number in dropped {
      try transaction.remove(ShardDatabase.log.rawValue, ShardKey.number(number))
    }
    try transaction.put(ShardDatabase.meta.rawValue, ShardKey.meta, meta.encoded())
  }
}
