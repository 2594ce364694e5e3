import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

struct CollectionListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the collections of a store.",
    discussion: """
      Examples:
        thumbprint collection list
        thumbprint collection list --json
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let reports = try store.with(.readOnly) { try $0.collections() }
      .map(CollectionReport.init).sorted { $0.name < $1.name }
    if output.json { return try Console.write(json: reports) }
    guard !reports.isEmpty else {
      return output.log.note("no collections in \(store.path)")
    }
    var table = TextTable([
      ("name", .left), ("records", .right), ("shards", .right), ("coder", .left),
      ("created", .left),
    ])
    for report in reports {
      if let damage = report.damage { output.log.note("\(report.name): \(damage)") }
      table.append([
        report.name, Text.grouped(report.records), Text.grouped(report.shards),
        report.coder ?? "-", report.created,
      ])
    }
    try Console.write(table.text)
  }
}

/// A collection as `--json` shows it.
struct CollectionReport: Encodable {
  var name: String
  var shards: Int
  var records: Int
  var coder: String?
  var tables: Int
  /// ISO 8601, UTC.
  var created: String
  /// Why it cannot be used, if so; counts are zero then.
  var damage: String?

  init(_ info: CollectionInfo) {
    name = info.name
    shards = info.shardCount
    records = info.recordCount
    coder = info.coder?.name
    tables = info.profile.tableCount
    damage = info.damage?.description
    created = Date(timeIntervalSince1970: Double(info.created)).formatted(.iso8601)
  }
}
