import ArgumentParser
import Foundation
import ThumbprintCoding
import ThumbprintImages

struct EvaluateTradeoffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tradeoff",
    abstract: "Compare tuned networks: how well they find, and how cheap an index makes it.",
    discussion: """
      Of each network the N-S score, and the mean distance inside groups as a share
      of that between groups, beside the first network's: an index has to look at
      less, the smaller that share is. The groups asked with are those not tuned on;
      with --hold-out the ones that 'train finetune --hold-out' kept apart, to choose
      settings by. Writes tradeoff.json, tradeoff.md and tradeoff.png.

      Examples:
        thumbprint evaluate tradeoff views --codec codec.safetensors --out results \\
          plain.safetensors tight.safetensors tighter.safetensors
        thumbprint evaluate tradeoff more --part all --hold-out 6 \\
          --codec codec.safetensors --out choice trial-*.safetensors
      """)

  @Argument(
    help: ArgumentHelp(
      "Folder of the set: groups in folders, or files named as UKBench's.", valueName: "folder"),
    completion: .directory)
  var set: String

  @Argument(
    help: ArgumentHelp("Tuned networks; others are compared with the first.", valueName: "file"),
    completion: .file())
  var networks: [String]

  @Option(
    help: ArgumentHelp("Groups that were tuned on: even, odd or all.", valueName: "part"),
    completion: .list(SetPart.allCases.map(\.rawValue)))
  var part = SetPart.even.rawValue

  @Option(
    help: ArgumentHelp(
      "Ask with every n-th group of those tuned on, which was kept apart.", valueName: "n"))
  var holdOut: Int?

  @Option(help: ArgumentHelp("The image codec.", valueName: "file"), completion: .file())
  var codec: String

  @Option(
    help: ArgumentHelp("Folder for the results, made if need be.", valueName: "dir"),
    completion: .directory)
  var out: String

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard SetPart(rawValue: part) != nil else {
      throw ValidationError("--part: '\(part)' is not all, even or odd")
    }
    if let holdOut, holdOut < 2 { throw ValidationError("--hold-out: \(holdOut) is below 2") }
    guard part != SetPart.all.rawValue || holdOut != nil else {
      throw ValidationError("--part: all groups were tuned on; which were kept apart? --hold-out N")
    }
    guard !networks.isEmpty else { throw ValidationError("no network is named") }
  }

  mutating func run() throws {
    let loaded = try networks.map { path in (path, try FeatureNetwork(path: path)) }
    for (path, network) in loaded where !network.hasSameConvolutions(as: loaded[0].1) {
      throw CommandError(.badData, "'\(path)': has other convolutions than '\(networks[0])'")
    }
    let coder = try CommandError.naming("--codec") { try Codec(path: codec) }
    let groups = try PictureGroups(folder: set)
    let tuned = SetPart(rawValue: part) ?? .even
    // Settings are chosen within the groups that tune; the others stay unseen.
    let described = try DescribedSet(
      groups, indices: groups.indices(of: holdOut == nil ? .all : tuned),
      part: loaded[0].1.convolutions, pooling: loaded[0].1.description.pooling, codec: coder,
      threadCount: threads.count, quiet: output.log.quiet)
    let heldOut = holdOut.map { HeldOutGroups($0, of: described.groups) }
    let queries = described.groups.indices.filter { index in
      heldOut?.contains(described.groups[index]) ?? !tuned.contains(described.groups[index])
    }
    guard !queries.isEmpty else {
      throw CommandError(.badData, "'\(set)': there are no groups left to ask with")
    }
    let rows = loaded.map { path, network in
      let scores = described.scores(network, queries: queries, threadCount: threads.count)
      return TradeoffReport.Row(
        network: URL(filePath: path).deletingPathExtension().lastPathComponent,
        features: scores.features, combined: scores.combined ?? scores.features)
    }
    let report = TradeoffReport(
      data: "\(URL(filePath: set).lastPathComponent): "
        + "\(Text.count(described.groups.count, "picture")), asked with "
        + Text.count(queries.count, "picture"),
      split: holdOut.map { "every \($0)-th of the groups tuned on (\(part)) was kept apart" }
        ?? "\(part) groups were tuned on, the others ask; all are searched",
      rows: rows)
    try report.write(to: out)
    if output.json { return try Console.write(json: report) }
    try Console.write(report.table.text)
  }
}

/// What networks gain and lose against the first of them.
struct TradeoffReport: Encodable {
  struct Row: Encodable {
    /// The file's name.
    let network: String
    let features: RetrievalScore
    let combined: RetrievalScore
  }

  let data: String
  let split: String
  let rows: [Row]

  private static let heading = [
    "network", "N-S", "against the first", "combined N-S", "against the first", "same",
    "different", "ratio", "against the first", "combined ratio", "against the first",
  ]

  private var cells: [[String]] {
    guard let first = rows.first else { return [] }
    func gain(_ score: RetrievalScore, _ base: RetrievalScore) -> String {
      Text.fixed(score.score - base.score, 3)
    }
    func shrunk(_ score: RetrievalScore, _ base: RetrievalScore) -> String {
      Text.percent(score.distanceRatio / base.distanceRatio - 1)
    }
    return rows.map { row in
      [
        row.network, Text.fixed(row.features.score, 3), gain(row.features, first.features),
        Text.fixed(row.combined.score, 3), gain(row.combined, first.combined),
        Text.fixed(row.features.sameDistance, 3), Text.fixed(row.features.differentDistance, 3),
        Text.fixed(row.features.distanceRatio, 3), shrunk(row.features, first.features),
        Text.fixed(row.combined.distanceRatio, 3), shrunk(row.combined, first.combined),
      ]
    }
  }

  var table: TextTable {
    var table = TextTable([
      ("network", .left), ("N-S", .right), ("", .right), ("combined", .right), ("", .right),
      ("same", .right), ("different", .right), ("ratio", .right), ("", .right),
      ("combined", .right), ("", .right),
    ])
    for row in cells { table.append(row) }
    return table
  }

  /// The networks that no other beats in both, by falling ratio.
  private var frontier: [Row] {
    rows.filter { row in
      !rows.contains {
        $0.combined.score > row.combined.score
          && $0.features.distanceRatio < row.features.distanceRatio
      }
    }.sorted { $0.features.distanceRatio > $1.features.distanceRatio }
  }

  /// Writes the three files into a folder.
  func write(to folder: String) throws {
    var plot = LinePlot(
      title: "Trade-off",
      horizontal: "distance inside groups / between groups, feature codes",
      vertical: "N-S score, combined codes")
    func points(_ rows: [Row]) -> [(Double, Double)] {
      rows.map { ($0.features.distanceRatio, $0.combined.score) }
    }
    plot.add("best", points(frontier))
    plot.add("all", points(rows), isJoined: false)
    plot.add("first", points(Array(rows.prefix(1))), isJoined: false)
    let markdown =
      "# Finding against the work of an index\n\n- data: \(data)\n- split: \(split)\n"
      + "- ratio: mean distance to the own group over that to others, of feature codes (4096 bits) "
      + "and combined ones (4608)\n\n" + ReportFiles.markdown(Self.heading, cells)
    try ReportFiles.write(
      "tradeoff", json: self, markdown: markdown, picture: plot.draw(), to: folder)
  }
}
