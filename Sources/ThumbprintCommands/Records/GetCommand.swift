import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintStorage

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Show records by their ids.",
    discussion: """
      With --json the codes are there as well, in Base64.

      Examples:
        thumbprint get --collection photos 17
        thumbprint get --collection photos 17 18 19 --json
      """)

  @Argument(help: ArgumentHelp("Ids of the records.", valueName: "id"))
  var ids: [UInt64]

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let ids = ids.map { ItemID($0) }
    let found = try collection.with(.readOnly) { try $0.records(ids) }
    let records = found.compactMap(\.self)
    if output.json {
      try Console.write(json: records.map(RecordReport.init))
    } else if !records.isEmpty {
      var table = TextTable([("id", .right), ("name", .left), ("tags", .left)])
      for record in records {
        let tags = record.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        table.append([
          record.id.description, record.name ?? "-", tags.joined(separator: " "),
        ])
      }
      try Console.write(table.text)
    }
    let absent = zip(ids, found).filter { $0.1 == nil }.map(\.0.description)
    guard absent.isEmpty else {
      throw CommandError(
        .usage,
        "no record with id \(absent.prefix(10).joined(separator: ", "))"
          + (absent.count > 10 ? " and \(Text.grouped(absent.count - 10)) more" : "")
          + " in collection '\(collection.name)'")
    }
  }
}

/// A record as `--json` shows it.
struct RecordReport: Encodable {
  var id: ItemID
  var name: String?
  var tags: [String: String]
  /// The 512 bytes of the feature code, and the 64 of the image code.
  var feature: Data
  var image: Data

  init(_ record: Record) {
    id = record.id
    name = record.name
    tags = record.tags
    feature = record.feature.withUnsafeBytes { Data($0) }
    image = record.image.withUnsafeBytes { Data($0) }
  }
}
