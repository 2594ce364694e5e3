import Foundation
import ThumbprintImages

/// The files of an evaluation.
enum ReportFiles {
  /// Writes `NAME.json`, `NAME.md` and `NAME.png` into a folder, which is made if need be.
  static func write(
    _ name: String, json: some Encodable, markdown: String, picture: Picture, to folder: String
  ) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try encoder.encode(json).write(to: URL(filePath: "\(folder)/\(name).json"))
      try Data(markdown.utf8).write(to: URL(filePath: "\(folder)/\(name).md"))
    } catch {
      throw CommandError(.inputOutput, "--out: '\(folder)': cannot write", cause: "\(error)")
    }
    try CommandError.naming("--out") { try picture.writePNG(to: "\(folder)/\(name).png") }
  }

  /// A table in Markdown.
  static func markdown(_ heading: [String], _ rows: [[String]]) -> String {
    ([heading, heading.map { _ in "---" }] + rows).map { "| \($0.joined(separator: " | ")) |\n" }
      .joined()
  }
}
