import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Put the records of a coded dataset into a collection.",
    discussion: """
      The dataset is a folder with features.npy and perhaps images.npy, ids.npy,
      names.txt and tags.jsonl, a single .npy file of codes, or a .bvecs file. Ids
      default to row numbers. A record whose id is there already is replaced; one with
      the same content is passed over, so an interrupted load is completed by running
      it again.

      Examples:
        thumbprint load demo --collection photos
        thumbprint load codes.npy --collection photos --json
        thumbprint load demo --collection photos --coordinator 127.0.0.1:7700
      """)

  @Argument(help: ArgumentHelp("What to load.", valueName: "dataset"), completion: .file())
  var dataset: String

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let source = try CodedDataset(path: dataset, access: .sequential)
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let progress = Progress(
      "load", total: source.count, noun: "records", quiet: output.log.quiet)
    var durableCount = 0
    let report = try collection.with(.readWrite) { collection in
      output.log.detail(
        "load: \(Text.count(source.count, "record")) of \(dataset) into '\(collection.name)'")
      defer { progress.finish() }
      return try collection.load(source, threadCount: threads.count) { count, phase in
        durableCount = count
        progress.moved(to: count, phase: phase)
      }
    }
    let result = LoadResult(
      dataset: dataset, collection: collection.name, records: source.count,
      durable: durableCount, report: report)
    if output.json {
      try Console.write(json: result)
    } else if !report.wasCancelled {
      try Console.write(result.text)
    }
    if report.wasCancelled { throw interruption(durable: durableCount, of: source.count) }
  }

  private func interruption(durable: Int, of count: Int) -> CommandError {
    if durable == count {
      return CommandError(
        .interrupted,
        "all \(Text.count(count, "record")) are on the disk in '\(collection.name)', "
          + "but not all are indexed",
        hint: "they are found, only slower; to go on, run the same command again")
    }
    return CommandError(
      .interrupted,
      "\(Text.grouped(durable)) of \(Text.count(count, "record")) are on the disk "
        + "in '\(collection.name)'",
      hint: "to go on, run the same command again; what is there is passed over")
  }
}

/// What a load did, as `--json` shows it.
struct LoadResult: Encodable {
  var dataset: String
  var collection: String
  var records: Int
  /// Rows of the dataset that are on the disk; all, unless the load was interrupted.
  var durable: Int
  var added: Int
  var replaced: Int
  var skipped: Int
  var duplicates: Int
  var interrupted: Bool
  var seconds: Double
  var sealingSeconds: Double
  /// Of the rows that were read.
  var digest: String

  init(dataset: String, collection: String, records: Int, durable: Int, report: LoadReport) {
    self.dataset = dataset
    self.collection = collection
    self.records = records
    self.durable = durable
    added = report.added
    replaced = report.replaced
    skipped = report.skipped
    duplicates = report.duplicates
    interrupted = report.wasCancelled
    seconds = report.seconds
    sealingSeconds = report.sealingSeconds
    digest = report.digest.description
  }

  var text: String {
    let counts = [
      (added, "added"), (replaced, "replaced"), (skipped, "there already"),
      (duplicates, "left out for a later row with the same id"),
    ].filter { $0.0 > 0 }.map { "\(Text.grouped($0.0)) \($0.1)" }
    let rate = seconds > 0 ? " (\(Text.grouped(Int(Double(records) / seconds)))/s)" : ""
    return "loaded \(Text.count(records, "record")) into '\(collection)' in "
      + "\(Text.duration(seconds))\(rate)"
      + (counts.isEmpty ? "" : ": " + counts.joined(separator: ", ")) + "\n"
  }
}

extension Progress {
  func moved(to load: LoadProgress) {
    moved(to: load.doneCount, phase: load.phase == .sealing ? "indexing" : nil)
  }
}
