import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

extension ClusterCollection {
  func load(
    _ dataset: CodedDataset, threadCount: Int, progress: (Int, String?) -> Void
  ) throws -> LoadReport {
    try load(progress) { collection, options, tell in
      try await collection.load(dataset, options: options) { tell($0) }
    }
  }

  func load(
    _ snapshot: SnapshotRecords, progress: (Int, String?) -> Void
  ) throws -> LoadReport {
    try load(progress) { collection, options, tell in
      let source = RecordLoadSource(
        snapshot, path: snapshot.path, count: snapshot.manifest.records,
        coder: snapshot.manifest.coder.flatMap { CoderIdentity($0) },
        expectedDigest: snapshot.manifest.digest)
      return try await collection.load(from: source, options: options) { tell($0) }
    }
  }

  private func load(
    _ progress: (Int, String?) -> Void,
    _ body:
      @escaping @Sendable (
        RemoteCollection, RemoteLoadOptions, @escaping @Sendable (RemoteLoadProgress) -> Void
      ) async throws -> RemoteLoadReport
  ) throws -> LoadReport {
    let (collection, options) = (collection, loadOptions)
    let remote = try Interrupt.unlessRequested {
      try ClusterSession.wait { (news: RemoteLoadProgress) in
        progress(news.doneCount, Self.text(of: news))
      } until: { tell in
        try await body(collection, options, tell)
      }
    }
    if let remote { return LoadReport(remote) }
    var report = LoadReport()
    report.wasCancelled = true
    return report
  }

  private var loadOptions: RemoteLoadOptions {
    var options = RemoteLoadOptions { Interrupt.isRequested }
    options.patience = session.client.timeout
    return options
  }

  /// Something to say beside the count; `nil` if all is well.
  private static func text(of progress: RemoteLoadProgress) -> String? {
    progress.retryCount == 0
      ? nil : Text.count(progress.retryCount, "write") + " sent again"
  }
}

extension LoadReport {
  fileprivate init(_ report: RemoteLoadReport) {
    self.init()
    added = report.counts.added
    replaced = report.counts.replaced
    skipped = report.counts.unchanged
    wasCancelled = report.wasCancelled
    seconds = report.seconds
    digest = report.digest
  }
}
