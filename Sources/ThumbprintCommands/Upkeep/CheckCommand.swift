import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Read everything in a collection and check it.",
    discussion: """
      Checks checksums, counts, and the digest against the records. Ends with status
      65 and says where when something is damaged. Reads files, so it is for a store;
      the workers of a cluster check what they copy and what they read.

      Examples:
        thumbprint check --collection photos
        thumbprint check --collection photos --json
      """)

  @OptionGroup var collection: StoredCollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let progress = Progress("check", total: 0, noun: "bytes", quiet: output.log.quiet)
    let report = try collection.with(.readOnly) { collection in
      defer { progress.finish() }
      return try collection.check { progress.moved(to: $0.doneByteCount, of: $0.totalByteCount) }
    }
    if output.json {
      try Console.write(json: CheckResult(report))
    } else if report.isSound {
      try Console.write(
        "checked \(Text.count(report.recordCount, "record")) in "
          + "\(Text.count(report.shardCount, "shard")), \(Text.bytes(report.byteCount)), in "
          + "\(Text.duration(progress.elapsed)): sound, digest \(report.digest)\n")
    } else {
      for problem in report.problems { try Console.write(Text.oneLine("\(problem)") + "\n") }
    }
    guard report.isSound else {
      throw CommandError(
        .badData,
        "collection '\(collection.name)' is damaged in "
          + Text.count(report.problems.count, "place"),
        hint: "restore the files from a copy, or drop the collection and load it again")
    }
  }
}

/// What a check found, as `--json` shows it.
struct CheckResult: Encodable {
  struct Problem: Encodable {
    var path: String
    var message: String
  }

  var sound: Bool
  var shards: Int
  var records: Int
  var bytes: Int
  var digest: String
  var problems: [Problem]

  init(_ report: CheckReport) {
    sound = report.isSound
    shards = report.shardCount
    records = report.recordCount
    bytes = report.byteCount
    digest = report.digest.description
    problems = report.problems.map { Problem(path: $0.path, message: $0.message) }
  }
}
