import ThumbprintCodes
import ThumbprintWire

/// Reads rows, gathers them by shard, and keeps so many bytes of writes under way.
struct RemoteLoad {
  /// A write that was acknowledged.
  private struct Written: Sendable {
    var rowCount: Int
    var byteCount: Int
    var reply: AppendReply
    var retryCount: Int
  }

  private let collection: RemoteCollection
  private let coder: CoderIdentity?
  private let options: RemoteLoadOptions
  private let total: Int?
  private let began = ContinuousClock.now
  private let rowByteCountMax = WireLimits.payloadByteCountMax / 2
  private var parts: [RowColumnsBuilder]
  /// Whole parts that wait to be sent.
  private var ready: [(shard: Int, rows: RowColumns)] = []
  private var inFlightByteCount = 0
  private var report = RemoteLoadReport()

  init(
    _ collection: RemoteCollection, coder: CoderIdentity?, options: RemoteLoadOptions,
    total: Int?
  ) {
    self.collection = collection
    self.coder = coder
    self.options = options
    self.total = total
    parts = Array(
      repeating: RowColumnsBuilder(parts: .all), count: collection.description.shardCount)
  }

  /// Loads everything, or what is read until the caller asks to end.
  mutating func run(
    _ source: some RemoteLoadSource, _ progress: (RemoteLoadProgress) -> Void
  ) async throws(ServiceError) -> RemoteLoadReport {
    var source = source
    do {
      var load = self
      self = try await withThrowingTaskGroup(of: Written.self) { group in
        progress(load.progress)
        var hasMore = true
        while hasMore {
          if options.isCancelled() {
            load.report.wasCancelled = true
            break
          }
          hasMore = try await source.next { load.append($0) }
          if !hasMore { load.cutAll() }
          try await load.send(to: &group, progress)
        }
        while let written = try await group.next() { load.count(written, progress) }
        return load
      }
    } catch {
      throw ServiceError(dataset: error)
    }
    report.seconds = self.progress.seconds
    return report
  }

  private var progress: RemoteLoadProgress {
    RemoteLoadProgress(
      doneCount: report.doneCount, totalCount: total, retryCount: report.retryCount,
      seconds: (ContinuousClock.now - began) / .seconds(1))
  }

  // MARK: Gathering

  private mutating func append(_ row: RemoteLoadRow) {
    report.digest.add(
      RecordDigest.of(
        id: row.id, feature: row.feature, image: row.image, name: row.name, tags: row.tags))
    let shard = ShardHash.shard(of: row.id, count: parts.count)
    parts[shard].append(
      id: row.id, feature: row.feature, image: row.image, name: row.name, tags: row.tags)
    if parts[shard].rowCount == options.batchRowCount || parts[shard].byteCount > rowByteCountMax {
      cut(shard)
    }
  }

  private mutating func cut(_ shard: Int) {
    guard parts[shard].rowCount > 0 else { return }
    ready.append((shard, parts[shard].columns()))
    parts[shard] = RowColumnsBuilder(parts: .all, capacity: options.batchRowCount)
  }

  private mutating func cutAll() {
    for shard in parts.indices { cut(shard) }
  }

  // MARK: Sending

  private mutating func send(
    to group: inout ThrowingTaskGroup<Written, any Error>,
    _ progress: (RemoteLoadProgress) -> Void
  ) async throws {
    for (shard, rows) in ready {
      while inFlightByteCount > 0,
        inFlightByteCount + rows.byteCount > options.inFlightByteCountMax
      {
        guard let written = try await group.next() else { break }
        count(written, progress)
      }
      inFlightByteCount += rows.byteCount
      let (collection, coder, patience) = (collection, coder, options.patience)
      group.addTask {
        var retrying = Retrying(patience: patience)
        let reply = try await retrying.call { () throws(ServiceError) in
          try await collection.append(.upsert(rows), shard, coder: coder)
        }
        return Written(
          rowCount: rows.rowCount, byteCount: rows.byteCount, reply: reply,
          retryCount: retrying.count)
      }
    }
    ready = []
  }

  private mutating func count(_ written: Written, _ progress: (RemoteLoadProgress) -> Void) {
    inFlightByteCount -= written.byteCount
    report.doneCount += written.rowCount
    report.retryCount += written.retryCount
    report.counts.add(written.reply)
    progress(self.progress)
  }
}
