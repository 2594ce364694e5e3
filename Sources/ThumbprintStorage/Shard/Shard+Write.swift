import ThumbprintCodes
import ThumbprintIndex

/// What a write did. It is on disk.
public struct WriteReceipt: Sendable, Hashable {
  /// Records whose id was new.
  public var added = 0
  /// Records that took the place of one with the same id.
  public var replaced = 0
  /// Records taken away.
  public var deleted = 0
  /// Ids to be deleted that were not there.
  public var absent = 0
  /// Records that were there with the same content; not written again. Only a shard of a
  /// cluster looks, so that a write sent twice is harmless.
  public var unchanged = 0

  public init() {}

  mutating func add(_ other: WriteReceipt) {
    added += other.added
    replaced += other.replaced
    deleted += other.deleted
    absent += other.absent
    unchanged += other.unchanged
  }
}

extension Shard {
  /// Ids of one delete operation; more are applied as several.
  static let deleteCountMax = 65_536

  /// Adds records, in place of those of the same ids. Of several with one id the last counts.
  ///
  /// On disk on return. Up to ``BlockHeader/rowCountMax`` records are added all or none.
  package func upsert(_ records: [Record]) throws -> WriteReceipt {
    var receipt = WriteReceipt()
    for batch in RowBatch.batches(of: records, permutation: permutation) {
      receipt.add(try submit(.upsert(batch), term: nil).receipt)
    }
    maintenance.wake(self)
    return receipt
  }

  /// Deletes the records of ids; on disk on return.
  package func delete(_ ids: [ItemID]) throws -> WriteReceipt {
    let sorted = Set(ids.map(\.rawValue)).sorted()
    var receipt = WriteReceipt()
    for start in stride(from: 0, to: sorted.count, by: Self.deleteCountMax) {
      let part = Array(sorted[start..<min(start + Self.deleteCountMax, sorted.count)])
      receipt.add(try submit(.delete(part), term: nil).receipt)
    }
    maintenance.wake(self)
    return receipt
  }

  /// Waits until a change is on disk, with others that came meanwhile.
  func submit(_ change: WriteOperation.Change, term: Term?) throws -> WriteOutcome {
    try queue.submit(WriteOperation(change: change, term: term), apply: apply)
  }

  /// Applies operations of one term in their order as one transaction.
  func apply(_ operations: [WriteOperation]) throws -> [WriteOutcome] {
    let byteCount = operations.reduce(0) { sum, operation in
      if case .upsert(let batch) = operation.change { return sum + batch.storedByteCount }
      return sum
    }
    if byteCount > 0 { try requireSpace(byteCount) }
    return try transact { changes, transaction in
      if let term = operations.first?.term ?? nil { try changes.require(term, path: path) }
      let group = try WriteGroup(operations, view: changes.view)
      for place in group.deletedPlaces { changes.bury(place) }
      for ids in group.deleted.chunks(ofCount: Self.deleteCountMax) {
        try changes.log(.delete(ids.map { ItemID($0) }), in: transaction)
      }
      for (batch, replaced) in group.batches {
        for place in replaced { changes.bury(place) }
        try changes.append(batch, digest: batch.digest, in: transaction)
      }
      let position = changes.meta.position
      return group.receipts.map { WriteOutcome(receipt: $0, position: position) }
    }
  }

  /// What ``append(loaded:)`` did with its rows.
  struct LoadCounts: Sendable {
    var added = 0
    var replaced = 0
    var skipped = 0
  }

  /// Adds whole batches of a load in one transaction. Rows that are stored already with the
  /// same content are left out, so that loading again completes what an interruption left.
  func append(loaded batches: [RowBatch]) throws -> LoadCounts {
    if batches.isEmpty { return LoadCounts() }
    try requireSpace(batches.reduce(0) { $0 + $1.storedByteCount })
    return try transact { changes, transaction in
      var counts = LoadCounts()
      let view = changes.view
      for batch in batches {
        let ids = SortedIDs(start: batch.columns.ids, count: batch.rowCount)
        var skipped: Set<Int> = []
        for (row, place) in try view.places(of: ids) {
          if batch.isSame(row: row, as: view.blocks[place.block], row: place.row) {
            skipped.insert(row)
          } else {
            changes.bury(place)
            counts.replaced += 1
          }
        }
        counts.skipped += skipped.count
        if skipped.count == batch.rowCount { continue }
        let kept =
          skipped.isEmpty
          ? batch : batch.selecting((0..<batch.rowCount).filter { !skipped.contains($0) })
        try changes.append(kept, digest: kept.digest, in: transaction)
      }
      let rowCount = batches.reduce(0) { $0 + $1.rowCount }
      counts.added = rowCount - counts.skipped - counts.replaced
      return counts
    }
  }
}

extension ShardWriter {
  /// - Throws: ``StoreError``: `staleTerm` unless a primary of `term` may write.
  func require(_ term: Term, path: String) throws {
    guard meta.promisedTerm <= term, meta.term == term else {
      throw StoreError(
        .staleTerm,
        "a write of term \(term) came to a log of term \(meta.term) that promised term "
          + "\(meta.promisedTerm)", path: path)
    }
  }
}

extension Array {
  fileprivate func chunks(ofCount count: Int) -> some Sequence<ArraySlice<Element>> {
    stride(from: 0, to: self.count, by: count).lazy.map {
      self[$0..<Swift.min($0 + count, self.count)]
    }
  }
}
