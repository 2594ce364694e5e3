import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

struct SnapshotRestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make a collection with the records of a snapshot.",
    discussion: """
      The collection must not exist yet. Its shards and replicas can be others than
      those of the snapshot. Ends by comparing counts and digests of both.

      Examples:
        thumbprint snapshot restore monday --collection photos \\
          --coordinator 127.0.0.1:7700 --shards 8 --replicas 2
        thumbprint snapshot restore monday --collection photos --resume
      """)

  @Argument(
    help: ArgumentHelp("What 'snapshot create' made.", valueName: "dir"), completion: .directory)
  var snapshot: String

  @Option(
    name: [.long, .customShort("c")],
    help: ArgumentHelp("Name of the collection to make.", valueName: "name"))
  var collection: String

  @Option(
    help: ArgumentHelp(
      "Number of shards, 1 to \(StoreLimits.shardCounts.upperBound) (default: as in the snapshot).",
      valueName: "count"))
  var shards: Int?

  @Option(
    help: ArgumentHelp(
      "With --coordinator: replicas of each shard, on as many workers (default: 2, or 1 with one worker).",
      valueName: "count"))
  var replicas: Int?

  @Flag(help: "Complete a restore that was interrupted: the collection exists.")
  var resume = false

  @OptionGroup var place: PlaceOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if let shards { try CollectionCreateCommand.check(shards: shards) }
    if let replicas { try CollectionCreateCommand.check(replicas: replicas, place) }
    if resume, shards != nil || replicas != nil {
      throw ValidationError("--resume: the collection has its shards and replicas already")
    }
  }

  mutating func run() throws {
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let start = Progress.now
    let manifest = try SnapshotManifest(folder: snapshot)
    let source = try LocalStore(path: snapshot, access: .readOnly)
    defer { source.close() }
    let records = try source.collection(manifest.collection)
    try Self.check(manifest, records)
    let place = place
    try place.with(.readWrite, makesStore: !resume) { store in
      if !resume { try make(manifest, in: store) }
      try fill(
        StoredCollection(try store.named(collection, flag: "--collection")), manifest, records)
    } cluster: { session in
      if !resume { try make(manifest, in: session) }
      try fill(try session.named(collection, flag: "--collection"), manifest, records)
    }
    let report = RestoreReport(
      snapshot: snapshot, collection: collection, records: manifest.records,
      digest: manifest.digest.description, seconds: Progress.now - start)
    if output.json { return try Console.write(json: report) }
    try Console.write(
      "restored \(Text.count(report.records, "record")) into '\(collection)' in "
        + "\(Text.duration(report.seconds)): counts and digest \(report.digest) are equal\n")
  }

  /// Holds the files against what the snapshot says of itself.
  private static func check(
    _ manifest: SnapshotManifest, _ collection: LocalCollection
  ) throws {
    let stats = try collection.stats()
    guard stats.recordCount == manifest.records, stats.digest == manifest.digest else {
      throw StoreError(
        .corrupt,
        "has \(stats.recordCount) records of digest \(stats.digest); the snapshot was taken with "
          + "\(manifest.records) of digest \(manifest.digest)",
        path: collection.path, hint: "someone wrote into the snapshot, or its files were mixed")
    }
  }

  private func make(_ manifest: SnapshotManifest, in store: LocalStore) throws {
    if replicas != nil {
      throw CommandError.flag("--replicas", "a store has one of each shard; this is for a cluster")
    }
    try store.createCollection(
      collection, shardCount: shards ?? manifest.shards.count,
      profile: IndexProfile(tableCount: manifest.tables),
      coder: manifest.coder.flatMap { CoderIdentity($0) })
  }

  private func make(_ manifest: SnapshotManifest, in session: ClusterSession) throws {
    _ = try session.run(
      CreateCollection(
        collection: collection, shardCount: shards ?? manifest.shards.count,
        replicationFactor: replicas, tableCount: manifest.tables,
        coder: manifest.coder.flatMap { CoderIdentity($0) }))
  }

  private func fill(
    _ target: some CollectionHandle, _ manifest: SnapshotManifest, _ source: LocalCollection
  ) throws {
    let progress = Progress(
      "restore", total: manifest.records, noun: "records", quiet: output.log.quiet)
    defer { progress.finish() }
    var doneCount = 0
    let report = try target.load(SnapshotRecords(collection: source, manifest: manifest)) {
      doneCount = $0
      progress.moved(to: $0, phase: $1)
    }
    if report.wasCancelled {
      throw CommandError(
        .interrupted,
        "\(Text.grouped(doneCount)) of \(Text.count(manifest.records, "record")) are in "
          + "'\(collection)'",
        hint: "to go on, run 'thumbprint snapshot restore' with --resume")
    }
    let stats = try target.stats()
    guard stats.records == manifest.records, stats.digest == manifest.digest.description else {
      throw CommandError(
        .badData,
        "'\(collection)' has \(Text.count(stats.records, "record")) of digest \(stats.digest), the "
          + "snapshot \(Text.grouped(manifest.records)) of digest \(manifest.digest)",
        hint: "someone else wrote to it, or it was not empty: drop it and restore again")
    }
  }
}

private struct RestoreReport: Encodable {
  var snapshot: String
  var collection: String
  var records: Int
  var digest: String
  var seconds: Double
}
