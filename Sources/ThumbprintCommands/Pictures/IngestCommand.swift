import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintCoding

struct IngestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Code pictures and load them, in one go.",
    discussion: """
      Folders are searched at any depth for PNG and JPEG files. Names are paths below
      the folder, and ids are made from the names. So a run that was stopped goes on
      when the same command is given again, and a later run codes what is new or was
      changed since. The collection is made if there is none. Pictures that cannot be
      read are listed at the end; the exit status is then 65, or 0 with --skip-bad.

      Examples:
        thumbprint ingest photos --collection photos
        thumbprint ingest photos --collection photos --coordinator 127.0.0.1:7700
      """)

  @Argument(help: ArgumentHelp("Folders and files.", valueName: "path"), completion: .file())
  var inputs: [String]

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var made: NewCollectionOptions

  @Flag(help: "End with status 0 although some pictures could not be read.")
  var skipBad = false

  @Option(
    help: ArgumentHelp(
      "Write the pictures that could not be read, and why, into this file.", valueName: "file"),
    completion: .file())
  var refused: String?

  @OptionGroup var model: ModelOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  /// Pictures that are written together.
  private static let blockCount = 1_024
  /// Bad files that are listed on the terminal.
  private static let listedCount = 20

  mutating func run() throws {
    let network = try model.load()
    guard network.features != nil else {
      throw CommandError(
        .usage, "--model: the model has no feature network, so its codes could not be found")
    }
    let source = try EncodeSource(inputs)
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let report = try collection.withNew(made, coder: network.identity) { handle in
      try ingest(source, network, into: handle)
    }
    try show(report)
  }

  private func ingest(
    _ source: EncodeSource, _ network: Model, into collection: any CollectionHandle
  ) throws -> IngestReport {
    let encoder = PictureEncoder(network, threadCount: threads.count)
    // Safe: the encoder calls one at a time.
    nonisolated(unsafe) let progress = Progress(
      "ingest", total: source.paths.count, noun: "pictures", quiet: output.log.quiet)
    defer { progress.finish() }
    var report = IngestReport(collection: collection.name, coder: network.identity)
    var seen: Set<String> = []
    for start in stride(from: 0, to: source.paths.count, by: Self.blockCount) {
      let block = start..<min(source.paths.count, start + Self.blockCount)
      let files = try files(of: source, block, in: collection, &seen, &report)
      let skipped = block.count - files.count
      let outcomes = encoder.encode(files.map(\.path)[...]) { done in
        progress.moved(to: start + skipped + done)
        return !Interrupt.isRequested
      }
      guard let outcomes else {
        progress.finish()
        throw CommandError(
          .interrupted,
          "\(Text.grouped(start)) of \(Text.count(source.paths.count, "picture")) are in "
            + "'\(collection.name)'",
          hint: "to go on, run the same command again")
      }
      try write(files, outcomes, to: collection, &report)
      progress.moved(to: block.upperBound)
    }
    try collection.settle()
    report.seconds = progress.elapsed
    return report
  }

  /// A picture that has to be coded.
  private struct File {
    var path: String
    var name: String
    var place: PictureIDs.Place
    var tags: [String: String]
  }

  /// The pictures of a block that are new or were changed.
  private func files(
    of source: EncodeSource, _ block: Range<Int>, in collection: any CollectionHandle,
    _ seen: inout Set<String>, _ report: inout IngestReport
  ) throws -> [File] {
    var named: [(path: String, name: String)] = []
    for index in block {
      let (path, name) = (source.paths[index], source.names[index])
      if !seen.insert(name).inserted {
        report.refuse(path, "another picture has the name '\(name)' too")
      } else if name.utf8.count > RecordLimits.nameByteCountMax {
        report.refuse(
          path,
          "its name has \(name.utf8.count) bytes; the most is \(RecordLimits.nameByteCountMax)")
      } else {
        named.append((path, name))
      }
    }
    let places = try PictureIDs.places(of: named.map(\.name)) { try collection.records($0) }
    var files: [File] = []
    for (file, place) in zip(named, places) {
      let tags = Self.tags(of: file.path)
      if let tags, place.record?.tags == tags {
        report.unchanged += 1
      } else {
        files.append(File(path: file.path, name: file.name, place: place, tags: tags ?? [:]))
      }
    }
    return files
  }

  /// What tells whether a file was changed: its size, and when it was written.
  private static func tags(of path: String) -> [String: String]? {
    guard let facts = try? FileManager.default.attributesOfItem(atPath: path),
      let size = facts[.size] as? UInt64, let date = facts[.modificationDate] as? Date
    else { return nil }
    let milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded())
    return PictureTags.tags(byteCount: size, modified: milliseconds)
  }

  private func write(
    _ files: [File], _ outcomes: [PictureEncoder.Outcome], to collection: any CollectionHandle,
    _ report: inout IngestReport
  ) throws {
    var records: [Record] = []
    for (file, outcome) in zip(files, outcomes) {
      switch outcome {
      case .refused(let reason): report.refuse(file.path, reason)
      case .coded(let image, let feature):
        records.append(
          Record(
            id: file.place.id, name: file.name, tags: file.tags, feature: feature, image: image))
        if file.place.record == nil { report.added += 1 } else { report.changed += 1 }
      }
    }
    if !records.isEmpty { try collection.upsert(records) }
  }

  private func show(_ report: IngestReport) throws {
    if let refused {
      let text = report.refused.map { "\(Text.oneLine($0.path))\t\(Text.oneLine($0.reason))\n" }
      do {
        try Data(text.joined().utf8).write(to: URL(filePath: refused))
      } catch {
        throw CommandError(
          .inputOutput, "--refused: '\(refused)': cannot write", cause: "\(error)")
      }
    }
    if output.json { try Console.write(json: report) } else { try Console.write(report.text) }
    if report.refused.isEmpty { return }
    for refusal in report.refused.prefix(Self.listedCount) {
      output.log.note("refused: \(Text.oneLine(refusal.path)): \(Text.oneLine(refusal.reason))")
    }
    if skipBad { return }
    throw CommandError(
      .badData, "\(Text.count(report.refused.count, "picture")) could not be coded",
      hint: refused == nil
        ? "--refused FILE lists them all; --skip-bad accepts them"
        : "all are listed in \(refused ?? ""); --skip-bad accepts them")
  }
}

/// What a run did, as `--json` shows it.
struct IngestReport: Encodable {
  var collection: String
  var coder: CoderIdentity
  var added = 0
  /// Pictures that were there with other contents.
  var changed = 0
  var unchanged = 0
  var refused: [EncodeReport.Refusal] = []
  var seconds = 0.0

  init(collection: String, coder: CoderIdentity) {
    self.collection = collection
    self.coder = coder
  }

  mutating func refuse(_ path: String, _ reason: String) {
    refused.append(EncodeReport.Refusal(path: path, reason: reason))
  }

  var text: String {
    let coded = added + changed
    let rate = coded > 0 && seconds > 0 ? " (\(Text.grouped(Int(Double(coded) / seconds)))/s)" : ""
    var text = "ingested \(Text.count(coded, "picture")) into '\(collection)' in "
    text += "\(Text.duration(seconds))\(rate)"
    if changed > 0 { text += ", \(Text.grouped(changed)) of them changed since" }
    if unchanged > 0 { text += "; \(Text.grouped(unchanged)) were there already" }
    return text + "\n"
  }
}
