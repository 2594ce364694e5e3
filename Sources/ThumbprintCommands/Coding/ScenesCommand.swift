import ArgumentParser
import Foundation
import ThumbprintImages
import ThumbprintNets
import ThumbprintScenes

struct ScenesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scenes",
    abstract: "Draw pictures of made-up objects, to try things with.",
    discussion: """
      Four views of each object, from other sides, in other light and before other
      backgrounds, as PNG files in a folder for each object. The files are a function
      of seed, side and variation; a greater --objects only adds to them.

      Examples:
        thumbprint scenes --out scenes
        thumbprint scenes --out scenes --objects 1000 --side 64 --seed 7
      """)

  @Option(help: ArgumentHelp("Folder to make.", valueName: "dir"), completion: .directory)
  var out: String

  @Option(help: ArgumentHelp("Objects, 1 to 100000.", valueName: "count"))
  var objects = 100

  @Option(help: ArgumentHelp("Rows and columns of each picture, 32 to 1024.", valueName: "count"))
  var side = 128

  @Option(
    help: ArgumentHelp(
      "How much the views of an object differ, 0 to 1: in pose, light and background.",
      valueName: "share"))
  var variation: Float = 0.5

  @Option(help: ArgumentHelp("Seed of all that is random.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  mutating func validate() throws {
    guard (1...100_000).contains(objects) else {
      throw ValidationError("--objects: \(objects) is not in 1...100000")
    }
    guard (32...1_024).contains(side) else {
      throw ValidationError("--side: \(side) is not in 32...1024")
    }
    guard (0...1).contains(variation) else {
      throw ValidationError("--variation: \(variation) is not in 0...1")
    }
  }

  mutating func run() throws {
    guard !FileManager.default.fileExists(atPath: out) else {
      throw CommandError.flag("--out", "'\(out)' is there already")
    }
    let set = DemonstrationSet(
      seed: seed, objectCount: objects, side: side, variation: variation)
    let progress = Progress("scenes", total: objects, noun: "objects", quiet: log.quiet)
    let out = out
    // In blocks, so that the progress moves and Ctrl-C is heard.
    for start in stride(from: 0, to: objects, by: 16) {
      let block = start..<min(objects, start + 16)
      try Parallel.tryForEach(block.count, threadCount: threads.count) { place in
        let object = start + place
        for view in 0..<DemonstrationSet.viewCount {
          let number = object * DemonstrationSet.viewCount + view
          let path = "\(out)/\(set.name(number))"
          try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
          try set.picture(number).writePNG(to: path)
        }
      }
      progress.moved(to: block.upperBound)
    }
    progress.finish()
    try Console.write(
      "\(Text.count(set.pictureCount, "picture")) of \(Text.count(objects, "object")) in \(out)\n")
  }
}
