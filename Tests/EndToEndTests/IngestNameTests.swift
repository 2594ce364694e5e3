import Foundation
import Testing
import ThumbprintCoding
import ThumbprintImages

/// Which record a picture has, and whose record a name is: a file is in the collection once, however
/// it is given, and no run replaces the picture of another file.
@Suite struct IngestNameTests {
  private func ingest(_ sandbox: Sandbox, _ arguments: [String]) throws -> [String: Int] {
    let outcome = try sandbox.start(
      ["ingest"] + arguments + ["-c", "c", "--model", "m", "-q", "--json", "--skip-bad"]
    ).outcome()
    try #require(outcome.status == 0, "\(outcome)")
    let report = try outcome.json([String: Any].self)
    var counts = ["refused": (report["refused"] as? [Any])?.count ?? -1]
    for key in ["added", "changed", "unchanged", "otherNames", "gone", "pruned"] {
      counts[key] = report[key] as? Int ?? -1
    }
    return counts.filter { $0.value != 0 }
  }

  private func ingest(_ sandbox: Sandbox, _ arguments: String...) throws -> [String: Int] {
    try ingest(sandbox, arguments)
  }

  /// A sandbox with pictures of these numbers in these places.
  private func sandbox(_ pictures: [String: Int]) throws -> Sandbox {
    let sandbox = try EncodeTests.sandbox()
    for (path, number) in pictures { try write(number, to: path, in: sandbox) }
    return sandbox
  }

  /// - Parameters:
  ///   - byteCount: What the file has; `nil` for what it takes.
  ///   - isOld: Whether it was written long ago.
  private func write(
    _ number: Int, to path: String, byteCount: Int? = nil, isOld: Bool = false,
    in sandbox: Sandbox
  ) throws {
    var bytes = try GoldenCode.picture(number).png()
    if let byteCount { bytes += Array(repeating: 0, count: byteCount - bytes.count) }
    let folder = (path as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(
      atPath: sandbox.path(folder), withIntermediateDirectories: true)
    try sandbox.write(bytes, to: path)
    guard isOld else { return }
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
      ofItemAtPath: sandbox.path(path))
  }

  /// The path of the file of each record, below the sandbox, by the record's name.
  private func paths(_ sandbox: Sandbox) throws -> [String: String] {
    try? FileManager.default.removeItem(atPath: sandbox.path("e"))
    try sandbox.succeed("export", "e", "-c", "c", "-q")
    func lines(_ file: String) throws -> [String] {
      try String(contentsOfFile: sandbox.path("e/\(file)"), encoding: .utf8)
        .split(separator: "\n").map(String.init)
    }
    let root = String(cString: try #require(realpath(sandbox.folder.path, nil)))
    let paths = try lines("tags.jsonl").map { line in
      let tags = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      return try #require(tags?["file_path"]).replacing(root + "/", with: "")
    }
    return Dictionary(uniqueKeysWithValues: zip(try lines("names.txt"), paths))
  }

  @Test func aFileIsThereOnceHoweverItIsGiven() throws {
    let sandbox = try sandbox(["odd/0.png": 0, "odd/1.png": 1, "scenes/sub/2.png": 2])
    #expect(try ingest(sandbox, "odd") == ["added": 2])
    for spelling in ["odd/0.png", "./odd/0.png", "odd/../odd//0.png", sandbox.path("odd/0.png")] {
      #expect(try ingest(sandbox, spelling) == ["unchanged": 1], "\(spelling)")
      #expect(try ingest(sandbox, "./odd/1.png", spelling) == ["unchanged": 2], "\(spelling)")
      #expect(try ingest(sandbox, spelling, spelling, "odd") == ["unchanged": 2], "\(spelling)")
    }
    #expect(
      try ingest(sandbox, "odd", "scenes") == ["added": 1, "unchanged": 2, "otherNames": 2])
    #expect(
      try ingest(sandbox, "scenes/sub", "odd/", "--prune") == ["unchanged": 3, "otherNames": 3])
    #expect(try ingest(sandbox, "scenes", ".", "--prune") == ["unchanged": 3, "otherNames": 2])
    let first = [
      "0.png": "odd/0.png", "1.png": "odd/1.png", "scenes/sub/2.png": "scenes/sub/2.png",
    ]
    #expect(try paths(sandbox) == first)
    let told = try sandbox.succeed("ingest", "odd", "scenes", "-c", "c", "--model", "m")
    #expect(
      told.errors.contains("kept under other names: 2 pictures; 'odd/"))

    // What was changed is changed under the name that it has.
    try write(5, to: "odd/0.png", in: sandbox)
    #expect(
      try ingest(sandbox, "odd", "scenes") == ["changed": 1, "unchanged": 2, "otherNames": 2])
    #expect(try ingest(sandbox, "odd") == ["unchanged": 2])
    #expect(try paths(sandbox) == first)
  }

  @Test func namesDoNotDependOnWhatElseIsGivenAndHow() throws {
    for given in [["x/0.png", "y/1.png"], ["./x//0.png", "y/../y/1.png"], ["x/0.png", "y"]] {
      let sandbox = try sandbox(["x/0.png": 0, "y/1.png": 1])
      #expect(try ingest(sandbox, given) == ["added": 2])
      #expect(try Set(paths(sandbox).keys) == ["0.png", "1.png"], "\(given)")
    }
    let sandbox = try sandbox(["x/0.png": 0, "y/0.png": 1])
    #expect(try ingest(sandbox, "y", "./x/../x/") == ["added": 2])
    #expect(try Set(paths(sandbox).keys) == ["x/0.png", "y/0.png"])
  }

  /// Two files of one name are not told apart by how their paths were written.
  @Test func filesOfOneNameAreKeptApartByTheFolderAboveThem() throws {
    let sandbox = try sandbox(["x/0.png": 0, "y/0.png": 1])
    let told = try sandbox.run("ingest", "x/0.png", "y/0.png", "-c", "c", "--model", "m", "-q")
    #expect(told.status == 65 && told.errors.contains("another picture has the name '0.png' too"))
    #expect(told.errors.contains("hint: give the folder that has them all"), "\(told)")
    #expect(
      try ingest(sandbox, ".", "--prune") == ["added": 1, "unchanged": 1, "otherNames": 1])
    #expect(
      try ingest(sandbox, "x/0.png", "y/0.png") == ["unchanged": 2, "otherNames": 1])
    #expect(try paths(sandbox) == ["0.png": "x/0.png", "y/0.png": "y/0.png"])
  }

  /// What is not a picture by its name is taken if it is given, and does not count as gone.
  @Test func whatIsThereIsNotGone() throws {
    let sandbox = try sandbox(["x/0.png": 0, "x/1.picture": 1, "x/.2.png": 2])
    #expect(try ingest(sandbox, "x", "x/1.picture", "x/.2.png") == ["added": 3])
    #expect(try ingest(sandbox, "x", "--prune") == ["unchanged": 1])
    try FileManager.default.removeItem(atPath: sandbox.path("x/.2.png"))
    #expect(try ingest(sandbox, "x") == ["unchanged": 1, "gone": 1])
    #expect(try ingest(sandbox, "x", "--prefix", "p", "--prune") == ["added": 1])
    #expect(try ingest(sandbox, "x", "--prune") == ["unchanged": 1, "gone": 1, "pruned": 1])
    #expect(try Set(paths(sandbox).keys) == ["0.png", "1.picture", "p/0.png"])
  }

  /// Two cards, or hosts, with pictures of the same names: of one nothing can be seen while the other
  /// is there.
  @Test func picturesThatCannotBeSeenFromHereAreNotReplaced() throws {
    let sandbox = try sandbox([:])
    for number in 0..<3 {
      try write(number, to: "card/\(number).png", byteCount: 40_000, in: sandbox)
      // The first has other bytes but as many, the others differ in that too.
      try write(
        10 + number, to: "other/\(number).png", byteCount: 40_000 + number, isOld: true,
        in: sandbox)
    }
    #expect(try ingest(sandbox, "card") == ["added": 3])
    try FileManager.default.moveItem(
      atPath: sandbox.path("card"), toPath: sandbox.path("elsewhere"))
    let before = try sandbox.contents().digest
    let told = try sandbox.run("ingest", "other", "-c", "c", "--model", "m", "-q")
    #expect(told.status == 65 && told.errors.contains("error: 3 pictures could not be coded"))
    #expect(told.errors.contains("'other/1.png': its name is that of '"), "\(told)")
    #expect(told.errors.contains("/card/1.png', which is in the collection with other contents"))
    #expect(told.errors.contains("--replace replaces those"))
    #expect(try ingest(sandbox, "other", "--prune") == ["refused": 3])
    #expect(try sandbox.contents().digest == before)
    #expect(try ingest(sandbox, "other", "--prefix", "other") == ["added": 3])
    #expect(try ingest(sandbox, "elsewhere") == ["unchanged": 3])
    #expect(try sandbox.contents().count == 6)

    // They are replaced if that is asked for, unless they are in the collection already.
    #expect(try ingest(sandbox, "other", "--replace") == ["unchanged": 3, "otherNames": 3])
    try FileManager.default.moveItem(
      atPath: sandbox.path("other"), toPath: sandbox.path("second"))
    #expect(try ingest(sandbox, "second") == ["refused": 3])
    #expect(try ingest(sandbox, "second", "--replace") == ["changed": 3])
    #expect(try ingest(sandbox, "second") == ["unchanged": 3])
    #expect(try paths(sandbox)["1.png"] == "second/1.png")
  }

  /// A copy has another time than what it is of, and its codes say that it is the same.
  @Test func aFolderThatWasCopiedAsAWholeKeepsItsRecords() throws {
    let sandbox = try sandbox(["old/0.png": 0, "old/sub/1.png": 1])
    #expect(try ingest(sandbox, "old") == ["added": 2])
    try write(0, to: "new/0.png", isOld: true, in: sandbox)
    try write(1, to: "new/sub/1.png", isOld: true, in: sandbox)
    // While both are there, nobody knows whose record it is.
    #expect(try ingest(sandbox, "new") == ["refused": 2])
    try FileManager.default.removeItem(atPath: sandbox.path("old"))
    #expect(try ingest(sandbox, "new") == ["unchanged": 2])
    #expect(try paths(sandbox) == ["0.png": "new/0.png", "sub/1.png": "new/sub/1.png"])
    #expect(try ingest(sandbox, "new", "--prune") == ["unchanged": 2])
  }

  /// In a folder of the run it can be seen that a file is gone, so its name is free.
  @Test func aNameIsFreeWhenItsFileIsKnownToBeGone() throws {
    let sandbox = try sandbox(["x/sub/0.png": 0, "x/1.png": 1])
    #expect(try ingest(sandbox, "x/sub") == ["added": 1])
    try FileManager.default.removeItem(atPath: sandbox.path("x/sub/0.png"))
    try write(7, to: "x/0.png", in: sandbox)
    #expect(try ingest(sandbox, "x", "--prune") == ["added": 1, "changed": 1])
    #expect(try paths(sandbox) == ["0.png": "x/0.png", "1.png": "x/1.png"])
  }
}
