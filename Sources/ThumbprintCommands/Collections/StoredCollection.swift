import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

/// A collection of a store in this process.
struct StoredCollection: CollectionHandle {
  let collection: LocalCollection

  init(_ collection: LocalCollection) { self.collection = collection }

  var name: String { collection.name }

  func report() throws -> CollectionReport { CollectionReport(try collection.info) }

  func search(_ queries: [SearchQuery], _ run: SearchRun) throws -> SearchOutcome {
    var outcome = SearchOutcome()
    outcome.answers =
      queries.count == 1
      ? [try collection.search(queries[0])]
      : try collection.search(batch: queries, threadCount: run.threadCount)
    guard run.wantsNames || run.wantsImages else { return outcome }
    for answer in outcome.answers {
      let ids = answer.matches.map(\.id).filter {
        outcome.names[$0] == nil && outcome.images[$0] == nil
      }
      for case let record? in try collection.records(ids) {
        if run.wantsNames, let name = record.name { outcome.names[record.id] = name }
        if run.wantsImages { outcome.images[record.id] = record.image }
      }
    }
    return outcome
  }

  func records(_ ids: [ItemID]) throws -> [Record?] { try collection.records(ids) }

  func forEachRecord(_ body: (Record) throws -> Void) throws {
    try collection.forEachRecord(body)
  }

  func upsert(_ records: [Record], coder: CoderIdentity) throws {
    try collection.adopt(coder)
    _ = try collection.upsert(records)
  }

  func forEachDescription(
    _ body: (ItemID, String?, [String: String]) throws -> Void
  ) throws {
    try collection.forEachRecord { try body($0.id, $0.name, $0.tags) }
  }

  func settle() throws -> Bool {
    try Interrupt.unlessRequested { try collection.seal { Interrupt.isRequested } } != nil
  }

  func delete(_ ids: [ItemID]) throws -> (deleted: Int, absent: Int) {
    let receipt = try collection.delete(ids)
    return (receipt.deleted, receipt.absent)
  }

  func load(
    _ dataset: CodedDataset, threadCount: Int, progress: (Int, String?) -> Void
  ) throws -> LoadReport {
    let options = LoadOptions(threadCount: threadCount, isCancelled: { Interrupt.isRequested })
    return try collection.load(dataset, options: options) {
      progress($0.doneCount, $0.phase == .sealing ? "indexing" : nil)
    }
  }

  func load(
    _ snapshot: SnapshotRecords, progress: (Int, String?) -> Void
  ) throws -> LoadReport {
    var report = LoadReport()
    var batch: [Record] = []
    var doneCount = 0
    func write() throws {
      let receipt = try collection.upsert(batch)
      report.added += receipt.added
      report.replaced += receipt.replaced
      doneCount += batch.count
      batch.removeAll(keepingCapacity: true)
      progress(doneCount, nil)
    }
    for shard in 0..<snapshot.manifest.shards.count {
      _ = try snapshot.collection.scan(shard, after: nil) { record in
        batch.append(record)
        if batch.count == Self.batchCount { try write() }
        return !Interrupt.isRequested
      }
    }
    if Interrupt.isRequested {
      report.wasCancelled = true
      return report
    }
    try write()
    progress(doneCount, "indexing")
    try collection.seal()
    return report
  }

  /// Records written at once.
  private static let batchCount = 8192

  func stats() throws -> StatsReport { StatsReport(try collection.stats()) }

  func fullScan(_ queries: [SearchQuery], each: (Int) -> Void) throws -> FullScan {
    var scan = FullScan()
    for query in queries {
      let watch = Stopwatch()
      scan.matches.append(try collection.fullScan(query))
      scan.nanoseconds.append(watch.nanoseconds)
      each(scan.matches.count)
    }
    return scan
  }
}
