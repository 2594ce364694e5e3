import Foundation

/// A page of the documentation that is held against the code: its sections, tables and dumps.
public struct NormativePage {
  public struct NoSection: Error, CustomStringConvertible {
    public var description: String
  }

  private let lines: [String]

  /// - Parameters:
  ///   - path: From the folder that holds Package.swift.
  ///   - file: A file of `Tests/TARGET`.
  public init(_ path: String, file: String = #filePath) throws {
    let root = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The lines below a heading, to the next one.
  public func section(_ heading: String) throws -> ArraySlice<String> {
    guard let start = lines.firstIndex(of: heading) else {
      throw NoSection(description: "there is no '\(heading)'")
    }
    let end = lines[(start + 1)...].firstIndex { $0.hasPrefix("#") } ?? lines.endIndex
    return lines[(start + 1)..<end]
  }

  /// The lines of tables below a heading, cut into their cells.
  public func rows(_ heading: String) throws -> [[String]] {
    try section(heading).map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// The table of limits below a heading: what, and the most of it.
  public func limits(_ heading: String) throws -> [(name: String, value: Int)] {
    try rows(heading).compactMap { row in
      guard row.count == 2, let value = Int(row[1].replacing(",", with: "")) else { return nil }
      return (row[0], value)
    }
  }

  /// The lines of the dump below a heading.
  public func dump(_ heading: String) throws -> [String] {
    try section(heading).filter { $0.dropFirst(8).hasPrefix(": ") }
  }

  /// Bytes as a page shows them: the offset, and pairs of bytes in hexadecimal.
  public static func dump(_ bytes: [UInt8]) -> [String] {
    stride(from: 0, to: bytes.count, by: 16).map { start in
      let row = bytes[start..<min(start + 16, bytes.count)]
      let digits = row.map { String(format: "%02x", $0) }
      let pairs = stride(from: 0, to: digits.count, by: 2).map {
        digits[$0] + ($0 + 1 < digits.count ? digits[$0 + 1] : "")
      }
      return String(format: "%08x: ", start) + pairs.joined(separator: " ")
    }
  }
}
