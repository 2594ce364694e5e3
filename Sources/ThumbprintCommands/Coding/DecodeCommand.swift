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
      for each record, named by its id; --sheet writes one picture with all of them,
      or a page with their names; --terminal draws them on a terminal with true
      colours.

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
    help: ArgumentHelp(
      "Write all of them into this file: .png, or .html with names.", valueName: "file"),
    completion: .file(extensions: ["png", "html"]))
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
    if let sheet { _ = try SheetFile(flag: sheet) }
    guard [16, 32, 48, 64].contains(bytes) else {
      throw ValidationError("--bytes: \(bytes) is not 16, 32, 48 or 64")
    }
    if let columns, !(1...400).contains(columns) {
      throw ValidationError("--columns: \(columns) is not in 1...400")
    }
  }

  mutating func run() throws {
    let data = try CodedDataset(path: dataset)
    let file = try sheet.map(SheetFile.init(flag:))
    try file?.requireFolder()
    let network = try model.load()
    try check(data, network)
    let range = try rows?.range(in: data.count, dataset) ?? 0..<data.count
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    if let out { try write(data, network.codec, range, to: out) }
    if let file { try write(data, network.codec, range, to: file) }
    if terminal { try draw(data, network.codec, range) }
  }

  private func write(
    _ data: CodedDataset, _ codec: Codec, _ range: Range<Int>, to file: SheetFile
  ) throws {
    let square = min(400, Int(Double(range.count).squareRoot().rounded(.up)))
    let layout = ContactSheet(columnCount: min(range.count, columns ?? square))
    let shown = range.prefix(file.pictureCount(of: [range.count], in: layout))
    let cells = try zip(shown, decode(data, codec, shown)).map { row, picture in
      PictureSheet.Cell(picture, [try data.name(at: row) ?? "id \(data.id(at: row))"])
    }
    try file.write(
      PictureSheet(
        title: "Pictures of \(dataset)",
        sections: [PictureSheet.Section(heading: nil, cells: cells)]), in: layout)
    if let note = file.note(written: shown.count, of: range.count) { log.note(note) }
  }

  private func draw(_ data: CodedDataset, _ codec: Codec, _ range: Range<Int>) throws {
    let fitting = max(1, Console.resultColumnCount / (Thumbnails.side + 1))
    let layout = ContactSheet(columnCount: columns ?? fitting, gap: 1)
    let shown = range.prefix(
      layout.columnCount * layout.rowCountMax(pictureHeight: Thumbnails.side))
    try Console.write(TerminalBlocks.text(try layout.layOut(decode(data, codec, shown))))
    if shown.count < range.count {
      log.note(
        "drawn are the first \(Text.grouped(shown.count)) of "
          + "\(Text.count(range.count, "picture")); --rows chooses others")
    }
  }

  /// Refuses what has no codes of pictures, and codes that another model made: they would show
  /// something else.
  private func check(_ data: CodedDataset, _ network: Model) throws {
    guard data.count > 0 else { throw CommandError(.badData, "'\(dataset)' has no records") }
    guard data.withUnsafeColumns({ $0.images != nil }) else {
      throw CommandError(
        .badData, "'\(dataset)' has no image codes, so there are no pictures to show",
        hint: "give a dataset folder with images.npy")
    }
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
      try Parallel.tryForEach(pictures.count, threadCount: threads.count) { place in
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
