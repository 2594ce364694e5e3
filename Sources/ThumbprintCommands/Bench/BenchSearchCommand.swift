import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex

struct BenchSearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Build an index in memory, time queries, and compare with a full scan.",
    discussion: """
      Prints times, the recall against a full scan, and a checksum of the answers,
      which is the same for equal answers. Candidates are codes compared in full.

      Examples:
        thumbprint bench search --features demo --queries queries.npy -k 4
        thumbprint bench search --features f.npy --queries q.npy -k 10 \\
          --promise recall=0.99 --tables 64 --mode single --evict --json
      """)

  @Option(
    help: ArgumentHelp(
      "Codes to search: an array of n × \(FeatureCode.byteCount) uint8, or a coded dataset.",
      valueName: "file"),
    completion: .file())
  var features: String

  @Option(
    help: ArgumentHelp("Codes to ask with, likewise.", valueName: "file"),
    completion: .file())
  var queries: String

  @OptionGroup var search: SearchOptions

  @Option(help: ArgumentHelp("Hash tables of the index: 128, 64 or 0.", valueName: "count"))
  var tables = IndexProfile.standard.tableCount

  @Option(help: ArgumentHelp("Seed of the order of bits in the index.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Threads to build with and to answer batches.", valueName: "count"))
  var threads = 1

  @Option(
    help: ArgumentHelp(
      "single (one query at a time), batch (all together) or both.", valueName: "mode"),
    completion: .list(SearchBenchmark.Mode.allCases.map(\.rawValue)))
  var mode = SearchBenchmark.Mode.both.rawValue

  @Flag(help: "Empty the caches of the processor before each single query.")
  var evict = false

  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp("Rounds; of each query the median counts.", valueName: "count"))
  var rounds = 1

  @Option(
    help: ArgumentHelp(
      "Ask the same of a store too, made in a folder of its own below this one, closed and opened "
        + "again.", valueName: "dir"),
    completion: .directory)
  var storeIn: String?

  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    try IndexProfile.check(tables: tables)
    try ThreadOptions.check(threads)
    guard rounds >= 1 else { throw ValidationError("--repeat: \(rounds) is below 1") }
    guard SearchBenchmark.Mode(rawValue: mode) != nil else {
      throw ValidationError("--mode: '\(mode)' is not single, batch or both")
    }
    guard search.metric == SearchMetric.feature.rawValue else {
      throw ValidationError("--metric: '\(search.metric)' needs image codes; here it is feature")
    }
  }

  mutating func run() throws {
    let features = try Self.dataset(features, flag: "--features")
    guard features.count <= IndexProfile.rowCountMax else {
      throw CommandError.flag(
        "--features",
        "\(features.path) has \(Text.grouped(features.count)) rows; one index in memory takes at "
          + "most \(Text.grouped(IndexProfile.rowCountMax))")
    }
    let queries = try Self.dataset(queries, flag: "--queries")
    let terms = try search.terms
    let stored = StoredSearchBenchmark(
      dataset: features, profile: IndexProfile(tableCount: tables), threadCount: threads,
      repeatCount: rounds)
    let report = try features.withUnsafeColumns { columns in
      let benchmark = SearchBenchmark(
        features: columns.features, queries: (0..<queries.count).map(queries.feature),
        terms: terms, profile: IndexProfile(tableCount: tables), seed: seed,
        threadCount: threads, mode: SearchBenchmark.Mode(rawValue: mode) ?? .both,
        evicts: evict, repeatCount: rounds,
        stored: storeIn.map { (stored, $0) })
      return try benchmark.run { output.log.note("bench: \($0)") }
    }
    if output.json { return try Console.write(json: report) }
    try Console.write(report.text)
  }

  private static func dataset(_ path: String, flag: String) throws -> CodedDataset {
    let dataset = try CommandError.naming(flag) { try CodedDataset(path: path) }
    guard dataset.count > 0 else { throw CommandError(.badData, "\(flag): \(path) has no rows") }
    return dataset
  }
}
