import ArgumentParser
import ThumbprintIndex
import ThumbprintStorage

struct BenchLoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Time a durable load, and compare with writing the same bytes as a plain file.",
    discussion: """
      Makes random codes in a folder of its own below --dir, about 4 KiB a record in
      all, loads them, and removes everything. The plain file is written and synced in
      the same run, in turns with the loads; medians are compared.

      Examples:
        thumbprint bench load --count 100000
        thumbprint bench load --count 4000000 --shards 2 --dir ssd --json
      """)

  @Option(help: ArgumentHelp("Records to load, at least 1.", valueName: "number"))
  var count = 1_000_000

  @Option(
    help: ArgumentHelp(
      "Number of shards, 1 to \(StoreLimits.shardCounts.upperBound).", valueName: "count"))
  var shards = 1

  @Option(help: ArgumentHelp("Hash tables of the index: 128, 64 or 0.", valueName: "count"))
  var tables = IndexProfile.standard.tableCount

  @Option(
    help: ArgumentHelp("Folder on the disk to measure.", valueName: "dir"),
    completion: .directory)
  var dir = "."

  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp("Loads, each between two plain files; at least 1.", valueName: "count"))
  var rounds = 3

  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard rounds >= 1 else { throw ValidationError("--repeat: \(rounds) is below 1") }
    guard count >= 1 else { throw ValidationError("--count: \(count) is below 1") }
    try CollectionCreateCommand.check(shards: shards)
    try IndexProfile.check(tables: tables)
  }

  mutating func run() throws {
    let progress = Progress("load", total: count, noun: "records", quiet: output.log.quiet)
    defer { progress.finish() }
    let report = try LoadBenchmark.run(
      directory: dir, recordCount: count, shardCount: shards, repeatCount: rounds,
      profile: IndexProfile(tableCount: tables)
    ) {
      progress.moved(to: $0)
    }
    progress.finish()
    if output.json { return try Console.write(json: report) }
    try Console.write(Self.text(report))
  }

  private static func text(_ report: LoadBenchmark.Report) -> String {
    let load = report.loads.map { Text.duration($0.seconds) }.joined(separator: ", ")
    let plain = report.plainSeconds.map(Text.duration).joined(separator: ", ")
    let cpu = report.loads.map { $0.userSeconds + $0.systemSeconds }.max() ?? 0
    let facts = [
      (
        "load",
        "\(Text.count(report.recordCount, "record")) in \(load): "
          + "\(Text.grouped(Int(report.recordsPerSecond)))/s in the median; up to "
          + "\(Text.duration(cpu)) of processor time"
      ),
      (
        "plain file",
        "\(plain) for the same bytes: the load runs at \(Text.fixed(report.speedRatio, 2)) of its "
          + "speed, by medians"
      ),
      (
        "written",
        "\(Text.bytes(report.loads.map(\.writtenByteCount).max() ?? 0)), "
          + "\(Text.fixed(report.writtenPerRecordByte, 2)) bytes per byte of a record"
      ),
      ("memory", "\(Text.bytes(report.memoryByteCountMax)) at most"),
      (
        "file", "\(Text.bytes(report.fileByteCount)), \(Text.bytes(report.indexByteCount)) index"
      ),
      (
        "open again",
        "\(Text.duration(report.reopened.openSeconds)), warm "
          + "\(Text.duration(report.reopened.warmSeconds)), first query "
          + "\(Text.duration(report.reopened.firstQuerySeconds)), others "
          + "\(Text.duration(report.reopened.querySeconds))"
      ),
    ]
    let width = facts.reduce(0) { max($0, $1.0.count) }
    return facts.map { name, value in
      "\(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
    }.joined()
  }
}
