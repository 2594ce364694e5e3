import Foundation
import Testing
import ThumbprintStorage

/// `docs/formats/storage.md` is normative: its tables and dumps are those of the code.
@Suite struct FormatDocumentTests {
  private let lines: [String]

  init() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appendingPathComponent("docs/formats/storage.md"), encoding: .utf8)
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The lines below a heading, to the next one.
  private func section(_ heading: String) throws -> ArraySlice<String> {
    let start = try #require(lines.firstIndex(of: heading), "there is no '\(heading)'")
    let end = lines[(start + 1)...].firstIndex { $0.hasPrefix("#") } ?? lines.endIndex
    return lines[(start + 1)..<end]
  }

  private func cells(_ line: String) -> [String] {
    line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  @Test func tablesAreThoseOfTheCode() throws {
    for layout in FormatLayouts.all {
      let rows = try section("### \(layout.name)").map(cells).filter {
        $0.count >= 4 && Int($0[0]) != nil
      }
      #expect(rows.count == layout.fields.count, "\(layout.name)")
      for (row, field) in zip(rows, layout.fields) {
        #expect(Int(row[0]) == field.offset, "\(layout.name): \(field.name)")
        #expect((Int(row[1]) ?? 0) == field.byteCount, "\(layout.name): \(field.name)")
        #expect(row[2] == field.name, "\(layout.name)")
      }
      // Fields follow one another without a gap.
      var end = 0
      for field in layout.fields {
        #expect(field.offset == end, "\(layout.name): \(field.name)")
        end += field.byteCount
      }
      #expect(end == layout.byteCount, "\(layout.name)")
    }
  }

  @Test func databasesAreThoseOfTheCode() throws {
    let rows = try section("## Databases of a shard").map(cells).filter {
      $0.count >= 4 && Int($0[0]) != nil
    }
    #expect(rows.map { $0[1] } == ShardDatabase.allCases.map { "`\($0.name)`" })
    #expect(rows.map { Int($0[0]) } == ShardDatabase.allCases.map { $0.rawValue })
  }

  @Test func limitsAreThoseOfTheCode() throws {
    let rows = try section("## Limits").map(cells).filter {
      $0.count == 2 && Int($0[1].replacingOccurrences(of: ",", with: "")) != nil
    }
    #expect(rows.map { $0[0] } == FormatLayouts.limits.map(\.name))
    #expect(
      rows.map { Int($0[1].replacingOccurrences(of: ",", with: "")) }
        == FormatLayouts.limits.map(\.value))
  }

  @Test func dumpsAreThoseOfTheCode() throws {
    for (name, bytes) in [
      ("meta", FormatLayouts.sampleMeta), ("block header", FormatLayouts.sampleBlockHeader),
    ] {
      let dump = Array(try section("### \(name)").filter { $0.dropFirst(8).hasPrefix(": ") })
      #expect(dump == Self.dump(bytes), "\(Self.dump(bytes).joined(separator: "\n"))")
    }
  }

  private static func dump(_ bytes: [UInt8]) -> [String] {
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
