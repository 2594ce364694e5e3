import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

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
      """)

  @Argument(help: "Name of the collection: letters, digits, '-', '_' and '.'.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "Number of shards, 1 to \(StoreLimits.shardCounts.upperBound).", valueName: "count"))
  var shards = 1

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

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    try Self.check(shards: shards)
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

  mutating func run() throws {
    let info = try store.with(.readWrite) { store in
      try store.createCollection(
        name, shardCount: shards, profile: IndexProfile(tableCount: tables),
        coder: coder.flatMap { CoderIdentity($0) })
      return try store.collection(name).info
    }
    if output.json {
      try Console.write(json: CollectionReport(info))
    } else {
      try Console.write(
        "created collection '\(name)' with \(Text.count(shards, "shard")) in \(store.path)\n")
    }
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
