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

  public init() {}

  mutating func add(_ other: WriteReceipt) {
    added += other.added
    replaced += other.replaced
    deleted += other.deleted
    absent += other.absent
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
      receipt.add(try queue.submit(.upsert(batch), apply: apply))
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
      receipt.add(try queue.submit(.delete(part), apply: apply))
    }
    maintenance.wake(self)
    return receipt
  }

  /// Applies operations in their order as one transaction.
  private func apply(_ operations: [WriteOperation]) throws -> [WriteReceipt] {
    let byteCount = operations.reduce(0) { sum, operation in
      if case .upsert(let batch) = operation { return sum + batch.storedByteCount }
      return sum
    }
    if byteCount > 0 { try requireSpace(byteCount) }
    return try transact { changes, transaction in
      let group = try WriteGroup(operations, view: changes.view)
      for place in group.buried { changes.bury(place) }
      if !group.deleted.isEmpty {
        try changes.log(.delete(group.deleted.map { ItemID($0) }), in: transaction)
      }
      for batch in group.batches { try changes.append(batch, in: transaction) }
      return group.receipts
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
        try changes.append(kept, in: transaction)
      }
      let rowCount = batches.reduce(0) { $0 + $1.rowCount }
      counts.added = rowCount - counts.skipped - counts.replaced
      return counts
    }
  }
}

/// Operations that become one transaction: their joint effect, and what each of them did.
private struct WriteGroup {
  private(set) var receipts: [WriteReceipt] = []
  /// Rows of the view that are replaced or deleted.
  private(set) var buried: [Place] = []
  /// Ids that were stored before and are not after, ascending.
  private(set) var deleted: [UInt64] = []
  /// The rows to be added.
  private(set) var batches: [RowBatch] = []

  private enum Final {
    case row(Int, of: Int)
    case gone
  }

  init(_ operations: [WriteOperation], view: ShardView) throws {
    var ids: Set<UInt64> = []
    for operation in operations {
      switch operation {
      case .upsert(let batch): for row in 0..<batch.rowCount { ids.insert(batch.id(row).rawValue) }
      case .delete(let deleted): ids.formUnion(deleted)
      }
    }
    let sorted = ids.sorted()
    var stored: [UInt64: Place] = [:]
    for (index, place) in try view.places(ofSorted: sorted) { stored[sorted[index]] = place }

    var final: [UInt64: Final] = [:]
    for (number, operation) in operations.enumerated() {
      receipts.append(Self.apply(operation, number, stored: stored, to: &final))
    }
    for id in sorted {
      if let place = stored[id] { buried.append(place) }
    }
    deleted = sorted.filter { id in
      if case .gone = final[id] { return stored[id] != nil }
      return false
    }
    batches = Self.batches(of: operations, sorted: sorted, final: final)
  }

  private static func apply(
    _ operation: WriteOperation, _ number: Int, stored: [UInt64: Place],
    to final: inout [UInt64: Final]
  ) -> WriteReceipt {
    var receipt = WriteReceipt()
    func isThere(_ id: UInt64) -> Bool {
      switch final[id] {
      case .row: true
      case .gone: false
      case nil: stored[id] != nil
      }
    }
    switch operation {
    case .upsert(let batch):
      for row in 0..<batch.rowCount {
        let id = batch.id(row).rawValue
        if isThere(id) { receipt.replaced += 1 } else { receipt.added += 1 }
        final[id] = .row(row, of: number)
      }
    case .delete(let ids):
      for id in ids {
        if isThere(id) { receipt.deleted += 1 } else { receipt.absent += 1 }
        final[id] = .gone
      }
    }
    return receipt
  }

  private static func batches(
    of operations: [WriteOperation], sorted: [UInt64], final: [UInt64: Final]
  ) -> [RowBatch] {
    if operations.count == 1, case .upsert(let batch) = operations[0] { return [batch] }
    var rows: [(batch: RowBatch, row: Int)] = []
    for id in sorted {
      if case .row(let row, let number) = final[id], case .upsert(let batch) = operations[number] {
        rows.append((batch, row))
      }
    }
    return stride(from: 0, to: rows.count, by: BlockHeader.rowCountMax).map { start in
      let part = rows[start..<min(start + BlockHeader.rowCountMax, rows.count)]
      let joined = RowBatch(rowCount: part.count)
      for (batch, row) in part { joined.append(row: row, of: batch) }
      joined.finish()
      return joined
    }
  }
}
