import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

struct DuplicatesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "duplicates",
    abstract: "Find groups of records that are nearly the same.",
    discussion: """
      Asks for what is within --within bits of every record. Two records are in one
      group if a chain of such steps leads from one to the other. Groups are shown
      largest first, with the bits to the nearest other member, and the one to keep:
      the picture with the largest file. Records without feature codes, as 'encode
      --images-only' makes them, are left out. With --json every member that is near
      enough to the one to keep is marked as redundant.

      Examples:
        thumbprint duplicates --collection photos
        thumbprint duplicates --collection photos --within 250 --sheet duplicates.html
        thumbprint duplicates --collection photos --json > groups.json
      """)

  /// A tenth of the bits, rounded.
  private static let standardRadius = 400

  @OptionGroup var collection: CollectionOptions

  @Option(
    help: ArgumentHelp("Bits that two records may differ by, at most.", valueName: "bits"))
  var within = standardRadius

  @Option(
    help: ArgumentHelp("certified (each record, up to 1e-9) or exact.", valueName: "promise"),
    completion: .list(["certified", "exact"]))
  var promise = "certified"

  @Option(
    help: ArgumentHelp(
      "Groups to show, the largest first; files and --json have all.", valueName: "count"))
  var show = 20

  @OptionGroup var pictures: PictureOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  /// Members of a group that are printed, and those that a sheet shows: ten rows.
  private static let memberCount = 10
  private static let sheetMemberCount = 120
  /// Rows of a sheet: what a picture may be high, and a page that a browser likes.
  private static let sheetRowCount = 240
  private static let columnCount = 12

  mutating func validate() throws {
    guard (0...FeatureCode.bitCount).contains(within) else {
      throw ValidationError("--within: \(within) is not in 0...\(FeatureCode.bitCount)")
    }
    guard ["certified", "exact"].contains(promise) else {
      throw ValidationError("--promise: '\(promise)' is neither certified nor exact")
    }
    guard show >= 0 else { throw ValidationError("--show: \(show) is below 0") }
  }

  mutating func run() throws {
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    try collection.with(.readOnly) { collection in
      let description = try collection.report()
      let drawer = try pictures.drawer(coder: description.coder, output)
      let start = Progress.now
      let search = try search(collection, recordCount: description.records)
      var groups = search.groups
      let found = groups.groups()
      let seconds = Progress.now - start
      let isWhole = output.json || pictures.sheet != nil
      let report = DuplicatesReport(
        collection: self.collection.name, within: within, records: groups.count,
        recordsWithoutFeature: search.featurelessCount,
        groups: try found.prefix(isWhole ? .max : show).map {
          try DuplicatesReport.Group($0, within: within, in: collection)
        },
        seconds: seconds)
      try show(report, drawer, counts: found.map(\.count))
    }
  }

  private func search(
    _ collection: any CollectionHandle, recordCount: Int
  ) throws -> DuplicateSearch {
    let progress = Progress(
      "duplicates", total: recordCount, noun: "records", quiet: output.log.quiet)
    defer { progress.finish() }
    var search = DuplicateSearch(
      collection, within: within, promise: try SearchPromise(flag: promise),
      run: SearchRun(threadCount: threads.count), recordCount: recordCount)
    try search.findAll { done in
      if Interrupt.isRequested {
        throw CommandError(
          .interrupted,
          "\(Text.grouped(done)) of \(Text.count(recordCount, "record")) were compared",
          hint: "nothing was changed")
      }
      progress.moved(to: done)
    }
    return search
  }

  /// - Parameter counts: The members of all groups, also of those that are not in the report.
  private func show(
    _ report: DuplicatesReport, _ drawer: PictureDrawer?, counts: [Int]
  ) throws {
    if output.json {
      try Console.write(json: report)
    } else {
      try Console.write(report.text(counts))
    }
    if !output.json, drawer?.drawing == nil, show > 0, !counts.isEmpty {
      try Console.write(table(report))
    }
    if report.recordsWithoutFeature > 0 {
      output.log.note(
        "left out: \(Text.count(report.recordsWithoutFeature, "record")) without a feature code")
    }
    try drawer?.show(
      title: "Duplicates within \(within) bits in \(collection.name)", sections(report),
      columnCount: Self.columnCount, terminalSectionCount: show, threadCount: threads.count)
    if !output.json, counts.count > show {
      output.log.note(
        "\(Text.grouped(counts.count - show)) more groups: --show and --json have them")
    }
  }

  private func table(_ report: DuplicatesReport) -> String {
    var table = TextTable([
      ("group", .right), ("distance", .right), ("keep", .left), ("id", .right), ("name", .left),
    ])
    for (number, group) in report.groups.prefix(show).enumerated() {
      for member in group.members.prefix(Self.memberCount) {
        table.append([
          String(number + 1), String(member.distance), member.id == group.keep ? "keep" : "",
          member.id.description, Text.cut(member.name ?? "-", to: 60),
        ])
      }
      let rest = group.members.count - Self.memberCount
      if rest > 0 {
        table.append([String(number + 1), "", "", "", "and \(Text.grouped(rest)) more"])
      }
    }
    return table.text
  }

  /// The largest groups, as many as a sheet has room for.
  private func sections(_ report: DuplicatesReport) -> [PictureDrawer.Section] {
    var sections: [PictureDrawer.Section] = []
    var rowCount = 0
    for (number, group) in report.groups.enumerated() {
      let shown = group.members.prefix(Self.sheetMemberCount)
      rowCount += (shown.count + Self.columnCount - 1) / Self.columnCount
      if rowCount > Self.sheetRowCount { break }
      var heading = "group \(number + 1): \(Text.count(group.members.count, "record"))"
      if shown.count < group.members.count { heading += ", \(shown.count) shown" }
      sections.append(
        (
          heading,
          shown.map { member in
            PictureDrawer.Item(
              image: member.image,
              lines: [
                member.id == group.keep ? "keep" : "\(member.distanceToKept) bits",
                member.name ?? member.id.description,
              ])
          }
        ))
    }
    if let sheet = pictures.sheet, sections.count < report.groups.count {
      output.log.note(
        "'\(sheet)' has the \(Text.grouped(sections.count)) largest of "
          + "\(Text.grouped(report.groups.count)) groups; --json has all")
    }
    return sections
  }
}
