import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// Pictures straight into collections, and what is found there shown as pictures, by the program.
@Suite struct IngestTests {
  private func ingest(_ sandbox: Sandbox, _ extra: String...) throws -> [String: Any] {
    try sandbox.start(
      ["ingest", "pictures"] + (extra.contains("-c") ? [] : ["-c", "c"])
        + ["--model", "m", "--json", "-q"] + extra
    ).outcome().json([String: Any].self)
  }

  @Test func aFolderIsASearchEngineAfterOneCommand() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(20, to: sandbox)
    let first = try ingest(sandbox)
    #expect(first["added"] as? Int == 20)
    #expect(first["unchanged"] as? Int == 0)
    let again = try ingest(sandbox)
    #expect(again["added"] as? Int == 0)
    #expect(again["unchanged"] as? Int == 20)

    // One is new, one is another picture now, and one cannot be read.
    try sandbox.write(GoldenCode.picture(50).png(), to: "pictures/new.png")
    try sandbox.write(GoldenCode.picture(51).png(), to: "pictures/p101.png")
    try sandbox.write(Array("no picture".utf8), to: "pictures/bad.jpg")
    let third = try ingest(sandbox, "--refused", "refused.txt")
    #expect(third["added"] as? Int == 1)
    #expect(third["changed"] as? Int == 1)
    #expect(third["unchanged"] as? Int == 19)
    #expect((third["refused"] as? [[String: String]])?.map { $0["path"] } == ["pictures/bad.jpg"])
    #expect(
      try String(contentsOfFile: sandbox.path("refused.txt"), encoding: .utf8)
        == "pictures/bad.jpg\tis neither PNG nor JPEG\n")

    let found = try sandbox.succeed(
      "query", "-c", "c", "--image", "pictures/sub/p103.png", "-k", "3", "--model", "m")
    #expect(found.output.contains("sub/p103.png"))
    #expect(!found.output.contains("\u{2580}"))
    let drawn = try sandbox.succeed(
      "query", "-c", "c", "--image", "pictures/sub/p103.png", "-k", "3", "--model", "m",
      "--pictures", "--sheet", "s.html")
    #expect(drawn.output.contains("\u{2580}"))
    let page = try String(contentsOfFile: sandbox.path("s.html"), encoding: .utf8)
    // The picture that was asked with, and three that were found.
    #expect(page.components(separatedBy: "<li>").count == 5)
    #expect(page.contains("sub/p103.png"))
  }

  @Test func codesOfAnotherModelAreRefused() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(3, to: sandbox)
    try sandbox.succeed("collection", "create", "c", "--coder", "another")
    try sandbox.fail(
      65, "are of the coder another", "ingest", "pictures", "-c", "c", "--model", "m", "-q")
    try sandbox.succeed("collection", "create", "d")
    try sandbox.fail(
      65, "nobody said which coder made the codes of 'd'", "query", "-c", "d", "--image",
      "pictures/p101.png", "--model", "m", "-q")
    // It is empty, so it takes the coder of the first pictures.
    try sandbox.succeed("ingest", "pictures", "-c", "d", "--model", "m", "-q")
    try sandbox.succeed("query", "-c", "d", "--image", "pictures/p101.png", "--model", "m", "-q")

    try sandbox.makeCollection(count: 4, name: "e")
    let told = try sandbox.fail(
      65, "nobody named the coder", "ingest", "pictures", "-c", "e", "--model", "m", "-q")
    #expect(told.errors.contains("hint: choose another collection"))
    // The other way out: a dataset of the coder.
    try sandbox.succeed("encode", "pictures", "--out", "p", "--first-id", "9", "--model", "m", "-q")
    try sandbox.succeed("load", "p", "-c", "e", "-q")
    #expect(try ingest(sandbox, "-c", "e")["added"] as? Int == 3)
  }

  /// Somebody makes a collection, and somebody else fills it.
  @Test func anEmptyCollectionOfAClusterTakesTheCoderOfTheFirstPictures() throws {
    let cluster = try ClusterSandbox(workers: ["a"])
    try EncodeTests.writeModel(to: cluster.sandbox)
    try EncodeTests.writePictures(3, to: cluster.sandbox)
    try cluster.succeed("collection", "create", "c", "--shards", "2")
    let told = try cluster.succeed(
      "ingest", "pictures", "-c", "c", "--model", "m", "--shards", "3", "--replicas", "2")
    #expect(told.errors.contains("--shards 3 was passed over: 'c' is there already, with 2 shards"))
    #expect(told.errors.contains("--replicas 2 was passed over: 'c' is there already, with 1 "))
    let list = try cluster.succeed("collection", "list", "--json").json([[String: Any]].self)
    #expect(
      list[0]["coder"] as? String
        == (try Model(path: cluster.sandbox.path("m")).identity.name))
    try cluster.succeed("query", "-c", "c", "--image", "pictures/p101.png", "--model", "m", "-q")
  }

  @Test func aRunWithoutPicturesLeavesNothingBehind() throws {
    let sandbox = try EncodeTests.sandbox()
    try sandbox.write(Array("no picture".utf8), to: "bad.png")
    let command = ["ingest", "bad.png", "-c", "c", "--model", "m", "-q"]
    #expect(try sandbox.start(command).outcome().status == 65)
    #expect(try sandbox.start(command + ["--skip-bad"]).outcome().status == 0)
    #expect(
      try sandbox.succeed("collection", "list", "--json").json([[String: Any]].self).isEmpty)
  }

  @Test func whatFlagsSayOfANewCollectionIsHeldAgainstOneThatIsThere() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(2, to: sandbox)
    for isThere in [false, true] {
      try sandbox.fail(
        64, "--replicas", "ingest", "pictures", "-c", "c", "--model", "m", "--replicas", "2", "-q")
      if !isThere { #expect(try ingest(sandbox, "--shards", "2")["added"] as? Int == 2) }
    }
    let told = try sandbox.succeed(
      "ingest", "pictures", "-c", "c", "--model", "m", "--shards", "3")
    #expect(told.errors.contains("--shards 3 was passed over: 'c' is there already, with 2 shards"))
    #expect(
      !(try sandbox.succeed("ingest", "pictures", "-c", "c", "--model", "m", "--shards", "2"))
        .errors.contains("passed over"))
    try sandbox.fail(64, "--collection", "ingest", "pictures", "-c", "a/b", "--model", "m", "-q")
  }

  @Test func likeRecordsAreFoundAndGathered() throws {
    let sandbox = try EncodeTests.sandbox()
    try sandbox.succeed(
      "bench", "generate", "planted", "--count", "400", "--out", "d", "--flipped", "0.02", "-q")
    try sandbox.succeed("collection", "create", "c", "--shards", "3")
    try sandbox.succeed("load", "d", "-c", "c", "-q")

    let similar = try sandbox.succeed("similar", "-c", "c", "--id", "5", "-k", "3", "--json")
      .json([String: Any].self)
    let query = try #require((similar["queries"] as? [[String: Any]])?.first)
    let matches = try #require(query["matches"] as? [[String: Any]])
    #expect(Set(matches.compactMap { $0["id"] as? Int }) == [4, 6, 7])
    try sandbox.fail(64, "1...16383", "similar", "-c", "c", "--id", "5", "-k", "16384")
    for command in ["similar", "query"] {
      try sandbox.fail(
        64, "--allow-partial: a store is searched", command, "-c", "c", "--id", "5",
        "--allow-partial")
      try sandbox.fail(
        64, "--allow-partial: a store is searched", command, "-c", "c", "--id", "5",
        "--allow-partial", "--store", "thumbprint-store")
    }

    let report = try sandbox.succeed("duplicates", "-c", "c", "--within", "400", "--json")
      .json([String: Any].self)
    let groups = try #require(report["groups"] as? [[String: Any]])
    #expect(groups.count == 100)
    for (number, group) in groups.enumerated() {
      let members = try #require(group["members"] as? [[String: Any]])
      #expect(members.compactMap { $0["id"] as? Int } == (0..<4).map { 4 * number + $0 })
      #expect(members.allSatisfy { (1...400).contains($0["distance"] as? Int ?? 0) })
    }
    let exact = try sandbox.succeed(
      "duplicates", "-c", "c", "--within", "400", "--promise", "exact", "--show", "2")
    #expect(exact.output.hasPrefix("100 groups of 400 records within 400 bits, among 400"))
    #expect(exact.output.split(separator: "\n").count == 1 + 1 + 8)
  }
}
