import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Show the pictures of a coded dataset.",
    discussion: """
      Needs the model that made the codes. --out writes a PNG file of 32 by 32 pixels
      for each record, named by its id; --sheet writes one picture with all of them;
      --terminal draws them on a terminal with true colours.

      Examples:
        thumbprint decode photos.coded --out thumbs
        thumbprint decode photos.coded --sheet sheet.png --rows 0..<200 --bytes 16
        thumbprint decode photos.coded --terminal --rows 17
      """)

  @Argument(help: ArgumentHelp("Coded dataset.", valueName: "dataset"), completion: .file())
  var dataset: String

  @Option(help: ArgumentHelp("Folder to make.", valueName: "dir"), completion: .directory)
  var out: String?

  @Option(
    help: ArgumentHelp("PNG file for a contact sheet.", valueName: "file"),
    completion: .file())
  var sheet: String?

  @Flag(help: "Draw on the terminal.")
  var terminal = false

  @Option(help: ArgumentHelp("Bytes of each code to use: 16, 32, 48 or 64.", valueName: "count"))
  var bytes = ImageCode.byteCount

  @Option(help: ArgumentHelp("Rows to show: N, or A..<B.", valueName: "rows"))
  var rows: RowRange?

  @Option(help: ArgumentHelp("Pictures side by side, 1 to 400.", valueName: "count"))
  var columns: Int?

  @OptionGroup var model: ModelOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  private static let blockCount = 1_024

  mutating func validate() throws {
    guard out != nil || sheet != nil || terminal else {
      throw ValidationError("give --out, --sheet or --terminal")
    }
    guard [16, 32, 48, 64].contains(bytes) else {
      throw ValidationError("--bytes: \(bytes) is not 16, 32, 48 or 64")
    }
    if let columns, !(1...400).contains(columns) {
      throw ValidationError("--columns: \(columns) is not in 1...400")
    }
  }

  mutating func run() throws {
    let data = try CodedDataset(path: dataset)
    let network = try model.load()
    try check(data, network)
    let range = try rows?.range(in: data.count, dataset) ?? 0..<data.count
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    if let out { try write(data, network.codec, range, to: out) }
    guard sheet != nil || terminal else { return }
    let pictures = decode(data, network.codec, range)
    if let sheet {
      let side = columns ?? max(1, min(400, Int(Double(range.count).squareRoot().rounded(.up))))
      try CommandError.naming("--sheet") {
        try ContactSheet(columnCount: side).layOut(pictures).writePNG(to: sheet)
      }
    }
    if terminal {
      let side = columns ?? max(1, Console.columnCount / (Thumbnails.side + 1))
      let picture = try ContactSheet(columnCount: side, gap: 1).layOut(pictures)
      try Console.write(TerminalBlocks.text(picture))
    }
  }

  /// Refuses codes that another model made: they would show something else.
  private func check(_ data: CodedDataset, _ network: Model) throws {
    guard data.count > 0 else { throw CommandError(.badData, "'\(dataset)' has no records") }
    let imagesOnly = try Model(codec: network.codec, features: nil).identity
    guard let coder = data.coder, coder != network.identity, coder != imagesOnly else { return }
    throw CommandError(
      .badData, "'\(dataset)' was made by the coder \(coder), and the model is \(network.identity)",
      hint: "give the model that made it by --model")
  }

  private func decode(_ data: CodedDataset, _ codec: Codec, _ range: Range<Int>) -> [Picture] {
    let shown = codec.decode(
      range.map(data.image), byteCount: bytes, threadCount: threads.count)
    return (0..<shown.count).map { shown[$0] }
  }

  private func write(
    _ data: CodedDataset, _ codec: Codec, _ range: Range<Int>, to folder: String
  ) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw CommandError(.inputOutput, "--out: '\(folder)': cannot make the folder")
    }
    let progress = Progress("decode", total: range.count, noun: "pictures", quiet: log.quiet)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.blockCount) {
      guard !Interrupt.isRequested else {
        throw CommandError(.interrupted, "only some pictures are in '\(folder)'")
      }
      let block = start..<min(range.upperBound, start + Self.blockCount)
      let pictures = decode(data, codec, block)
      _ = try PictureLoader.read(
        pictures.indices.map(String.init), threadCount: threads.count
      ) { text in
        let place = Int(text) ?? 0
        try pictures[place].writePNG(to: "\(folder)/\(data.id(at: start + place)).png")
      }
      progress.moved(to: block.upperBound - range.lowerBound)
    }
    progress.finish()
    try Console.write("wrote \(Text.count(range.count, "picture")) to \(folder)\n")
  }
}

/// Rows as a user writes them: `N` or `A..<B`.
struct RowRange: ExpressibleByArgument {
  let bounds: Range<Int>

  init?(argument: String) {
    let parts = argument.components(separatedBy: "..<").map(Int.init)
    guard let first = parts[0], first >= 0, first < Int.max else { return nil }
    if parts.count == 1 {
      bounds = first..<first + 1
    } else {
      guard parts.count == 2, let end = parts[1], end > first else { return nil }
      bounds = first..<end
    }
  }

  func range(in count: Int, _ name: String) throws -> Range<Int> {
    guard bounds.upperBound <= count else {
      throw CommandError.flag(
        "--rows", "row \(bounds.upperBound - 1) is not in '\(name)', which has \(count) rows")
    }
    return bounds
  }
}
