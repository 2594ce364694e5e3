import ArgumentParser
import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

struct SnapshotGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Copy a collection as it is into a folder, and bring it back.",
    subcommands: [SnapshotCreateCommand.self, SnapshotRestoreCommand.self])
}

struct SnapshotCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Copy a collection with its index into a folder that is a store itself.",
    discussion: """
      Each shard is as it was at one moment, which snapshot.json names by its position
      in the log; queries and writes go on. Everything that arrives is checked. The
      same command completes an interrupted snapshot. The folder can be asked at once:
      thumbprint query --store DIR.

      Examples:
        thumbprint snapshot create photos --coordinator 127.0.0.1:7700 --out monday
        thumbprint snapshot create photos --store pictures --out monday
        thumbprint snapshot create photos --out monday --bandwidth 50MiB
      """)

  @Argument(help: "Name of the collection.")
  var name: String

  @Option(
    help: ArgumentHelp("Folder to make, or to go on with.", valueName: "dir"),
    completion: .directory)
  var out: String

  @Option(
    help: ArgumentHelp(
      "The most bytes a second that are read, for instance 50MiB; 0 for no bound.",
      valueName: "bytes"))
  var bandwidth = ByteCount(count: 0)

  @OptionGroup var place: PlaceOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let start = Progress.now
    let manifest = try place.with(.readOnly) { store in
      let collection = try store.named(name, flag: "NAME")
      return try create(try collection.snapshotSource()) {
        StoredShardReader(source: try collection.copySource($0))
      }
    } cluster: { session in
      let description = try session.named(name, flag: "NAME").collection.description
      let cluster = try session.run(ClusterStatusOperation()).cluster.description
      let source = SnapshotFolder.Source(
        name: description.name, id: description.id, shardCount: description.shardCount,
        tableCount: description.tableCount, created: description.created,
        coder: description.coder, cluster: cluster)
      return try create(source) {
        try ClusterShardReader(session, ShardKey(collection: description.id, number: $0))
      }
    }
    if output.json { return try Console.write(json: manifest) }
    try Console.write(
      "copied \(Text.count(manifest.records, "record")) of '\(name)' in "
        + "\(Text.count(manifest.shards.count, "shard")) to \(out) in "
        + "\(Text.duration(Progress.now - start)), digest \(manifest.digest)\n")
  }

  private func create(
    _ source: SnapshotFolder.Source, _ open: @escaping (Int) throws -> any ShardCopyReader
  ) throws -> SnapshotManifest {
    let folder = try CommandError.naming("--out") {
      try SnapshotFolder(path: out, source: source)
    }
    let progress = Progress("snapshot", total: 0, noun: "bytes", quiet: output.log.quiet)
    defer { progress.finish() }
    var copier = SnapshotCopier(
      folder: folder, shardCount: source.shardCount, byteRate: bandwidth.count,
      patience: Double(place.cluster.timeout), progress: progress, open: open)
    try copier.run()
    return try folder.finish(createdBy: "thumbprint \(ThumbprintVersion.number)")
  }
}
