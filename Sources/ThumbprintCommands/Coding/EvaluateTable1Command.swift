import ArgumentParser
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

struct EvaluateTable1Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table1",
    abstract: "Compare the codec with JPEG and with PCA: bytes, ratio, PSNR.",
    discussion: """
      PSNR is the mean over pictures, on 8-bit values. JPEG is counted as a whole
      file, as the paper does, and without its headers. With --train, principal
      components with optimal scalar quantisers are fitted to those pictures: the
      baseline that every learned codec should be printed against.

      Examples:
        thumbprint evaluate table1 cifar10/test --limit 2000 --train cifar10/train \\
          --out report
        thumbprint evaluate table1 photos@odd+more@odd --effort 2 --out report
      """)

  @Argument(
    help: ArgumentHelp(
      "Sets of pictures: folders, joined by + if several make one set; FOLDER@odd for every "
        + "other picture.", valueName: "set"),
    completion: .directory)
  var sets: [PictureSetArgument]

  @Option(
    help: ArgumentHelp("At most so many pictures of each set, evenly spaced.", valueName: "count"))
  var limit: Int?

  @Option(
    help: ArgumentHelp("Pictures to fit the baseline to; may be given again.", valueName: "folder"),
    completion: .directory)
  var train: [PicturePart] = []

  @Option(help: ArgumentHelp("Random crops of each large training picture.", valueName: "count"))
  var crops = 40

  @Option(help: ArgumentHelp("Seed of the crops.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var model: ModelOptions
  @OptionGroup var effort: EffortOptions
  @OptionGroup var report: ReportOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var log: LogOptions

  private struct Report: Encodable {
    var model: String
    var effort: Int
    var limit: Int?
    var train: [String]
    var crops: Int
    var seed: UInt64
    var jpegQuality = CodingTable.jpegQuality
    var sets: [Entry]

    struct Entry: Encodable {
      var name: String
      var table: CodingTable
    }
  }

  mutating func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit: \(limit) is below 1") }
    guard (0...10_000).contains(crops) else {
      throw ValidationError("--crops: \(crops) is not in 0...10000")
    }
  }

  mutating func run() throws {
    let model = try model.load()
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let search = effort.search(model.codec)
    let baseline = try fitBaseline()
    var entries: [Report.Entry] = []
    for set in sets {
      let pictures = try set.read(limit: limit, threadCount: threads.count, quiet: log.quiet)
      log.note("table1: \(Text.count(pictures.count, "picture")) of \(set.text)")
      entries.append(
        Report.Entry(
          name: set.text,
          table: try CodingTable(
            pictures, codec: model.codec, search: search, baseline: baseline,
            threadCount: threads.count)))
    }
    let result = Report(
      model: model.identity.name, effort: effort.effort, limit: limit, train: train.map(\.text),
      crops: crops, seed: seed, sets: entries)
    let markdown = Self.markdown(result.sets.map { ($0.name, $0.table) }, result.model)
    try report.write(
      "table1", json: result, markdown: markdown,
      picture: Self.plot(result.sets.map { ($0.name, $0.table) }))
    try Console.write(markdown)
  }

  private func fitBaseline() throws -> PrincipalQuantizer? {
    guard !train.isEmpty else { return nil }
    let paths = try train.paths
    let progress = Progress("read", total: paths.count, noun: "pictures", quiet: log.quiet)
    let pictures = try TrainingPictures(cropCount: crops, seed: seed).read(
      paths, threadCount: threads.count
    ) { progress.moved(to: $0) }
    progress.finish()
    log.note("table1: fitting PCA to \(Text.count(pictures.count, "thumbnail"))")
    let basis = try PrincipalBasis(pictures, count: 320)
    return PrincipalQuantizer(pictures, basis: basis, threadCount: threads.count)
  }

  private static func markdown(_ sets: [(name: String, table: CodingTable)], _ model: String)
    -> String
  {
    var text = ""
    for set in sets {
      text += "\(set.name): \(Text.count(set.table.pictureCount, "picture")), model \(model)\n\n"
      text += ReportFiles.markdown(
        ["method", "bytes", "ratio", "PSNR in dB"],
        set.table.rows.map {
          [
            $0.method, Text.fixed($0.meanByteCount, 1), "\(Text.fixed($0.ratio, 1)) : 1",
            Text.fixed($0.meanPSNR, 2),
          ]
        })
      text += "\n"
    }
    return text
  }

  /// PSNR over bytes, a line for each method of each set.
  private static func plot(_ sets: [(name: String, table: CodingTable)]) -> Picture {
    var pictures: [Picture] = []
    for set in sets {
      var plot = LinePlot(title: set.name, horizontal: "bytes", vertical: "mean PSNR in dB")
      for method in ["codec", "codec, searched", "PCA + Lloyd-Max"] {
        let rows = set.table.rows.filter { $0.method == method }
        if !rows.isEmpty { plot.add(method, rows.map { ($0.meanByteCount, $0.meanPSNR) }) }
      }
      if let jpeg = set.table.rows.first(where: { $0.method.hasSuffix("without headers") }) {
        plot.add("JPEG payload", [(jpeg.meanByteCount, jpeg.meanPSNR)])
      }
      pictures.append(plot.draw(width: 1_000))
    }
    let sheet = ContactSheet(columnCount: 1, gap: 4)
    return (try? sheet.layOut(pictures)) ?? pictures[0]
  }
}
