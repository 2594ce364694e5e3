import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintCoding

struct IngestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Code pictures and load them, in one go.",
    discussion: """
      Folders are searched at any depth for PNG and JPEG files. The name of a picture
      is its path below the folder, behind the folder's own name if several are given;
      a file that is given has its own name, without folders. Ids are made from names.
      A file is in the collection once, under its first name, however it is given. So
      a run that was stopped goes on when the same command is given again, and a later
      run codes what is new or was changed since; records of files that are gone are
      counted, and deleted with --prune. A picture whose name another file has is
      refused. The collection is made if there is none. Pictures that are refused or
      cannot be read are listed; the exit status is then 65, or 0 with --skip-bad.

      Examples:
        thumbprint ingest photos --collection photos
        thumbprint ingest photos --collection photos --prune
        thumbprint ingest /media/card --collection photos --prefix card
        thumbprint ingest photos --collection photos --coordinator 127.0.0.1:7700
      """)

  @Argument(help: ArgumentHelp("Folders and files.", valueName: "path"), completion: .file())
  var inputs: [String]

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var made: NewCollectionOptions

  @Option(
    help: ArgumentHelp(
      "Put this and a slash before every name, to keep folders apart.", valueName: "name"))
  var prefix: String?

  @Flag(help: "Delete the records of files that are not in the folders any more.")
  var prune = false

  @Flag(help: "Put pictures in the place of those of other files with the same names.")
  var replace = false

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

  mutating func validate() throws {
    if let prefix, prefix.isEmpty || prefix.hasPrefix("/") || prefix.hasSuffix("/") {
      throw ValidationError("--prefix: '\(prefix)' is empty, or begins or ends with a slash")
    }
  }

  mutating func run() throws {
    let network = try model.load()
    guard network.features != nil else {
      throw CommandError(
        .usage, "--model: the model has no feature network, so its codes could not be found")
    }
    let source = try EncodeSource(inputs, prefix: prefix)
    guard !prune || !source.folders.isEmpty else {
      throw CommandError.flag("--prune", "needs a folder, to know what is gone from it")
    }
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let report = try collection.filling(made, coder: network.identity, log: output.log) { target in
      let progress = Progress(
        "ingest", total: source.files.count, noun: "pictures", quiet: output.log.quiet)
      defer { progress.finish() }
      var ingestion = Ingestion(
        source, into: target, encoder: PictureEncoder(network, threadCount: threads.count),
        progress: progress, wishes: Ingestion.Wishes(prunes: prune, replaces: replace))
      return try ingestion.run()
    }
    try show(report)
  }

  private func show(_ report: IngestReport) throws {
    try writeRefused(report)
    if output.json { try Console.write(json: report) } else { try Console.write(report.text) }
    for name in report.goneNames {
      output.log.detail("\(prune ? "deleted" : "gone"): \(Self.listed(name))")
    }
    if let first = report.otherNamesOfPaths.first {
      output.log.note(
        "kept under other names: \(Text.count(report.otherNames, "picture")); "
          + "'\(Self.listed(first.path))' is '\(Self.listed(first.name))'")
    }
    for other in report.otherNamesOfPaths.dropFirst() {
      output.log.detail("'\(Self.listed(other.path))' is '\(Self.listed(other.name))'")
    }
    if let kinds = EncodeSource.text(ofKinds: report.otherKinds) {
      output.log.note("passed over, as only PNG and JPEG are read: \(kinds)")
    }
    if report.folderLinks > 0 {
      output.log.note("not followed: \(Text.count(report.folderLinks, "link")) to folders")
    }
    if report.refused.isEmpty { return }
    for refusal in report.refused.prefix(IngestReport.listedCount) {
      output.log.note("refused: \(Self.listed(refusal.path)): \(Text.oneLine(refusal.reason))")
    }
    if report.refused.count > IngestReport.listedCount {
      output.log.note(
        "refused: \(Text.grouped(report.refused.count - IngestReport.listedCount)) more")
    }
    if skipBad { return }
    let first = report.refused[0]
    throw CommandError(
      .badData,
      "\(Text.count(report.refused.count, "picture")) could not be coded"
        + (report.refused.count > 1 ? "; the first is " : ": ")
        + "'\(Self.listed(first.path))': \(first.reason)",
      hint: hint(report))
  }

  private func hint(_ report: IngestReport) -> String {
    if report.problems.contains(.takenName) {
      return
        "--prefix NAME keeps pictures of several folders apart, --replace replaces those in the "
        + "collection, --skip-bad leaves these out"
    }
    if report.problems.contains(.equalName) {
      return "give the folder that has them all, and names are paths below it; --skip-bad leaves "
        + "these out"
    }
    return refused == nil
      ? "--refused FILE lists them all; --skip-bad accepts them"
      : "all are listed in \(refused ?? ""); --skip-bad accepts them"
  }

  private static func listed(_ path: String) -> String { Text.oneLine(Text.cut(path, to: 160)) }

  private func writeRefused(_ report: IngestReport) throws {
    guard let refused else { return }
    let text = report.refused.map { "\(Text.oneLine($0.path))\t\(Text.oneLine($0.reason))\n" }
    do {
      try Data(text.joined().utf8).write(to: URL(filePath: refused))
    } catch {
      throw CommandError(
        .inputOutput, "--refused: '\(refused)': cannot write", cause: "\(error)")
    }
  }
}
