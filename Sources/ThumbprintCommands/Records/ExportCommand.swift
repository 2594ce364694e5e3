import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write all records of a collection as a coded dataset.",
    discussion: """
      The folder must not exist yet; it gets its name when everything is on the disk.
      Records are in the order of their ids. Of a cluster, what is written meanwhile
      may or may not be among them.

      Examples:
        thumbprint export backup --collection photos
      """)

  @Argument(
    help: ArgumentHelp("Folder to make.", valueName: "dataset"), completion: .directory)
  var dataset: String

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let report = try collection.with(.readOnly) { collection in
      let info = try collection.report()
      let writer = try CodedDatasetWriter(
        path: dataset, coder: info.coder.flatMap(CoderIdentity.init),
        createdBy: "thumbprint \(ThumbprintVersion.number)")
      let progress = Progress(
        "export", total: info.records, noun: "records", quiet: output.log.quiet)
      defer { progress.finish() }
      try collection.forEachRecord { record in
        if Interrupt.isRequested {
          throw CommandError(.interrupted, "nothing was written to '\(dataset)'")
        }
        try writer.append(record)
        progress.moved(to: writer.count)
      }
      let manifest = try writer.finish()
      return ExportReport(
        dataset: dataset, records: manifest.count, digest: manifest.digest.description,
        seconds: progress.elapsed)
    }
    if output.json { return try Console.write(json: report) }
    try Console.write(
      "exported \(Text.count(report.records, "record")) to \(dataset) in "
        + "\(Text.duration(report.seconds)), digest \(report.digest)\n")
  }
}

private struct ExportReport: Encodable {
  var dataset: String
  var records: Int
  var digest: String
  var seconds: Double
}
