import ArgumentParser
import ThumbprintStorage

struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Take back the room of deleted and replaced records.",
    discussion: """
      Works on files, so it is for a store; the workers of a cluster do it by
      themselves.

      Examples:
        thumbprint compact --collection photos
        thumbprint compact --collection photos --json
      """)

  @OptionGroup var collection: StoredCollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let result = try UpkeepResult(of: collection) {
      try $0.compact { Interrupt.isRequested }
    }
    if output.json { return try Console.write(json: result) }
    output.log.note("compacted '\(collection.name)' in \(Text.duration(result.seconds))")
  }
}
