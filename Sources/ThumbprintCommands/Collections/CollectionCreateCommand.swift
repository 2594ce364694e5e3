import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

struct CollectionCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make an empty collection, and the store if there is none yet.",
    discussion: """
      Records are spread over the shards by a hash of their id. One shard serves
      millions of records; answers are the same whatever their number.

      Examples:
        thumbprint collection create photos
        thumbprint collection create photos --shards 4 --tables 64
        thumbprint collection create photos --coordinator 127.0.0.1:7700 \\
          --shards 16 --replicas 3
      """)

  @Argument(help: "Name of the collection: letters, digits, '-', '_' and '.'.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "Number of shards, 1 to \(StoreLimits.shardCounts.upperBound) (default: 1 in a store, 8 in a cluster).",
      valueName: "count"))
  var shards: Int?

  @Option(
    help: ArgumentHelp(
      "Hash tables per segment: 128 (about as many bytes as the codes), 64 (half of that) or 0.",
      valueName: "count"))
  var tables = IndexProfile.standard.tableCount

  @Option(
    help: ArgumentHelp(
      "Identity of the coder whose codes are let in (default: that of the first dataset loaded).",
      valueName: "identity"))
  var coder: String?

  @Option(
    help: ArgumentHelp(
      "With --coordinator: replicas of each shard, on as many workers (default: 2, or 1 with one worker).",
      valueName: "count"))
  var replicas: Int?

  @OptionGroup var place: PlaceOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if let shards { try Self.check(shards: shards) }
    if let replicas { try Self.check(replicas: replicas, place) }
    try IndexProfile.check(tables: tables)
    if let coder, CoderIdentity(coder) == nil {
      throw ValidationError(
        "--coder: '\(coder)' is not 1 to \(CoderIdentity.characterCountMax) characters of 0-9, a-z and '-'"
      )
    }
  }

  static func check(shards: Int) throws {
    guard StoreLimits.shardCounts.contains(shards) else {
      throw ValidationError(
        "--shards: \(shards) is not in 1...\(StoreLimits.shardCounts.upperBound)")
    }
  }

  /// The most that a coordinator lets a shard have; there have to be as many workers.
  static let replicaCountMax = 7

  static func check(replicas: Int, _ place: PlaceOptions) throws {
    guard (1...replicaCountMax).contains(replicas) else {
      throw ValidationError("--replicas: \(replicas) is not in 1...\(replicaCountMax)")
    }
    if place.store.store != nil {
      throw ValidationError("--replicas: a store has one of each shard; this is for a cluster")
    }
  }

  mutating func run() throws {
    let coder = coder.flatMap { CoderIdentity($0) }
    if replicas != nil, case .folder = try place.place {
      throw CommandError.flag(
        "--replicas", "a store has one of each shard; this is for a cluster",
        hint: "give --coordinator HOST:PORT")
    }
    let report = try place.with(.readWrite, makesStore: true) { store in
      try store.createCollection(
        name, shardCount: shards ?? 1, profile: IndexProfile(tableCount: tables), coder: coder)
      return CollectionReport(try store.collection(name).info)
    } cluster: { session in
      CollectionReport(
        try session.run(
          CreateCollection(
            collection: name, shardCount: shards, replicationFactor: replicas,
            tableCount: tables, coder: coder)))
    }
    if output.json { return try Console.write(json: report) }
    let copies = report.replicas.map { " of \(Text.count($0, "replica"))" } ?? ""
    try Console.write(
      "created collection '\(name)' with \(Text.count(report.shards, "shard"))\(copies) in "
        + "\(try place.name)\n")
  }
}

extension IndexProfile {
  static func check(tables: Int) throws {
    guard tableCounts.contains(tables) else {
      let allowed = tableCounts.map(String.init).joined(separator: ", ")
      throw ValidationError("--tables: \(tables) is not one of \(allowed)")
    }
  }
}
