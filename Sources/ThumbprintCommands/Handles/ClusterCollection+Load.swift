import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

extension ClusterCollection {
  func load(
    _ dataset: CodedDataset, threadCount: Int, progress: (Int, String?) -> Void
  ) throws -> LoadReport {
    if let coder = dataset.coder, let mine = collection.description.coder, coder != mine {
      throw ServiceError(
        .coderMismatch,
        "\(dataset.path) is of coder '\(coder)', the collection '\(name)' of '\(mine)'",
        hint: "codes of two coders cannot be compared: use another collection")
    }
    try dataset.validate()
    let start = Progress.now
    var report = LoadReport()
    progress(0, nil)
    for first in stride(from: 0, to: dataset.count, by: Self.windowRowCount) {
      if Interrupt.isRequested {
        report.wasCancelled = true
        break
      }
      let rows = first..<min(first + Self.windowRowCount, dataset.count)
      let counts = try send(rows, of: dataset, &report.digest)
      dataset.releaseMemory(of: rows)
      report.added += counts.added
      report.replaced += counts.replaced
      report.skipped += counts.unchanged
      progress(rows.upperBound, nil)
    }
    report.seconds = Progress.now - start
    if let expected = dataset.manifest?.digest, !report.wasCancelled, expected != report.digest {
      throw StoreError(
        .corrupt,
        "the digest of the dataset is \(expected), that of the records in it \(report.digest)",
        path: dataset.path,
        hint: "the records were stored as they are; drop the collection and load a sound copy")
    }
    return report
  }

  /// Rows under way at once.
  private static let windowRowCount = 16_384

  /// Writes rows to all their shards at once.
  private func send(
    _ range: Range<Int>, of dataset: CodedDataset, _ digest: inout RecordDigest
  ) throws -> WriteCounts {
    var parts = [RowColumnsBuilder](
      repeating: RowColumnsBuilder(parts: .all), count: collection.description.shardCount)
    var writes: [(shard: Int, rows: RowColumns)] = []
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    try dataset.forEachRow(in: range) { row in
      let shard = ShardHash.shard(of: row.id, count: parts.count)
      parts[shard].append(
        id: row.id, feature: row.feature, image: row.image, name: row.name ?? none, tags: row.tags)
      digest.add(
        RecordDigest.of(
          id: row.id, feature: row.feature, image: row.image, name: row.name, tags: row.tags))
      guard parts[shard].byteCount >= WireLimits.payloadByteCountMax / 2 else { return }
      writes.append((shard, parts[shard].columns()))
      parts[shard] = RowColumnsBuilder(parts: .all)
    }
    for (shard, part) in parts.enumerated() where part.rowCount > 0 {
      writes.append((shard, part.columns()))
    }
    let (collection, all) = (collection, writes)
    return try ClusterSession.wait {
      try await withThrowingTaskGroup(of: AppendReply.self) { group in
        for (shard, rows) in all {
          group.addTask { try await collection.append(.upsert(rows), shard) }
        }
        return try await group.reduce(into: WriteCounts()) { $0.add($1) }
      }
    }
  }
}
