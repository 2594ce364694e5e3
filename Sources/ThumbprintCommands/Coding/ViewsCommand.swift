import ArgumentParser
import Foundation
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

struct ViewsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "views",
    abstract: "Make a set like UKBench: several views of each photograph.",
    discussion: """
      A view is a crop, turned and seen from aslant, in another light, with noise and
      perhaps blur or something in front of it. What is drawn from which range is in
      docs/features.md. The files are a function of photographs, strength and seed.

      Examples:
        thumbprint views photos --out views
        thumbprint views things places --strength 1 --layout folders --out hard
      """)

  enum Layout: String, CaseIterable {
    case ukbench
    case folders
  }

  @OptionGroup var photographs: PhotographOptions

  @Option(help: ArgumentHelp("Folder to make.", valueName: "dir"), completion: .directory)
  var out: String

  @Option(help: ArgumentHelp("How far views differ: 0 to 1.", valueName: "number"))
  var strength = ViewGenerator.mild.strength

  @Option(help: ArgumentHelp("Views of each photograph, 1 to 1000.", valueName: "count"))
  var count = 4

  @Option(help: ArgumentHelp("Seed of all that is random.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "ukbench (ukbench00000.jpg and on) or folders (one for each photograph).",
      valueName: "layout"),
    completion: .list(Layout.allCases.map(\.rawValue)))
  var layout = Layout.ukbench.rawValue

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  mutating func validate() throws {
    guard strength >= 0, strength <= 1 else {
      throw ValidationError("--strength: \(strength) is not in 0...1")
    }
    guard (1...1_000).contains(count) else {
      throw ValidationError("--count: \(count) is not in 1...1000")
    }
    guard layout != Layout.ukbench.rawValue || count == PictureGroups.ukbenchSize else {
      throw ValidationError(
        "--count: UKBench has \(PictureGroups.ukbenchSize) views of each thing, not \(count)\n"
          + "use --layout folders")
    }
    guard Layout(rawValue: layout) != nil else {
      throw ValidationError("--layout: '\(layout)' is not ukbench or folders")
    }
  }

  mutating func run() throws {
    let paths = try photographs.paths
    let manager = FileManager.default
    guard !manager.fileExists(atPath: out) else {
      throw CommandError.flag("--out", "'\(out)' is there already")
    }
    try makeFolder(out)
    let generator = ViewGenerator(strength: strength)
    let (count, seed, out) = (count, seed, out)
    let isUKBench = layout == Layout.ukbench.rawValue
    let progress = Progress("views", total: paths.count, noun: "photographs", quiet: log.quiet)
    // In blocks, so that the progress moves and Ctrl-C is heard.
    for start in stride(from: 0, to: paths.count, by: 64) {
      let block = start..<min(paths.count, start + 64)
      try Parallel.tryForEach(block.count, threadCount: threads.count) { place in
        let number = start + place
        let photograph = ViewGenerator.scaled(
          try PictureReader.read(path: paths[number], sideMin: ViewGenerator.photographSide))
        for view in 0..<count {
          let bytes = try generator.jpeg(
            of: photograph, seed: seed, photograph: number, view: view)
          let name: String
          if isUKBench {
            name = "ukbench\(Self.padded(number * count + view)).jpg"
          } else {
            try makeFolder("\(out)/\(Self.padded(number))")
            name = "\(Self.padded(number))/view\(view).jpg"
          }
          try write(bytes, to: "\(out)/\(name)")
        }
      }
      progress.moved(to: block.upperBound)
    }
    progress.finish()
    try Console.write(
      "\(Text.count(paths.count * count, "view")) of \(Text.count(paths.count, "photograph")) "
        + "in \(out)\n")
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  private func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandError(.inputOutput, "'\(path)': cannot make the folder", cause: "\(error)")
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try Data(bytes).write(to: URL(filePath: path))
    } catch {
      throw CommandError(.inputOutput, "'\(path)': cannot write", cause: "\(error)")
    }
  }
}
