import ArgumentParser
import ThumbprintStorage

struct SealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Index the records that are not indexed yet.",
    discussion: """
      Loading does this by itself. Recent records are found without it, only slower.

      Examples:
        thumbprint seal --collection photos
        thumbprint seal --collection photos --json
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    let result = try UpkeepResult(of: collection) { try $0.seal() }
    if output.json { return try Console.write(json: result) }
    output.log.note("sealed '\(collection.name)' in \(Text.duration(result.seconds))")
  }
}
