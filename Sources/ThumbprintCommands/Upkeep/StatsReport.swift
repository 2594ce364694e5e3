import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// What a collection holds, as `--json` shows it.
struct StatsReport: Encodable {
  struct Shard: Encodable {
    var shard: Int
    /// Its file, in a store.
    var path: String?
    /// Its primary, in a cluster.
    var worker: String?
    var records: Int
    var deadRows: Int
    var segments: Int
    var recentRows: Int
    var blocks: Int?
    var fileBytes: Int
    var freeBytes: Int
    var indexBytes: Int
    /// The term of the last write, in a cluster.
    var term: UInt64?
    var logSequence: UInt64
    var logStart: UInt64
    var digest: String
    /// Why work in the background ended early, if it did.
    var failure: String?
  }

  var collection: CollectionReport
  var records: Int
  var fileBytes: Int
  var indexBytes: Int
  var digest: String
  var shards: [Shard]

  init(_ stats: CollectionStats) {
    collection = CollectionReport(stats.info)
    records = stats.recordCount
    fileBytes = stats.fileByteCount
    indexBytes = stats.indexByteCount
    digest = stats.digest.description
    shards = stats.shards.map {
      Shard(
        shard: $0.number, path: $0.path, records: $0.recordCount, deadRows: $0.deadRowCount,
        segments: $0.segmentCount, recentRows: $0.recentRowCount, blocks: $0.blockCount,
        fileBytes: $0.fileByteCount, freeBytes: $0.freeByteCount, indexBytes: $0.indexByteCount,
        logSequence: $0.logSequence, logStart: $0.logStart, digest: $0.digest.description,
        failure: $0.maintenanceFailure?.description)
    }
  }

  init(_ stats: CollectionStatsOperation.Result) {
    collection = CollectionReport(stats.collection)
    records = stats.shards.reduce(0) { $0 + $1.recordCount }
    collection.records = records
    fileBytes = stats.shards.reduce(0) { $0 + $1.fileByteCount }
    indexBytes = stats.shards.reduce(0) { $0 + $1.indexByteCount }
    digest = stats.digest.description
    shards = stats.shards.map {
      Shard(
        shard: $0.number, worker: $0.worker.text, records: $0.recordCount,
        deadRows: $0.deadRowCount, segments: $0.segmentCount, recentRows: $0.recentRowCount,
        fileBytes: $0.fileByteCount, freeBytes: $0.freeByteCount, indexBytes: $0.indexByteCount,
        term: $0.position.term.rawValue, logSequence: $0.position.sequence.rawValue,
        logStart: $0.logStart, digest: $0.digest.description)
    }
  }

  /// A line for each shard, and one for all if there are several.
  var text: String {
    let hasWorkers = shards.contains { $0.worker != nil }
    var columns: [(heading: String, alignment: TextTable.Alignment)] = [
      ("shard", .left), ("records", .right), ("dead", .right), ("segments", .right),
      ("recent", .right), ("file", .right), ("free", .right), ("index", .right),
      ("writes", .right), ("digest", .left),
    ]
    if hasWorkers { columns.append(("primary", .left)) }
    var table = TextTable(columns)
    func append(_ name: String, _ shards: [Shard], writes: String, digest: String, worker: String) {
      func sum(_ value: (Shard) -> Int) -> Int { shards.reduce(0) { $0 + value($1) } }
      let cells = [
        name, Text.grouped(sum(\.records)), Text.grouped(sum(\.deadRows)),
        Text.grouped(sum(\.segments)), Text.grouped(sum(\.recentRows)),
        Text.bytes(sum(\.fileBytes)), Text.bytes(sum(\.freeBytes)),
        Text.bytes(sum(\.indexBytes)), writes, digest,
      ]
      table.append(hasWorkers ? cells + [worker] : cells)
    }
    for shard in shards {
      append(
        String(shard.shard), [shard], writes: Text.grouped(shard.logSequence),
        digest: shard.digest, worker: shard.worker ?? "-")
    }
    if shards.count > 1 { append("all", shards, writes: "", digest: digest, worker: "") }
    return table.text
  }
}
