import Testing
import ThumbprintStorage
import ThumbprintTestKit

/// `docs/formats/storage.md` is normative: its tables and dumps are those of the code.
@Suite struct FormatDocumentTests {
  private let page: NormativePage

  init() throws {
    page = try NormativePage("docs/formats/storage.md")
  }

  @Test func tablesAreThoseOfTheCode() throws {
    for layout in FormatLayouts.all {
      let rows = try page.rows("### \(layout.name)").filter {
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
    let rows = try page.rows("## Databases of a shard").filter {
      $0.count >= 4 && Int($0[0]) != nil
    }
    #expect(rows.map { $0[1] } == ShardDatabase.allCases.map { "`\($0.name)`" })
    #expect(rows.map { Int($0[0]) } == ShardDatabase.allCases.map { $0.rawValue })
  }

  @Test func limitsAreThoseOfTheCode() throws {
    let limits = try page.limits("## Limits")
    #expect(limits.map(\.name) == FormatLayouts.limits.map(\.name))
    #expect(limits.map(\.value) == FormatLayouts.limits.map(\.value))
  }

  @Test func dumpsAreThoseOfTheCode() throws {
    for (name, bytes) in [
      ("meta", FormatLayouts.sampleMeta), ("block header", FormatLayouts.sampleBlockHeader),
    ] {
      let dump = try page.dump("### \(name)")
      #expect(
        dump == NormativePage.dump(bytes), "\(NormativePage.dump(bytes).joined(separator: "\n"))")
    }
  }
}
