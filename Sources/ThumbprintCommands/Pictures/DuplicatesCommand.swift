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
      largest first, with the bits to the nearest other member.

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

  /// Queries answered together.
  private static let windowCount = 1_024

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
      let drawer = try pictures.drawer(coder: description.coder, isJSON: output.json)
      let start = Progress.now
      var groups = try groups(in: collection, recordCount: description.records)
      let found = groups.groups()
      let seconds = Progress.now - start
      let report = DuplicatesReport(
        collection: self.collection.name, within: within, records: groups.count,
        groups: found, seconds: seconds)
      try show(report, collection, drawer)
    }
  }

  /// Asks for what is near every record, in one pass over them.
  private func groups(
    in collection: any CollectionHandle, recordCount: Int
  ) throws -> DuplicateGroups {
    let progress = Progress(
      "duplicates", total: recordCount, noun: "records", quiet: output.log.quiet)
    defer { progress.finish() }
    let promise = try SearchPromise(flag: promise)
    var groups = DuplicateGroups()
    var window: [(id: ItemID, feature: FeatureCode)] = []
    func search() throws {
      if Interrupt.isRequested {
        throw CommandError(
          .interrupted,
          "\(Text.grouped(groups.count)) of \(Text.count(recordCount, "record")) "
            + "were compared")
      }
      let queries = window.map {
        SearchQuery(feature: $0.feature, extent: .within(within), promise: promise)
      }
      let answers = try collection.search(queries, SearchRun(threadCount: threads.count)).answers
      for (record, answer) in zip(window, answers) {
        groups.add(record.id, matches: answer.matches)
      }
      window.removeAll(keepingCapacity: true)
      progress.moved(to: groups.count)
    }
    try collection.forEachRecord { record in
      window.append((record.id, record.feature))
      if window.count == Self.windowCount { try search() }
    }
    try search()
    return groups
  }

  private func show(
    _ report: DuplicatesReport, _ collection: any CollectionHandle, _ drawer: PictureDrawer?
  ) throws {
    if output.json {
      try Console.write(json: report)
    } else {
      try Console.write(report.text)
    }
    let isWhole = output.json || pictures.sheet != nil
    let shown = isWhole ? report.groups : Array(report.groups.prefix(show))
    guard !shown.isEmpty else {
      if let sheet = pictures.sheet { output.log.note("'\(sheet)' was not written") }
      return
    }
    if drawer == nil, output.json { return }
    try write(shown, collection, drawer)
    if !output.json, report.groups.count > show {
      output.log.note(
        "\(Text.grouped(report.groups.count - show)) more: --show, --json or --sheet has them")
    }
  }

  /// The groups as a table, or as pictures.
  private func write(
    _ groups: [DuplicatesReport.Group], _ collection: any CollectionHandle,
    _ drawer: PictureDrawer?
  ) throws {
    var sections: [(heading: String?, items: [PictureDrawer.Item])] = []
    var table = TextTable([
      ("group", .right), ("distance", .right), ("id", .right), ("name", .left),
    ])
    for (number, group) in groups.enumerated() {
      let records = try collection.records(group.members.map(\.id))
      var items: [PictureDrawer.Item] = []
      for (member, record) in zip(group.members, records) {
        let name = record?.name ?? "-"
        if number < show {
          table.append([
            String(number + 1), String(member.distance), member.id.description,
            Text.cut(name, to: 60),
          ])
        }
        if let record {
          items.append(
            PictureDrawer.Item(
              image: record.image,
              lines: ["\(member.distance) bits", name == "-" ? member.id.description : name]))
        }
      }
      sections.append(
        ("group \(number + 1): \(Text.count(group.members.count, "record"))", items))
    }
    if !output.json, drawer?.drawing == nil { try Console.write(table.text) }
    try drawer?.show(
      title: "Duplicates within \(within) bits in \(self.collection.name)", sections,
      columnCount: 12, terminalSectionCount: show, threadCount: threads.count)
  }
}

/// What was found, as `--json` shows it.
struct DuplicatesReport: Encodable {
  struct Member: Encodable {
    var id: ItemID
    /// Bits to the nearest other member.
    var distance: Int
  }

  struct Group: Encodable {
    var members: [Member]
  }

  var collection: String
  var within: Int
  var records: Int
  var groups: [Group]
  var seconds: Double

  init(
    collection: String, within: Int, records: Int, groups: [[DuplicateGroups.Member]],
    seconds: Double
  ) {
    self.collection = collection
    self.within = within
    self.records = records
    self.groups = groups.map { members in
      Group(members: members.map { Member(id: $0.id, distance: $0.distance) })
    }
    self.seconds = seconds
  }

  var text: String {
    let members = groups.reduce(0) { $0 + $1.members.count }
    return
      "\(Text.count(groups.count, "group")) of \(Text.count(members, "record")) within "
      + "\(within) bits, among \(Text.grouped(records)), \(Text.duration(seconds))\n"
  }
}
