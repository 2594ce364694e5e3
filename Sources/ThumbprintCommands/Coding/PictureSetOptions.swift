import ArgumentParser
import ThumbprintCoding
import ThumbprintImages

/// A set of pictures to evaluate on: folders joined by plus signs, each perhaps with `@even` or
/// `@odd`.
struct PictureSetArgument: ExpressibleByArgument, Sendable {
  let parts: [PicturePart]

  init?(argument: String) {
    parts = argument.split(separator: "+").compactMap { PicturePart(argument: String($0)) }
    if parts.isEmpty { return nil }
  }

  var text: String { parts.map(\.text).joined(separator: "+") }

  /// At most `limit` pictures, evenly spaced over the sorted list, as thumbnails.
  func read(limit: Int?, threadCount: Int, quiet: Bool) throws -> Thumbnails {
    var paths = try parts.paths
    if let limit, limit < paths.count {
      let all = paths
      paths = (0..<limit).map { all[$0 * all.count / limit] }
    }
    let progress = Progress("read", total: paths.count, noun: "pictures", quiet: quiet)
    defer { progress.finish() }
    return try TrainingPictures(cropCount: 0, seed: 0).read(paths, threadCount: threadCount) {
      progress.moved(to: $0)
      guard !Interrupt.isRequested else { throw CommandError(.interrupted, "nothing is done") }
    }
  }
}

/// Where an evaluation leaves its files.
struct ReportOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder for the JSON file, the Markdown table and the picture.",
      valueName: "dir"),
    completion: .directory)
  var out: String

  /// Writes the three files, `NAME.json`, `NAME.md` and `NAME.png`.
  func write(_ name: String, json: some Encodable, markdown: String, picture: Picture) throws {
    try ReportFiles.write(name, json: json, markdown: markdown, picture: picture, to: out)
  }
}
