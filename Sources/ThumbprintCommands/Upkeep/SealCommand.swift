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
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var log: LogOptions

  mutating func run() throws {
    let start = Progress.now
    try collection.with(.readWrite) { try $0.seal() }
    log.note("sealed '\(collection.name)' in \(Text.duration(Progress.now - start))")
  }
}
