import ArgumentParser
import ThumbprintStorage

struct CollectionDropCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Delete a collection with all its records, for good.",
    discussion: """
      Examples:
        thumbprint collection drop photos
      """)

  @Argument(help: "Name of the collection.")
  var name: String

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let report = try store.with(.readWrite) { store in
      let report = CollectionReport(try store.named(name, flag: "NAME").info)
      try store.dropCollection(name)
      return report
    }
    if output.json { return try Console.write(json: report) }
    try Console.write("dropped collection '\(name)' (\(Text.count(report.records, "record")))\n")
  }
}
