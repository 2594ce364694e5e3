import ArgumentParser
import ThumbprintStorage

struct SealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Index the records that are not indexed yet.",
    discussion: """
      Loading does this by itself. Recent records are found without it, only slower.
      Works on files, so it is for a store; the workers of a cluster do it by
      themselves.

      Examples:
        thumbprint seal --collection photos
        thumbprint seal --collection photos --json
      """)

  @OptionGroup var collection: StoredCollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let result = try UpkeepResult(of: collection) {
      try $0.seal { Interrupt.isRequested }
    }
    if output.json { return try Console.write(json: result) }
    output.log.note("sealed '\(collection.name)' in \(Text.duration(result.seconds))")
  }
}
