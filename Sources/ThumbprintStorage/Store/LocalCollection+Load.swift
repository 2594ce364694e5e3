import Dispatch
import Foundation
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

extension LocalCollection {
  /// Loads a coded dataset: reads, prepares and stores at once, in bounded memory; then seals.
  ///
  /// Every row is on disk when `progress` counts it. Rows that are stored already with the same
  /// content are skipped, so loading again completes what was interrupted. A collection without
  /// a coder takes that of the dataset.
  ///
  /// - Parameter progress: Called on this thread, after every batch or so.
  /// - Throws: ``StoreError``: `coderMismatch` before anything is stored; `corrupt` naming the
  ///   dataset if its records are not those of its digest; `diskFull`, after which the collection
  ///   still opens and answers; `io`. `CodedDatasetError` before anything is stored if names or
  ///   tags are damaged or an id comes twice.
  public func load(
    _ dataset: CodedDataset, options: LoadOptions = LoadOptions(),
    progress: (LoadProgress) -> Void = { _ in }
  ) throws -> LoadReport {
    try dataset.validate()
    return try load(source: dataset, options: options, progress: progress)
  }

  /// Loads records: reads, prepares and stores at once, in bounded memory; then seals.
  ///
  /// Every batch is on disk when `progress` speaks of it. Rows that are stored already with the
  /// same content are skipped, so loading again completes what was interrupted.
  package func load(
    source: some RecordSource, options: LoadOptions, progress: (LoadProgress) -> Void
  ) throws -> LoadReport {
    let start = Date()
    if let coder = source.coder { try adopt(coder, path: source.path) }
    let bulks = shards.map { $0.maintenance.beginBulk(isCancelled: options.isCancelled) }
    defer { for (shard, bulk) in zip(shards, bulks) { shard.maintenance.endBulk(bulk) } }
    var report = LoadReport()
    func tell(_ phase: LoadProgress.Phase, _ doneCount: Int) {
      progress(
        LoadProgress(
          phase: phase, doneCount: doneCount, totalCount: source.count,
          seconds: Date().timeIntervalSince(start)))
    }
    let storage = LoadStorage(shards)
    var next = 0
    var told = 0
    tell(.storing, 0)
    let threadCount =
      options.threadCount > 0
      ? options.threadCount : ProcessInfo.processInfo.activeProcessorCount
    do {
      while next < source.count, !report.wasCancelled {
        if options.isCancelled() {
          report.wasCancelled = true
          break
        }
        let end = min(next + LoadWindow.rowCountMax, source.count)
        try storage.waitForSealing()
        let window = try LoadWindow(
          source, rows: next..<end, shards: shards, threadCount: threadCount)
        report.duplicates += window.duplicateCount
        report.digest.add(window.digest)
        try storage.store(window)
        next = end
        let done = storage.doneCount
        if done > told { tell(.storing, done) }
        told = done
      }
    } catch {
      storage.wait()
      throw error
    }
    let counts = try storage.finish()
    report.added = counts.added
    report.replaced = counts.replaced
    report.skipped = counts.skipped
    tell(.storing, storage.doneCount)
    if !report.wasCancelled {
      try check(report.digest, of: source)
      tell(.sealing, source.count)
      let sealingStart = Date()
      do {
        for shard in shards { try shard.settle() }
        tell(.done, source.count)
      } catch let error as StoreError where error.code == .cancelled {
        report.wasCancelled = true
      }
      report.sealingSeconds = Date().timeIntervalSince(sealingStart)
    }
    report.seconds = Date().timeIntervalSince(start)
    return report
  }

  private func check(_ digest: RecordDigest, of source: some RecordSource) throws {
    guard let expected = source.expectedDigest, expected != digest else { return }
    throw StoreError(
      .corrupt,
      "the digest of the dataset is \(expected), that of the records in it \(digest)",
      path: source.path,
      hint: "the records were stored as they are; drop the collection and load a sound copy")
  }

  /// Holds the coder of codes that are about to be written against that of the collection, which
  /// takes it if it has none; on disk on return.
  ///
  /// - Parameter path: The dataset that they are in, for the error.
  /// - Throws: ``StoreError``: `coderMismatch`, `diskFull`, `io`.
  package func adopt(_ coder: CoderIdentity, path: String? = nil) throws {
    if let known = try info.coder, known != coder {
      throw StoreError(
        .coderMismatch,
        "the \(path == nil ? "codes are" : "dataset is") of coder '\(coder)', the collection "
          + "'\(name)' of '\(known)'",
        path: path, hint: "codes of two coders cannot be compared: use another collection")
    }
    for shard in shards { try shard.adopt(coder) }
  }
}

/// Stores windows one after another on a thread of its own, while the next is prepared.
private final class LoadStorage: Sendable {
  private struct State {
    var counts = Shard.LoadCounts()
    var doneCount = 0
    var failure: (any Error)?
  }

  private let shards: [Shard]
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "thumbprint.load")
  /// Windows that wait or are being stored: two, beside the one that is prepared.
  private let room = DispatchSemaphore(value: 2)

  init(_ shards: [Shard]) {
    self.shards = shards
  }

  /// Rows of the source that are on disk.
  var doneCount: Int { state.withLock { $0.doneCount } }

  /// Lets sealing catch up, unless the load is asked to end.
  func waitForSealing() throws {
    do {
      for shard in shards {
        let waitingRowCountMax = 3 * shard.maintenance.limits.bulkRowCount
        while try shard.view().recentRowCount > waitingRowCountMax {
          if try !shard.maintainOnce() { break }
        }
      }
    } catch let error as StoreError where error.code == .cancelled {
      // The load asks, too, before it stores more.
    }
  }

  func store(_ window: LoadWindow) throws {
    room.wait()
    do {
      try throwFailure()
    } catch {
      // A semaphore that goes below the value it was made with ends the process.
      room.signal()
      throw error
    }
    queue.async {
      defer { self.room.signal() }
      do {
        try self.throwFailure()
        for (shard, batches) in zip(self.shards, window.batches) where !batches.isEmpty {
          let counts = try shard.append(loaded: batches)
          self.state.withLock { state in
            state.counts.added += counts.added
            state.counts.replaced += counts.replaced
            state.counts.skipped += counts.skipped
          }
          shard.maintenance.wake(shard)
        }
        self.state.withLock { $0.doneCount = window.rows.upperBound }
      } catch {
        self.state.withLock { if $0.failure == nil { $0.failure = error } }
      }
    }
  }

  func wait() { queue.sync {} }

  func finish() throws -> Shard.LoadCounts {
    wait()
    try throwFailure()
    return state.withLock { $0.counts }
  }

  private func throwFailure() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}
