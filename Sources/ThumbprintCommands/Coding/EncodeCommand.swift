import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintCoding

struct EncodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Turn pictures into a coded dataset.",
    discussion: """
      Folders are searched at any depth for PNG and JPEG files. Ids are the places in
      the sorted list of files, counted from --first-id; names are paths below the
      folder, or the file's own. A run that was stopped goes on when the same command
      is given again. Pictures that cannot be read are listed at the end and in
      DATASET.refused.txt; the others are in the dataset all the same. The exit status
      is then 65, or 0 with --skip-bad.

      Examples:
        thumbprint encode photos --out photos.coded
        thumbprint encode one.jpg two.png --out two.coded --effort 2
        thumbprint encode photos --out thumbs.coded --images-only --skip-bad
      """)

  @Argument(help: ArgumentHelp("Folders and files.", valueName: "path"), completion: .file())
  var inputs: [String]

  @Option(
    help: ArgumentHelp("Coded dataset to make.", valueName: "dataset"), completion: .directory)
  var out: String

  @Option(help: ArgumentHelp("Id of the first file.", valueName: "id"))
  var firstID: UInt64 = 0

  @Flag(help: "Leave feature codes zero: the dataset shows pictures and cannot find them.")
  var imagesOnly = false

  @Flag(help: "End with status 0 although some pictures could not be read.")
  var skipBad = false

  @OptionGroup var model: ModelOptions
  @OptionGroup var effort: EffortOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  /// Files between two blocks of the journal.
  private static let blockCount = 512
  /// Bad files that are listed on the terminal; the file lists all.
  private static let listedCount = 20

  mutating func run() throws {
    guard !FileManager.default.fileExists(atPath: out) else {
      throw CommandError.flag(
        "--out", "'\(out)' is there already", hint: "choose another name, or remove it")
    }
    let network = try loadModel()
    let source = try EncodeSource(inputs)
    try requireRoom(for: source.files.count)
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let journal = try EncodeJournal(
      path: trimmedOut + ".journal",
      run: "\(source.fingerprint()) \(network.identity) effort \(effort.effort)")
    if journal.count > 0 {
      output.log.note("encode: going on after \(Text.count(journal.count, "picture"))")
    }
    let start = Progress.now
    let resumed = journal.count
    try encode(source, network, journal)
    var report = try write(source, network, journal)
    report.seconds = Progress.now - start
    report.resumed = resumed
    journal.remove()
    try show(report)
  }

  private var trimmedOut: String {
    out.hasSuffix("/") ? String(out.dropLast()) : out
  }

  /// Ids end at 2⁶⁴ − 1.
  private func requireRoom(for count: Int) throws {
    let (last, isTooGreat) = firstID.addingReportingOverflow(UInt64(max(1, count) - 1))
    guard isTooGreat else { return }
    throw CommandError.flag(
      "--first-id",
      "\(Text.count(count, "picture")) from \(firstID) on would go \(last + 1) beyond "
        + "\(UInt64.max), the greatest id",
      hint: "the first id may be \(UInt64.max - UInt64(count - 1)) at most")
  }

  private func loadModel() throws -> Model {
    let whole = try model.load()
    if imagesOnly { return try Model(codec: whole.codec, features: nil, notes: whole.notes) }
    guard whole.features != nil else {
      throw CommandError(
        .usage, "--model: the model has no feature network, so its codes could not be found",
        hint: "--images-only makes a dataset that only shows pictures")
    }
    return whole
  }

  private func encode(
    _ source: EncodeSource, _ network: Model, _ journal: EncodeJournal
  ) throws {
    let encoder = PictureEncoder(
      network, search: effort.search(network.codec), threadCount: threads.count)
    // Safe: the encoder calls one at a time.
    nonisolated(unsafe) let progress = Progress(
      "encode", total: source.files.count, noun: "pictures", quiet: output.log.quiet)
    defer { progress.finish() }
    let start = journal.count
    let isWhole = try encoder.encode(
      source.files[start...].map(\.path)[...], blockCount: Self.blockCount,
      progress: { done in
        progress.moved(to: start + done)
        return !Interrupt.isRequested
      }, block: { try journal.append($0) })
    guard isWhole else {
      progress.finish()
      throw CommandError(
        .interrupted,
        "\(Text.grouped(journal.count)) of \(Text.count(source.files.count, "picture")) are coded",
        hint: "to go on, run the same command again")
    }
  }

  /// Makes the dataset and the list of what could not be read.
  private func write(
    _ source: EncodeSource, _ network: Model, _ journal: EncodeJournal
  ) throws -> EncodeReport {
    let writer = try CodedDatasetWriter(
      path: out, coder: network.identity, createdBy: "thumbprint \(ThumbprintVersion.number)")
    var refused = source.refused
    try journal.readAll { place, outcome in
      let file = source.files[place]
      switch outcome {
      case .refused(let reason):
        refused.append(EncodeReport.Refusal(path: file.path, reason: reason))
      case .coded(let image, let feature):
        do {
          try writer.append(
            Record(
              id: ItemID(firstID + UInt64(place)), name: file.name, feature: feature, image: image))
        } catch let error as CodedDatasetError where error.code == .invalidName {
          refused.append(EncodeReport.Refusal(path: file.path, reason: error.message))
        }
      }
    }
    let listPath = trimmedOut + ".refused.txt"
    if refused.isEmpty {
      try? FileManager.default.removeItem(atPath: listPath)
    } else {
      let text = refused.map { "\(Text.oneLine($0.path))\t\(Text.oneLine($0.reason))\n" }.joined()
      do {
        try Data(text.utf8).write(to: URL(filePath: listPath))
      } catch {
        throw CommandError(.inputOutput, "'\(listPath)': cannot write", cause: "\(error)")
      }
    }
    guard writer.count > 0 else {
      writer.abandon()
      journal.remove()
      let first = refused.first.map { ": '\($0.path)': \($0.reason)" } ?? ""
      throw CommandError(.badData, "no picture could be coded\(first)", hint: "see \(listPath)")
    }
    let manifest = try writer.finish()
    return EncodeReport(
      dataset: out, records: manifest.count, coder: network.identity,
      digest: manifest.digest.description, refused: refused)
  }

  private func show(_ report: EncodeReport) throws {
    if output.json {
      try Console.write(json: report)
    } else {
      let rate = Double(report.records - min(report.resumed, report.records)) / report.seconds
      try Console.write(
        "encoded \(Text.count(report.records, "picture")) into \(out) in "
          + "\(Text.duration(report.seconds)) (\(Text.grouped(Int(rate)))/s), coder "
          + "\(report.coder)\n")
    }
    guard !report.refused.isEmpty else { return }
    for refusal in report.refused.prefix(Self.listedCount) {
      output.log.note("refused: \(Text.oneLine(refusal.path)): \(Text.oneLine(refusal.reason))")
    }
    guard !skipBad else { return }
    throw CommandError(
      .badData,
      "\(Text.count(report.refused.count, "picture")) of "
        + "\(Text.grouped(report.records + report.refused.count)) could not be coded; the others "
        + "are in '\(out)'",
      hint: "all are listed in \(trimmedOut).refused.txt; --skip-bad accepts them")
  }
}

/// What an encoding did, as `--json` shows it.
struct EncodeReport: Encodable {
  struct Refusal: Encodable {
    var path: String
    var reason: String
  }

  var dataset: String
  var records: Int
  var coder: CoderIdentity
  var digest: String
  var refused: [Refusal]
  /// Pictures that an earlier run had coded.
  var resumed = 0
  var seconds = 0.0
}
