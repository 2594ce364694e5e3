import ThumbprintStorage
import ThumbprintWire

/// Copies the shards of a collection into a snapshot, one after the other.
struct SnapshotCopier {
  let folder: SnapshotFolder
  let shardCount: Int
  /// How long a shard may be out of reach before the copy is given up.
  let patience: Double
  let progress: Progress
  /// Opens the copy of a shard, as it is then.
  let open: (Int) throws -> any ShardCopyReader

  /// Of the shards that are whole, for the progress.
  private var byteCount = 0
  private var bucket: TokenBucket<ContinuousClock.Instant>

  /// The most bytes asked for at once, and how many such parts are under way together.
  private static let partByteCountMax = 1 << 20
  private static let partCount = 4

  /// - Parameter byteRate: The most bytes a second; 0 for no bound.
  init(
    folder: SnapshotFolder, shardCount: Int, byteRate: Int, patience: Double, progress: Progress,
    open: @escaping (Int) throws -> any ShardCopyReader
  ) {
    self.folder = folder
    self.shardCount = shardCount
    self.patience = patience
    self.progress = progress
    self.open = open
    bucket = TokenBucket(byteRate: byteRate, now: .now)
  }

  /// Copies what is not there yet.
  ///
  /// - Throws: `interrupted` when the user wants to stop; what was copied stays.
  mutating func run() throws {
    for shard in 0..<shardCount where !folder.isFinished(shard) {
      var failedSince: Double?
      while true {
        do {
          try copy(shard)
          break
        } catch let error as ServiceError where error.isRetryable || error.code == .notFound {
          // The primary is another now, or has let go of the copy: what is here is gone on with.
          let since = failedSince ?? Progress.now
          failedSince = since
          guard Progress.now - since < patience else { throw error }
          Interrupt.sleep(0.2)
          try checkInterrupt(shard)
        }
      }
    }
  }

  private mutating func copy(_ shard: Int) throws {
    let target = try folder.target(shard)
    defer { target.close() }
    let reader = try open(shard)
    defer { reader.close() }
    let items = try target.begin(reader.manifest)
    var parts: [CopyPart] = []
    show(shard, target)
    let partByteCount = partByteCount
    for item in items {
      for offset in stride(from: 0, to: item.byteCount, by: partByteCount) {
        parts.append(
          CopyPart(
            item: item.index, offset: offset,
            byteCount: min(partByteCount, item.byteCount - offset)))
        if parts.count == Self.partCount { try take(&parts, reader, target, shard) }
      }
    }
    try take(&parts, reader, target, shard)
    try target.flush()
    byteCount += target.progress.doneByteCount
    _ = try target.finish()
  }

  /// Small parts where the rate is small, so that bytes flow evenly.
  private var partByteCount: Int {
    let rate = bucket.byteRate
    guard rate > 0 else { return Self.partByteCountMax }
    return min(Self.partByteCountMax, max(4 << 10, rate / (4 * Self.partCount)))
  }

  /// Waits until the rate allows more, or the user wants to stop.
  private mutating func waitUntilFree(_ byteCount: Int) {
    while !Interrupt.isRequested {
      let now = ContinuousClock.now
      let left = now.duration(to: bucket.nextMoment(now: now)) / .seconds(1)
      if left <= 0 { break }
      Interrupt.sleep(min(left, 0.2))
    }
    bucket.take(byteCount, now: .now)
  }

  private mutating func take(
    _ parts: inout [CopyPart], _ reader: any ShardCopyReader, _ target: ShardCopyTarget,
    _ shard: Int
  ) throws {
    waitUntilFree(parts.reduce(0) { $0 + $1.byteCount })
    if Interrupt.isRequested {
      try target.flush()
      try checkInterrupt(shard)
    }
    let all: [[UInt8]]
    do {
      all = try reader.read(parts)
    } catch {
      // What has arrived need not be sent again.
      try target.flush()
      try checkInterrupt(shard)
      throw error
    }
    for (part, bytes) in zip(parts, all) {
      guard bytes.count == part.byteCount else {
        throw ServiceError(
          .malformed,
          "item \(part.item) of a copy: \(bytes.count) bytes came, not \(part.byteCount)")
      }
      try target.put(item: part.item, offset: part.offset, bytes)
    }
    parts = []
    show(shard, target)
  }

  private func show(_ shard: Int, _ target: ShardCopyTarget) {
    progress.moved(
      to: byteCount + target.progress.doneByteCount,
      detail: "shard \(Text.grouped(shard + 1)) of \(Text.grouped(shardCount))")
  }

  private func checkInterrupt(_ shard: Int) throws {
    guard Interrupt.isRequested else { return }
    throw CommandError(
      .interrupted,
      "\(Text.grouped((0..<shardCount).count { folder.isFinished($0) })) of "
        + "\(Text.count(shardCount, "shard")) are copied to '\(folder.path)'",
      hint: "to go on, run the same command again; what is there is not sent again")
  }
}
