import Foundation
import Testing
import ThumbprintCodes

/// Holds `docs/formats/dataset.md`, which is normative, against the code.
@Suite struct DatasetDocumentTests {
  private func document() throws -> String {
    let path = Fixtures.path("../../docs/formats/dataset.md")
    return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  @Test func theDumpIsTheFixture() throws {
    var bytes: [UInt8] = []
    for line in try document().split(separator: "\n") {
      let columns = line.split(separator: ":", maxSplits: 1)
      guard columns.count == 2, columns[0].count == 8, UInt32(columns[0], radix: 16) != nil else {
        continue
      }
      let digits = columns[1].dropFirst().prefix(39).filter { $0 != " " }
      for start in stride(from: 0, to: digits.count, by: 2) {
        bytes.append(try #require(UInt8(digits.dropFirst(start).prefix(2), radix: 16)))
      }
    }
    #expect(bytes.count == 128)
    #expect(try bytes == Array(Fixtures.bytes("npy/v1-features.npy").prefix(128)))
  }

  @Test func theLimitsAreThoseOfTheCode() throws {
    var limits: [String: Int] = [:]
    let section = try #require(
      try document().components(separatedBy: "## Limits").dropFirst().first)
    for line in section.split(separator: "\n") where line.hasPrefix("|") {
      let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      if let number = Int(columns[1].filter { $0 != "," }) { limits[columns[0]] = number }
    }
    #expect(
      limits == [
        "bytes of a name": RecordLimits.nameByteCountMax,
        "bytes of the tags of a record, in canonical form": RecordLimits.tagsByteCountMax,
        "bytes of a line of `names.txt`, escaped": 2 * RecordLimits.nameByteCountMax,
        "bytes of a line of `tags.jsonl`": TagsJSON.inputByteCountMax,
        "bytes of `dataset.json`": DatasetManifest.byteCountMax,
        "bytes of the dictionary of an `.npy` file": NumpyHeader.dictionaryByteCountMax,
        "characters of a coder identity": CoderIdentity.characterCountMax,
      ])
  }

  @Test func theManifestIsWhatIsWritten() throws {
    let example = try #require(
      try document().components(separatedBy: "```json\n").dropFirst().first?
        .components(separatedBy: "```").first)
    let manifest = try JSONDecoder().decode(DatasetManifest.self, from: Data(example.utf8))
    let folder = try TemporaryFolder()
    let writer = try CodedDatasetWriter(
      path: folder.path("set"), coder: manifest.coder, createdBy: manifest.createdBy)
    for record in sampleRecords(count: manifest.count, seed: 81) { try writer.append(record) }
    let written = try writer.finish()
    let text = String(decoding: try folder.bytes("set/dataset.json"), as: UTF8.self)
    #expect(
      text
        == example.replacingOccurrences(
          of: manifest.digest.description, with: written.digest.description))
  }
}
