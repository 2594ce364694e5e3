import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage

struct StatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show what a collection holds, shard by shard.",
    discussion: """
      Two collections with the same digest hold the same records, whatever the number
      of their shards and the order of loading.

      Examples:
        thumbprint stats --collection photos
        thumbprint stats --collection photos --json
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let stats = try collection.with(.readOnly) { try $0.stats() }
    if output.json { return try Console.write(json: StatsReport(stats)) }
    var table = TextTable([
      ("shard", .left), ("records", .right), ("dead", .right), ("segments", .right),
      ("recent", .right), ("file", .right), ("free", .right), ("index", .right),
      ("writes", .right), ("digest", .left),
    ])
    for shard in stats.shards {
      table.append([
        String(shard.number), Text.grouped(shard.recordCount), Text.grouped(shard.deadRowCount),
        Text.grouped(shard.segmentCount), Text.grouped(shard.recentRowCount),
        Text.bytes(shard.fileByteCount), Text.bytes(shard.freeByteCount),
        Text.bytes(shard.indexByteCount), Text.grouped(shard.logSequence),
        shard.digest.description,
      ])
    }
    if stats.shards.count > 1 {
      func sum(_ value: (ShardStats) -> Int) -> Int { stats.shards.reduce(0) { $0 + value($1) } }
      table.append([
        "all", Text.grouped(stats.recordCount), Text.grouped(sum(\.deadRowCount)),
        Text.grouped(sum(\.segmentCount)), Text.grouped(sum(\.recentRowCount)),
        Text.bytes(stats.fileByteCount), Text.bytes(sum(\.freeByteCount)),
        Text.bytes(stats.indexByteCount), "", stats.digest.description,
      ])
    }
    try Console.write(table.text)
    for shard in stats.shards {
      if let failure = shard.maintenanceFailure {
        output.log.note("shard \(shard.number): background work ended early: \(failure)")
      }
    }
  }
}

/// What a collection holds, as `--json` shows it.
struct StatsReport: Encodable {
  struct Shard: Encodable {
    var shard: Int
    var path: String
    var records: Int
    var deadRows: Int
    var segments: Int
    var recentRows: Int
    var blocks: Int
    var fileBytes: Int
    var freeBytes: Int
    var indexBytes: Int
    var logSequence: UInt64
    var logStart: UInt64
    var digest: String
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
        logSequence: $0.logSequence, logStart: $0.logStart, digest: $0.digest.description)
    }
  }
}
