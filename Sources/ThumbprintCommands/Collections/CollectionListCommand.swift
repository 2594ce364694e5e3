import ArgumentParser
import ThumbprintStorage
import ThumbprintWire

struct CollectionListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the collections of a store or a cluster.",
    discussion: """
      Examples:
        thumbprint collection list
        thumbprint collection list --coordinator 127.0.0.1:7700
        thumbprint collection list --json
      """)

  @OptionGroup var place: PlaceOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let reports = try place.with(.readOnly) { store in
      try store.collections().map { CollectionReport($0) }
    } cluster: { session in
      try session.run(ListCollections()).map { CollectionReport($0) }
    }.sorted { $0.name < $1.name }
    if output.json { return try Console.write(json: reports) }
    guard !reports.isEmpty else {
      let name = try place.name
      return output.log.note("no collections in \(name)")
    }
    var columns: [(heading: String, alignment: TextTable.Alignment)] = [
      ("name", .left), ("records", .right), ("shards", .right), ("coder", .left),
      ("created", .left),
    ]
    let hasReplicas = reports.contains { $0.replicas != nil }
    if hasReplicas { columns.insert(("replicas", .right), at: 3) }
    var table = TextTable(columns)
    for report in reports {
      if let damage = report.damage { output.log.note("\(report.name): \(damage)") }
      var cells = [
        report.name, Text.grouped(report.records), Text.grouped(report.shards),
        report.coder ?? "-", report.created,
      ]
      if hasReplicas { cells.insert(report.replicas.map(String.init) ?? "-", at: 3) }
      table.append(cells)
    }
    try Console.write(table.text)
  }
}
