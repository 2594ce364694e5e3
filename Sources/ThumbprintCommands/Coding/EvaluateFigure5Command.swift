import ArgumentParser
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

struct EvaluateFigure5Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "figure5",
    abstract: "Show pictures beside what JPEG and the codec make of them.",
    discussion: """
      Evenly spaced pictures of the set, one column each: the original, JPEG of
      quality 8, and the codec at 16, 32 and 64 bytes, with bytes and PSNR below.

      Examples:
        thumbprint evaluate figure5 cifar10/test --count 10 --out report
        thumbprint evaluate figure5 photos@odd --effort 2 --terminal --out report
      """)

  @Argument(
    help: ArgumentHelp("Set of pictures, as for table1.", valueName: "set"),
    completion: .directory)
  var set: PictureSetArgument

  @Option(help: ArgumentHelp("Pictures to show, 1 to 100.", valueName: "count"))
  var count = 8

  @Flag(help: "Also draw the figure on a terminal with true colours.")
  var terminal = false

  @OptionGroup var model: ModelOptions
  @OptionGroup var effort: EffortOptions
  @OptionGroup var report: ReportOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  private struct Entry: Encodable {
    var jpegBytes: Int
    var jpegPSNR: Double
    /// By bytes of the code.
    var codecPSNR: [String: Double]
  }

  private struct Report: Encodable {
    var model: String
    var effort: Int
    var set: String
    var pictures: [Entry]
  }

  private static let byteCounts = [16, 32, 64]

  mutating func validate() throws {
    guard (1...100).contains(count) else {
      throw ValidationError("--count: \(count) is not in 1...100")
    }
  }

  mutating func run() throws {
    let model = try model.load()
    let pictures = try set.read(limit: count, threadCount: threads.count, quiet: log.quiet)
    let codes = model.codec.encode(
      pictures, search: effort.search(model.codec), threadCount: threads.count)
    var columns: [[(label: String, picture: Picture)]] = []
    var entries: [Entry] = []
    for index in 0..<pictures.count {
      let original = pictures[index]
      let file = try original.jpeg(quality: CodingTable.jpegQuality)
      let jpeg = try PictureReader.decode(file)
      var entry = Entry(
        jpegBytes: file.count, jpegPSNR: PictureQuality.psnr(jpeg, original), codecPSNR: [:])
      var column = [
        ("original", original), ("\(file.count) B \(Text.fixed(entry.jpegPSNR, 1))", jpeg),
      ]
      for byteCount in Self.byteCounts {
        let shown = model.codec.decode(codes[index], byteCount: byteCount)
        let psnr = PictureQuality.psnr(shown, original)
        entry.codecPSNR[String(byteCount)] = psnr
        column.append(("\(byteCount) B \(Text.fixed(psnr, 1))", shown))
      }
      entries.append(entry)
      columns.append(column)
    }
    let result = Report(
      model: model.identity.name, effort: effort.effort, set: set.text, pictures: entries)
    try report.write(
      "figure5", json: result, markdown: Self.markdown(result), picture: Self.draw(columns))
    if terminal { try Console.write(TerminalBlocks.text(try Self.sheet(columns))) }
    try Console.write(Self.markdown(result))
  }

  private static func markdown(_ report: Report) -> String {
    "\(report.set), model \(report.model); PSNR in dB\n\n"
      + ReportFiles.markdown(
        ["picture", "JPEG quality 8"] + byteCounts.map { "codec, \($0) bytes" },
        report.pictures.enumerated().map { number, entry in
          ["\(number + 1)", "\(Text.fixed(entry.jpegPSNR, 2)) (\(entry.jpegBytes) bytes)"]
            + byteCounts.map { Text.fixed(entry.codecPSNR[String($0)] ?? 0, 2) }
        }) + "\n"
  }

  private static let rowNames = ["original", "JPEG q8"] + byteCounts.map { "codec \($0) B" }

  private static func draw(_ columns: [[(label: String, picture: Picture)]]) -> Picture {
    let magnification = 3
    let side = Thumbnails.side * magnification
    let (cellWidth, cellHeight, left, top) = (side + 8, side + 16, 80, 8)
    var canvas = Canvas(
      width: left + columns.count * cellWidth, height: top + rowNames.count * cellHeight)
    for (row, name) in rowNames.enumerated() {
      canvas.text(name, left: 6, top: top + row * cellHeight + side / 2)
    }
    for (column, cells) in columns.enumerated() {
      for (row, cell) in cells.enumerated() {
        let (x, y) = (left + column * cellWidth, top + row * cellHeight)
        canvas.place(cell.picture, left: x, top: y, magnification: magnification)
        canvas.text(cell.label, left: x, top: y + side + 3)
      }
    }
    return canvas.picture
  }

  private static func sheet(
    _ columns: [[(label: String, picture: Picture)]]
  ) throws -> Picture {
    let rows = rowNames.indices.flatMap { row in columns.map { $0[row].picture } }
    return try ContactSheet(columnCount: columns.count, gap: 1).layOut(rows)
  }
}
