import ThumbprintCodes
import ThumbprintWire

extension RemoteCollection {
  /// Loads a coded dataset, in bounded memory.
  ///
  /// Every row is on the disks of all in-sync replicas when `progress` counts it. Rows that are
  /// there already with the same content are passed over by the workers, so loading again
  /// completes what was interrupted, whoever was killed. A worker or a coordinator that dies is
  /// waited for as long as ``RemoteLoadOptions/patience`` says.
  ///
  /// - Parameter progress: Called by the caller's task, after every write or so.
  /// - Returns: What was done; once it is all there, the digest was compared with that of the
  ///   collection.
  /// - Throws: `coderMismatch` before anything is sent; `corrupt` if names, tags or ids of the
  ///   dataset are damaged, if its records are not those of its digest, or if the collection does
  ///   not hold them afterwards; what the cluster refuses, and its last failure once patience is at
  ///   its end.
  public func load(
    _ dataset: CodedDataset, options: RemoteLoadOptions = RemoteLoadOptions(),
    progress: (RemoteLoadProgress) -> Void = { _ in }
  ) async throws(ServiceError) -> RemoteLoadReport {
    do {
      try dataset.validate()
    } catch {
      throw ServiceError(dataset: error)
    }
    return try await load(from: DatasetLoadSource(dataset), options: options, progress: progress)
  }

  /// Loads records from anywhere, in bounded memory; as ``load(_:options:progress:)``.
  ///
  /// - Throws: `corrupt` too, with its text, for an error that `source` throws.
  public func load(
    from source: some RemoteLoadSource, options: RemoteLoadOptions = RemoteLoadOptions(),
    progress: (RemoteLoadProgress) -> Void = { _ in }
  ) async throws(ServiceError) -> RemoteLoadReport {
    precondition(
      (1...WireLimits.rowCountMax).contains(options.batchRowCount),
      "\(options.batchRowCount) rows in a write")
    if let coder = source.coder, let mine = description.coder, coder != mine {
      throw ServiceError(
        .coderMismatch,
        "\(source.path) is of coder '\(coder)', the collection '\(description.name)' of '\(mine)'",
        hint: "codes of two coders cannot be compared: use another collection")
    }
    var load = RemoteLoad(self, coder: source.coder, options: options, total: source.count)
    let report = try await load.run(source, progress)
    if report.wasCancelled { return report }
    return try await verified(report, source, options)
  }

  /// Compares what was read with what it should be, and with what the collection holds.
  private func verified(
    _ report: RemoteLoadReport, _ source: some RemoteLoadSource, _ options: RemoteLoadOptions
  ) async throws(ServiceError) -> RemoteLoadReport {
    if let expected = source.expectedDigest, expected != report.digest {
      throw ServiceError(
        .corrupt,
        "\(source.path): the digest of the dataset is \(expected), that of the records in it "
          + "\(report.digest)",
        hint: "the records were stored as they are; drop the collection and load a sound copy")
    }
    var retrying = Retrying(patience: options.patience)
    let stats = try await retrying.call {
      () async throws(ServiceError) -> CollectionStatsOperation.Result in
      try await self.stats()
    }
    let recordCount = stats.shards.reduce(0) { $0 + $1.recordCount }
    var report = report
    report.isWhole = recordCount == report.doneCount && stats.digest == report.digest
    guard report.isWhole || recordCount > report.doneCount else {
      throw ServiceError(
        .corrupt,
        "'\(description.name)' has \(recordCount) records of digest \(stats.digest) after "
          + "\(report.doneCount) of digest \(report.digest) were loaded",
        hint: "unless someone else writes to it, look at it with 'thumbprint check'")
    }
    return report
  }
}

extension ServiceError {
  /// A dataset that cannot be loaded.
  init(dataset error: any Error) {
    switch error {
    case let error as ServiceError: self = error
    case let error as CodedDatasetError:
      self.init(.corrupt, error.description, hint: error.hint)
    default: self.init(.corrupt, "\(error)")
    }
  }
}

/// Calls something again while it fails in a way that may pass.
struct Retrying {
  var patience: Duration
  private(set) var count = 0

  init(patience: Duration) {
    self.patience = patience
  }

  /// - Throws: The last failure, once so much time has passed since the first; one that does not
  ///   pass at once.
  mutating func call<Value>(
    _ body: () async throws(ServiceError) -> Value
  ) async throws(ServiceError) -> Value {
    var firstFailure: ContinuousClock.Instant?
    var pause = Duration.milliseconds(20)
    while true {
      do {
        return try await body()
      } catch {
        let now = ContinuousClock.now
        let since = firstFailure ?? now
        firstFailure = since
        guard error.isRetryable, now - since < patience, !Task.isCancelled else { throw error }
      }
      count += 1
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, .seconds(1))
    }
  }
}
