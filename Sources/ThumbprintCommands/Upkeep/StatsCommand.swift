import ArgumentParser
import ThumbprintStorage

struct StatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show what a collection holds, shard by shard.",
    discussion: """
      Two collections with the same digest hold the same records, whatever the number
      of their shards and the order of loading. Of a cluster each shard is as its
      primary has it.

      Examples:
        thumbprint stats --collection photos
        thumbprint stats --collection photos --json
        thumbprint stats --collection photos --coordinator 127.0.0.1:7700
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let stats = try collection.with(.readOnly) { try $0.stats() }
    if output.json { return try Console.write(json: stats) }
    try Console.write(stats.text)
    for shard in stats.shards {
      if let failure = shard.failure {
        output.log.note("shard \(shard.shard): background work ended early: \(failure)")
      }
    }
  }
}
