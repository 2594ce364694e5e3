import ArgumentParser
import CXXHash
import Foundation
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

/// What the evaluations of retrieval work on.
struct RetrievalOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Folder of the set: groups in folders, or files named as UKBench's.", valueName: "folder"),
    completion: .directory)
  var set: String

  @Option(
    help: ArgumentHelp(
      "Groups that the networks were tuned on: even or odd; the others test them.",
      valueName: "part"),
    completion: .list(["even", "odd"]))
  var part = SetPart.even.rawValue

  @Option(
    help: ArgumentHelp("The network before tuning.", valueName: "file"), completion: .file())
  var untuned: String

  @Option(help: ArgumentHelp("The tuned network.", valueName: "file"), completion: .file())
  var tuned: String

  @Option(help: ArgumentHelp("The image codec.", valueName: "file"), completion: .file())
  var codec: String

  @Option(
    help: ArgumentHelp("Folder for the results, made if need be.", valueName: "dir"),
    completion: .directory)
  var out: String

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard ["even", "odd"].contains(part) else {
      throw ValidationError("--part: '\(part)' is not even or odd")
    }
  }

  /// Everything read and described.
  func load() throws -> (RetrievalEvaluation, untuned: FeatureNetwork, tuned: FeatureNetwork) {
    let before = try CommandError.naming("--untuned") { try FeatureNetwork(path: untuned) }
    let after = try CommandError.naming("--tuned") { try FeatureNetwork(path: tuned) }
    guard before.hasSameConvolutions(as: after) else {
      throw CommandError.flag(
        "--tuned", "'\(tuned)' has other convolutions than '\(untuned)'",
        hint: "tune the network that --untuned names, or leave it untuned with --steps 0")
    }
    let coder = try CommandError.naming("--codec") { try Codec(path: codec) }
    let groups = try PictureGroups(folder: set)
    let pictures = try PictureSet(
      groups, indices: Array(groups.paths.indices), for: before.convolutions.description,
      threadCount: threads.count)
    let progress = Progress(
      "describe", total: pictures.count, noun: "pictures", quiet: output.log.quiet)
    let described = DescribedSet(
      pictures, part: before.convolutions, pooling: before.description.pooling, codec: coder,
      threadCount: threads.count
    ) { progress.moved(to: $0) }
    progress.finish()
    return (
      RetrievalEvaluation(
        pictures, described, trainPart: SetPart(rawValue: part) ?? .even,
        threadCount: threads.count), before, after
    )
  }

  /// The report on rows of a figure or table.
  func report(_ title: String, _ rows: [RetrievalRow]) throws -> RetrievalReport {
    let groups = try PictureGroups(folder: set)
    return RetrievalReport(
      title: title,
      data: "\(URL(filePath: set).lastPathComponent): \(Text.count(groups.paths.count, "picture")) "
        + "in \(Text.count(groups.count, "group"))",
      split: "groups with \(part) numbers were tuned on, the others test; all are searched",
      models: [
        "untuned": try Self.fingerprint(untuned), "tuned": try Self.fingerprint(tuned),
        "codec": try Self.fingerprint(codec),
      ], rows: rows)
  }

  /// XXH3-128 of a file, in hexadecimal digits.
  private static func fingerprint(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandError(.inputOutput, "'\(path)': cannot be read")
    }
    let hash = data.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
    return [hash.high64, hash.low64].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

/// A figure or table of retrieval scores with all that it takes to make it again.
struct RetrievalReport: Encodable {
  let title: String
  let data: String
  let split: String
  /// XXH3-128 of the files.
  let models: [String: String]
  let rows: [RetrievalRow]

  var table: TextTable {
    var table = TextTable([
      ("method", .left), ("size", .left), ("train", .right), ("test", .right),
      ("same", .right), ("different", .right),
    ])
    for row in rows {
      table.append([
        row.method, row.size, Text.fixed(row.train.score, 3), Text.fixed(row.test.score, 3),
        Text.fixed(row.test.sameDistance, 3), Text.fixed(row.test.differentDistance, 3),
      ])
    }
    return table
  }

  var markdown: String {
    var lines = [
      "# \(title)", "", "- data: \(data)", "- split: \(split)",
      "- score: 4 × the share of a picture's group among its nearest (N-S); 4 is perfect",
      "- same, different: mean distance on test groups to the own group and to others",
    ]
    for (name, hash) in models.sorted(by: { $0.key < $1.key }) {
      lines.append("- \(name): XXH3-128 `\(hash)`")
    }
    lines += [
      "", "| method | size | N-S train | N-S test | same | different |",
      "|---|---|---|---|---|---|",
    ]
    for row in rows {
      lines.append(
        "| \(row.method) | \(row.size) | \(Text.fixed(row.train.score, 3)) "
          + "| \(Text.fixed(row.test.score, 3)) | \(Text.fixed(row.test.sameDistance, 3)) "
          + "| \(Text.fixed(row.test.differentDistance, 3)) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Writes `NAME.json`, `NAME.md` and `NAME.png` into a folder.
  func write(_ name: String, to folder: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let bars = rows.map { ScoreBars.Row(first: $0.train.score, second: $0.test.score) }
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try encoder.encode(self).write(to: URL(filePath: "\(folder)/\(name).json"))
      try Data(markdown.utf8).write(to: URL(filePath: "\(folder)/\(name).md"))
    } catch {
      throw CommandError(.inputOutput, "'\(folder)': cannot write", cause: "\(error)")
    }
    try ScoreBars(rows: bars, limit: 4).picture.writePNG(to: "\(folder)/\(name).png")
  }
}
