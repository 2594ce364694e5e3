import Foundation
import Testing
import ThumbprintNets

/// Holds pages of formats to files that the program writes, key by key, both ways.
///
/// Layouts of bytes are compared where their code is: `WireDocumentTests`, `FormatDocumentTests`,
/// `DatasetDocumentTests`.
@Suite struct FormatFileTests {
  @Test func filesOfStoresHaveTheKeysOfTheirPages() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-formats-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for command in [
      "bench generate planted --count 8 --out demo --quiet",
      "collection create p --coder test-1 --quiet", "load demo --collection p --quiet",
      "export out --collection p --quiet", "snapshot create p --out snap --quiet",
    ] {
      _ = try BuiltProgram.output(command.split(separator: " ").map(String.init), in: folder)
    }
    let storage = try Project.file("docs/formats/storage.md")
    let row = try #require(storage.lines.first { $0.hasPrefix("| `NAME/collection.json` |") })
    #expect(
      try Self.keys(of: folder.appending(path: "thumbprint-store/p/collection.json"))
        == Self.names(in: row.split(separator: "|")[1]))
    let snapshot = try Self.keyTable(of: storage, behind: "## Snapshots")
    // A store has no cluster.
    #expect(
      try Self.keys(of: folder.appending(path: "snap/snapshot.json"))
        == snapshot.subtracting(["cluster"]))
    let dataset = try Self.keyTable(
      of: Project.file("docs/formats/dataset.md"), behind: "### dataset.json")
    #expect(try Self.keys(of: folder.appending(path: "out/dataset.json")) == dataset)
    let made = try FileManager.default.contentsOfDirectory(
      atPath: folder.path(percentEncoded: false) + "/out")
    let files = try Self.keyTable(
      of: Project.file("docs/formats/dataset.md"), behind: "## Files of a folder", head: "| name |")
    #expect(Set(made) == files)
  }

  /// Every tensor and key of the model that ships is one that the page describes, and each of these
  /// is there.
  @Test func theModelHasTheTensorsAndKeysOfItsPage() throws {
    let page = try Project.file("docs/formats/codec.md")
    let path = Project.root.appending(
      path: "Sources/ThumbprintCoding/Resources/thumbprint.safetensors")
    let file = try SafetensorsFile(path: path.path)
    var described = Set(try Self.tensors(of: page, behind: "## A codec file").map { "codec.\($0)" })
    described.formUnion(
      try Self.tensors(of: page, behind: "## A feature network's file").map { "features.\($0)" })
    let found = Set(
      file.entries.map {
        $0.name.replacing(/stage\d/, with: "stageK").replacing(/conv\d+_\d+/, with: "convB_C")
      })
    let normalization = described.filter { $0.contains(".normB_C.") }
    #expect(normalization.count == 4, "those that this model has no use for")
    #expect(found == described.subtracting(normalization))
    for key in file.metadata.keys where !key.hasPrefix("note.") {
      #expect(page.text.contains("`\(key.trimmingPrefix("codec."))"), "\(key) is not in the page")
    }
    let description = try #require(file.metadata["features.description"])
    for key in description.matches(of: /"([A-Za-z]+)":/).map(\.output.1) {
      #expect(page.text.contains("`\(key)`"), "'\(key)' of the description is not in the page")
    }
  }

  /// The kinds of errors of pictures, networks and coding, which have no table of their own.
  @Test func everyKindOfErrorOfTheLibrariesIsDocumented() throws {
    let page = try Project.file("docs/reference/errors.md")
    let written = Set(
      page.lines.drop { $0 != "## Errors of pictures, networks and models" }.dropFirst()
        .prefix { !$0.hasPrefix("## ") }.filter { $0.hasPrefix("| ") }.dropFirst()
        .flatMap { $0.split(separator: "|")[0].split { !$0.isLetter } }.map(String.init)
    ).subtracting(["pictures", "networks", "coding", "or"])
    var kinds: Set<String> = []
    for path in [
      "ThumbprintImages/ImagesError", "ThumbprintNets/NetsError", "ThumbprintCoding/CodingError",
    ] {
      let text = try Project.file("Sources/\(path).swift").text
      kinds.formUnion(text.matches(of: /static let (\w+) = Code\(/).map { String($0.output.1) })
    }
    #expect(written == kinds)
  }

  private static func keys(of url: URL) throws -> Set<String> {
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    return Set(try #require(object as? [String: Any]).keys)
  }

  private static func names(in cell: Substring) -> Set<String> {
    Set(cell.matches(of: /`([\w.]+)`/).map { String($0.output.1) })
  }

  /// What the first column of the table behind a heading names.
  private static func keyTable(
    of page: Project.File, behind heading: String, head: String = "| key |"
  ) throws -> Set<String> {
    let rows = page.lines.drop { $0 != heading }.drop { !$0.hasPrefix(head) }.dropFirst(2)
      .prefix { $0.hasPrefix("|") }
    #expect(!rows.isEmpty, "no table behind \(heading)")
    return rows.reduce(into: []) { $0.formUnion(names(in: $1.split(separator: "|")[0])) }
  }

  /// `name.weight`, `.bias`: each tensor of a table, by its whole name.
  private static func tensors(of page: Project.File, behind heading: String) throws -> [String] {
    page.lines.drop { $0 != heading }.drop { !$0.hasPrefix("| name |") }.dropFirst(2)
      .prefix { $0.hasPrefix("|") }
      .flatMap { row in
        let names = row.split(separator: "|")[0].matches(of: /`([\w.]+)`/).map(\.output.1)
        let base = names[0].split(separator: ".").dropLast().joined(separator: ".")
        return [String(names[0])] + names.dropFirst().map { base + $0 }
      }
  }
}
