import ArgumentParser
import ThumbprintStorage
import ThumbprintWire

struct CollectionDropCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Delete a collection with all its records, for good.",
    discussion: """
      Examples:
        thumbprint collection drop photos
        thumbprint collection drop photos --coordinator 127.0.0.1:7700
      """)

  @Argument(help: "Name of the collection.")
  var name: String

  @OptionGroup var place: PlaceOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let report = try place.with(.readWrite) { store in
      let report = CollectionReport(try store.named(name, flag: "NAME").info)
      try store.dropCollection(name)
      return report
    } cluster: { session in
      let report = try session.named(name, flag: "NAME").report()
      _ = try session.run(DropCollection(collection: name))
      return report
    }
    if output.json { return try Console.write(json: report) }
    try Console.write("dropped collection '\(name)' (\(Text.count(report.records, "record")))\n")
  }
}
