import ThumbprintCodes
import ThumbprintIndex

/// A change that a client sent to the primary of a shard.
package enum ReplicaWrite: Sendable {
  /// Records to be added, in place of those of the same ids.
  case upsert([Record])
  /// The same, prepared by as many threads.
  case rows(any RecordSource, threadCount: Int)
  case delete([ItemID])
}

/// A write that was made ready for its shard, which holds its rows in memory.
package struct PreparedWrite: Sendable {
  fileprivate(set) var changes: [WriteOperation.Change] = []

  /// Rows to be added and ids to be deleted.
  package var idCount: Int {
    changes.reduce(0) { $0 + WriteOperation(change: $1).idCount }
  }

  /// The bytes that it writes, about.
  package var byteCount: Int {
    changes.reduce(0) { sum, change in
      switch change {
      case .upsert(let batch): sum + batch.storedByteCount
      case .delete(let ids): sum + 8 * ids.count
      }
    }
  }
}

/// Operations of one state of a shard, and how far they go.
package struct LogTail: Sendable, Hashable {
  package var read: LogRead
  /// The position of the last of them; the follower's own if there are none.
  package var last: LogPosition
  /// What the shard holds there, if that is the end of its log.
  package var end: ReplicaStatus?
}

/// What a follower that asks for the log gets.
package enum LogRead: Sendable, Hashable {
  /// Operations in order, as ``Shard/apply(_:primaryTerm:)`` takes them; none if there are no more.
  case entries([[UInt8]])
  /// The follower has operations that this log has not: it must be copied anew.
  case diverged
  /// The log no longer reaches back so far: the follower must be copied anew.
  case truncated
}

// A shard as one of several replicas. The primary orders writes; followers take its log, operation
// by operation, and each tells what the shard holds afterwards, so that replicas which differ are
// found at the first operation after which they do.
extension Shard {
  /// The last operation on disk.
  package var position: LogPosition { get throws { try meta.position } }

  /// Nothing of a lower term is accepted.
  package var promisedTerm: Term { get throws { try meta.promisedTerm } }

  /// Promises to accept nothing of a term below `term`; on disk on return.
  ///
  /// - Throws: ``StoreError``: `staleTerm` if a later one is promised already.
  package func promise(_ term: Term) throws {
    if try promisedTerm == term { return }
    try transact { changes, _ in
      try Self.require(term, notBelow: changes.meta.promisedTerm, path)
      changes.promise(term)
    }
  }

  /// Notes of which coder the codes are, unless that is known; on disk on return. No operation of
  /// the log: every replica is told by itself.
  package func adopt(_ coder: CoderIdentity) throws {
    guard try meta.coder == nil else { return }
    try transact { changes, _ in changes.setCoder(coder) }
  }

  /// Begins the term of a new primary by an operation of the log of its own, so that equal
  /// positions mean equal logs. Harmless if the term has begun here already.
  ///
  /// - Returns: The position of that operation, or the last of the term.
  /// - Throws: ``StoreError``: `staleTerm` if a later term is promised or in the log.
  package func beginTerm(_ term: Term) throws -> LogPosition {
    try transact { changes, transaction in
      try Self.require(term, notBelow: max(changes.meta.promisedTerm, changes.meta.term), path)
      changes.promise(term)
      if changes.meta.term < term { try changes.begin(term, in: transaction) }
      return changes.meta.position
    }
  }

  /// Does a write of the primary of `term`; on its disk on return, together with those of other
  /// callers. Rows that are stored already with the same content are left out.
  ///
  /// Records up to ``BlockHeader/rowCountMax`` are added all or none; of several with one id the
  /// last counts. All must belong to this shard.
  ///
  /// - Returns: What was done, and the position up to which followers must have the log.
  /// - Throws: ``StoreError``: `staleTerm` unless the log is in `term` and no later one is
  ///   promised; `invalid`, `diskFull`, `corrupt`, `io`.
  package func write(
    _ operation: ReplicaWrite, term: Term
  ) throws -> (receipt: WriteReceipt, position: LogPosition) {
    var receipt = WriteReceipt()
    var position = LogPosition.start
    try forEachChange(of: operation) { change in
      let outcome = try submit(change, term: term)
      receipt.add(outcome.receipt)
      position = max(position, outcome.position)
    }
    if position == .start {
      // Nothing was asked for; the term is checked all the same.
      position = try submit(.delete([]), term: term).position
    }
    maintenance.wake(self)
    return (receipt, position)
  }

  /// Makes a write ready: sorts, permutes and hashes its rows, and checks that they belong here.
  /// Takes the processor and no disk; any thread may do it, before it is known whether the write
  /// is taken.
  ///
  /// - Throws: ``StoreError``: `invalid`.
  package func prepare(_ operation: ReplicaWrite) throws -> PreparedWrite {
    var write = PreparedWrite()
    try forEachChange(of: operation) { write.changes.append($0) }
    return write
  }

  /// Does several writes of the primary of `term` in their order, in one transaction: all of them
  /// or none; on its disk on return. Together they should have no more rows than a block, or be
  /// one write alone.
  ///
  /// - Returns: What each did, and the position up to which followers must have the log.
  /// - Throws: As ``write(_:term:)``.
  package func write(
    _ group: [PreparedWrite], term: Term
  ) throws -> (receipts: [WriteReceipt], position: LogPosition) {
    var operations = group.flatMap(\.changes).map { WriteOperation(change: $0, term: term) }
    // Nothing was asked for; the term is checked all the same.
    if operations.isEmpty { operations = [WriteOperation(change: .delete([]), term: term)] }
    let outcomes = try apply(operations)
    var receipts: [WriteReceipt] = []
    var next = 0
    for write in group {
      var receipt = WriteReceipt()
      for outcome in outcomes[next..<next + write.changes.count] { receipt.add(outcome.receipt) }
      next += write.changes.count
      receipts.append(receipt)
    }
    maintenance.wake(self)
    return (receipts, outcomes.map(\.position).max() ?? .start)
  }

  private func forEachChange(
    of operation: ReplicaWrite, _ body: (WriteOperation.Change) throws -> Void
  ) throws {
    switch operation {
    case .upsert(let records):
      for record in records { try LocalCollection.check(record) }
      for batch in RowBatch.batches(of: records, permutation: permutation) {
        try requireFit(batch)
        try body(.upsert(batch))
      }
    case .rows(let source, let threadCount):
      for start in stride(from: 0, to: source.count, by: LoadWindow.rowCountMax) {
        let rows = start..<min(start + LoadWindow.rowCountMax, source.count)
        let window = try LoadWindow(
          source, rows: rows, shards: [self], threadCount: threadCount)
        for batch in window.batches[0] { try requireFit(batch) }
        for batch in window.batches[0] { try body(.upsert(batch)) }
      }
    case .delete(let ids):
      let sorted = Set(ids.map(\.rawValue)).sorted()
      for start in stride(from: 0, to: sorted.count, by: Self.deleteCountMax) {
        try body(.delete(Array(sorted[start..<min(start + Self.deleteCountMax, sorted.count)])))
      }
    }
  }

  /// Rows may come from anyone who can reach a primary.
  private func requireFit(_ batch: RowBatch) throws {
    let meta = try meta
    guard batch.names.areNames, batch.tags.areTags else {
      throw StoreError(
        .invalid,
        "a record has a name that is no UTF-8 of at most \(RecordLimits.nameByteCountMax) bytes, or "
          + "tags that are no object of texts of at most \(RecordLimits.tagsByteCountMax) bytes",
        path: path)
    }
    for row in 0..<batch.rowCount {
      let shard = ShardHash.shard(of: batch.id(row), count: meta.shardCount)
      guard shard == meta.shardNumber else {
        throw StoreError(
          .invalid,
          "record \(batch.id(row)) belongs to shard \(shard), not to \(meta.shardNumber)",
          path: path)
      }
    }
  }

  /// The operations after a position, for a follower that has all up to it.
  ///
  /// - Parameter byteCountMax: Operations are added until the next would exceed it; there is at
  ///   least one if there are any. The largest has about 10 MB, and the texts of its rows.
  /// - Throws: ``StoreError``: `corrupt` if what is stored is damaged; `closed`, `io`.
  package func logEntries(after position: LogPosition, byteCountMax: Int) throws -> LogRead {
    try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      return try view.reading { try view.logEntries(after: position, byteCountMax: byteCountMax) }
    }
  }

  /// The same, and how far it goes: as one state of the shard has it.
  ///
  /// - Parameter entryCountMax: The most operations, at least 1.
  package func logTail(
    after position: LogPosition, byteCountMax: Int, entryCountMax: Int
  ) throws -> LogTail {
    try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      return try view.reading {
        var read = try view.logEntries(after: position, byteCountMax: byteCountMax)
        guard case .entries(var entries) = read else {
          return LogTail(read: read, last: position, end: nil)
        }
        if entries.count > entryCountMax {
          entries.removeLast(entries.count - entryCountMax)
          read = .entries(entries)
        }
        let sequence = position.sequence.rawValue + UInt64(entries.count)
        if sequence == view.meta.sequence {
          return LogTail(read: read, last: view.meta.position, end: status(view.meta))
        }
        let term = entries.isEmpty ? position.term : try view.logEntry(sequence).term
        let last = LogPosition(term: term, sequence: SequenceNumber(sequence))
        return LogTail(read: read, last: last, end: nil)
      }
    }
  }

  /// Does operations of the primary of `primaryTerm`, which follow on what this shard has: all of
  /// them or none, in one transaction; on disk on return. Promises the term, too.
  ///
  /// The bytes may be anything; they are checked before anything is written.
  ///
  /// - Returns: The position of the last.
  /// - Throws: ``StoreError``: `staleTerm`, `outOfOrder`, `damagedTransfer`; `diverged` if this
  ///   replica would not hold what the primary held after one of the operations.
  package func apply(_ payloads: [[UInt8]], primaryTerm: Term) throws -> LogPosition {
    let meta = try meta
    try Self.require(primaryTerm, notBelow: meta.promisedTerm, path)
    let operations = try payloads.map { payload in
      try payload.withUnsafeBytes { try LogPayload($0, meta: meta) }
    }
    try requireSpace(payloads.reduce(0) { $0 + $1.count })
    let position = try transact { changes, transaction in
      try Self.require(primaryTerm, notBelow: changes.meta.promisedTerm, path)
      changes.promise(primaryTerm)
      var follower = FollowerTransaction(path: path, primaryTerm: primaryTerm)
      for operation in operations {
        try follower.apply(operation, to: &changes, in: transaction)
      }
      return changes.meta.position
    }
    maintenance.wake(self)
    return position
  }

  private static func require(_ term: Term, notBelow promised: Term, _ path: String) throws {
    guard term >= promised else {
      throw StoreError(
        .staleTerm, "term \(term) is over: term \(promised) is promised", path: path)
    }
  }
}

extension ShardView {
  fileprivate func logEntries(after position: LogPosition, byteCountMax: Int) throws -> LogRead {
    let after = position.sequence.rawValue
    // Entries of version 1 do not say what a follower needs.
    let logStart = meta.version < ShardMeta.formatVersion ? meta.sequence + 1 : meta.logStart
    if after > meta.sequence { return .diverged }
    if after < meta.sequence, after < logStart - 1 { return .truncated }
    let term =
      after == meta.sequence
      ? meta.term : after == logStart - 1 ? meta.logStartTerm : try logEntry(after).term
    if term != position.term { return .diverged }
    var payloads: [[UInt8]] = []
    var byteCount = 0
    var sequence = after
    while sequence < meta.sequence {
      sequence += 1
      let payload = try logPayload(sequence)
      byteCount += payload.count
      if !payloads.isEmpty, byteCount > byteCountMax { break }
      payloads.append(payload)
    }
    return .entries(payloads)
  }

  private func logPayload(_ sequence: UInt64) throws -> [UInt8] {
    let entry = try logEntry(sequence)
    guard let content = entry.content else {
      throw FormatError(
        "log entry \(sequence)", expected: "an entry of version 2", found: "version 1")
    }
    var block: BlockView?
    if case .append(let number, let rowCount, _) = entry.operation {
      let stored = try storedBlock(number, rowCount: rowCount)
      // A follower could only tell that the bytes are wrong, not that they are so here.
      try stored.verify(BlockColumn.allCases)
      try verifyTexts(of: stored)
      block = stored
    }
    return LogPayload.encode(
      entry, sequence: sequence, block: block, content: content, seed: meta.replicaSeed)
  }
}

/// The operations of a primary, being done in one transaction.
private struct FollowerTransaction {
  let path: String
  let primaryTerm: Term
  /// Live rows added by the operations before, which the view does not show.
  private var added: [UInt64: (batch: Int, row: Int)] = [:]
  private var batches: [(batch: RowBatch, block: UInt64)] = []

  init(path: String, primaryTerm: Term) {
    self.path = path
    self.primaryTerm = primaryTerm
  }

  mutating func apply(
    _ payload: LogPayload, to changes: inout ShardWriter,
    in transaction: borrowing LMDBWriteTransaction
  ) throws {
    try check(payload.position, after: changes.meta.position, payload.operation)
    switch payload.operation {
    case .append(let batch, let digest):
      let ids = (0..<batch.rowCount).map { batch.id($0).rawValue }
      try bury(ids, &changes)
      let block = try changes.append(batch, digest: digest, in: transaction)
      batches.append((batch, block))
      for (row, id) in ids.enumerated() { added[id] = (batches.count - 1, row) }
    case .delete(let ids):
      try bury(ids, &changes)
      try changes.log(.delete(ids.map { ItemID($0) }), in: transaction)
    case .term:
      try changes.begin(payload.position.term, in: transaction)
    }
    guard changes.meta.content == payload.content else {
      throw StoreError(
        .diverged,
        "after \(payload.position) the primary holds \(payload.content.recordCount) records of "
          + "digest \(payload.content.digest), this replica \(changes.meta.recordCount) of "
          + "digest \(changes.meta.digest)",
        path: path, hint: "this replica must be copied anew")
    }
  }

  private func check(
    _ next: LogPosition, after last: LogPosition, _ operation: LogPayload.Operation
  ) throws {
    var isTerm = false
    if case .term = operation { isTerm = true }
    guard next.sequence.rawValue == last.sequence.rawValue + 1,
      isTerm ? next.term > last.term : next.term == last.term, next.term <= primaryTerm
    else {
      throw StoreError(
        .outOfOrder,
        "operation \(next) of a primary of term \(primaryTerm) does not follow on \(last)",
        path: path)
    }
  }

  /// Marks the live rows of ids, which ascend, as deleted.
  private mutating func bury(_ ids: [UInt64], _ changes: inout ShardWriter) throws {
    // A row of the view that an operation before has buried is not buried again.
    for (_, place) in try changes.view.places(ofSorted: ids) { changes.bury(place) }
    for id in ids {
      guard let (number, row) = added.removeValue(forKey: id) else { continue }
      let (batch, block) = batches[number]
      changes.bury(
        addedRow: row, of: block, rowCount: batch.rowCount,
        digest: batch.digest(row, permutation: changes.view.permutation))
    }
  }
}
