import ThumbprintStorage

/// What upkeep of a collection did, as `--json` shows it.
struct UpkeepResult: Encodable {
  struct State: Encodable {
    var records = 0
    var deadRows = 0
    var recentRows = 0
    var segments = 0
    var blocks = 0
    var fileBytes = 0
    /// Bytes of the files that are free to be used again.
    var freeBytes = 0
    var indexBytes = 0

    init(_ stats: CollectionStats) {
      for shard in stats.shards {
        records += shard.recordCount
        deadRows += shard.deadRowCount
        recentRows += shard.recentRowCount
        segments += shard.segmentCount
        blocks += shard.blockCount
        fileBytes += shard.fileByteCount
        freeBytes += shard.freeByteCount
        indexBytes += shard.indexByteCount
      }
    }
  }

  var collection: String
  var seconds: Double
  var before: State
  var after: State

  /// Does the work, and notes what the collection has before and after.
  ///
  /// - Throws: ``CommandError`` `interrupted` if the user wanted it to stop and it did.
  init(
    of options: StoredCollectionOptions, _ work: (LocalCollection) throws -> Void
  ) throws {
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    (seconds, before, after) = try options.with(.readWrite) { collection in
      let before = try collection.stats()
      let start = Progress.now
      guard try Interrupt.unlessRequested({ try work(collection) }) != nil else {
        throw CommandError(
          .interrupted, "'\(options.name)' is as it was but for what is done already",
          hint: "to go on, run the same command again")
      }
      let seconds = Progress.now - start
      return (seconds, State(before), State(try collection.stats()))
    }
    collection = options.name
  }
}
