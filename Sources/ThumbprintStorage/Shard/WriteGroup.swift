import ThumbprintCodes
import ThumbprintIndex

/// Operations that become one transaction: their joint effect, and what each of them did.
struct WriteGroup {
  private(set) var receipts: [WriteReceipt] = []
  /// Ids that were stored before and are not after, ascending, and their rows in the view.
  private(set) var deleted: [UInt64] = []
  private(set) var deletedPlaces: [Place] = []
  /// The rows to be added, each with the rows of the view that they replace.
  private(set) var batches: [(batch: RowBatch, replaced: [Place])] = []

  private enum Final {
    case row(Int, of: Int)
    case gone
  }

  private let view: ShardView
  private var stored: [UInt64: Place] = [:]
  /// What becomes of ids that change.
  private var final: [UInt64: Final] = [:]

  init(_ operations: [WriteOperation], view: ShardView) throws {
    self.view = view
    var ids: Set<UInt64> = []
    for operation in operations {
      switch operation.change {
      case .upsert(let batch): for row in 0..<batch.rowCount { ids.insert(batch.id(row).rawValue) }
      case .delete(let deleted): ids.formUnion(deleted)
      }
    }
    let sorted = ids.sorted()
    for (index, place) in try view.places(ofSorted: sorted) { stored[sorted[index]] = place }
    for (number, operation) in operations.enumerated() { apply(operation, number) }
    for id in sorted {
      if case .gone = final[id], let place = stored[id] {
        deleted.append(id)
        deletedPlaces.append(place)
      }
    }
    for batch in Self.batches(of: operations, sorted: sorted, final: final) {
      let replaced = (0..<batch.rowCount).compactMap { stored[batch.id($0).rawValue] }
      batches.append((batch, replaced))
    }
  }

  private mutating func apply(_ operation: WriteOperation, _ number: Int) {
    var receipt = WriteReceipt()
    func isThere(_ id: UInt64) -> Bool {
      switch final[id] {
      case .row: true
      case .gone: false
      case nil: stored[id] != nil
      }
    }
    switch operation.change {
    case .upsert(let batch):
      for row in 0..<batch.rowCount {
        let id = batch.id(row).rawValue
        if operation.term != nil, isUnchanged(id, row, of: batch) {
          receipt.unchanged += 1
          continue
        }
        if isThere(id) { receipt.replaced += 1 } else { receipt.added += 1 }
        final[id] = .row(row, of: number)
      }
    case .delete(let ids):
      for id in ids {
        if isThere(id) { receipt.deleted += 1 } else { receipt.absent += 1 }
        final[id] = .gone
      }
    }
    receipts.append(receipt)
  }

  private func isUnchanged(_ id: UInt64, _ row: Int, of batch: RowBatch) -> Bool {
    guard final[id] == nil, let place = stored[id] else { return false }
    return batch.isSame(row: row, as: view.blocks[place.block], row: place.row)
  }

  private static func batches(
    of operations: [WriteOperation], sorted: [UInt64], final: [UInt64: Final]
  ) -> [RowBatch] {
    var rows: [(batch: RowBatch, row: Int)] = []
    for id in sorted {
      if case .row(let row, let number) = final[id],
        case .upsert(let batch) = operations[number].change
      {
        rows.append((batch, row))
      }
    }
    if operations.count == 1, case .upsert(let batch) = operations[0].change,
      rows.count == batch.rowCount
    {
      return [batch]
    }
    let byteCounts = rows.map { RowBatch.byteCount(textByteCount: $0.batch.textByteCount($0.row)) }
    return RowBatch.runs(of: byteCounts).map { run in
      let part = rows[run]
      let joined = RowBatch(rowCount: part.count)
      for (batch, row) in part { joined.append(row: row, of: batch) }
      joined.finish()
      return joined
    }
  }
}
