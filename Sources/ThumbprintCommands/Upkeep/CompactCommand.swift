import ArgumentParser
import ThumbprintStorage

struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Take back the room of deleted and replaced records.",
    discussion: """
      Examples:
        thumbprint compact --collection photos
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var log: LogOptions

  mutating func run() throws {
    let start = Progress.now
    try collection.with(.readWrite) { try $0.compact() }
    log.note("compacted '\(collection.name)' in \(Text.duration(Progress.now - start))")
  }
}
