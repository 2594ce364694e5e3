import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands

/// Inputs that are not what they should be: one line, the documented status, never a crash.
@Suite struct MalformedInputTests {
  @Test func missingThingsAreNamed() throws {
    let sandbox = try Sandbox()
    try sandbox.fail(64, "there is no store", "collection", "list")
    try sandbox.fail(64, "nowhere", "query", "--store", "nowhere", "-c", "c", "--id", "1")
    try sandbox.makeCollection(count: 50)
    try sandbox.fail(64, "--collection: ", "stats", "-c", "other")
    try sandbox.fail(64, "--id: no record with id 77", "query", "-c", "c", "--id", "77")
    try sandbox.fail(64, "no record with id 98, 99", "get", "-c", "c", "98", "99")
    try sandbox.fail(64, "--codes: no.npy", "query", "-c", "c", "--codes", "no.npy")
    try sandbox.fail(64, "no", "load", "no", "-c", "c")
    try sandbox.fail(
      64, "--row: there is no row 50: data has rows 0...49", "query", "-c", "c", "--codes", "data",
      "--row", "50")
    try sandbox.fail(
      64, "--row: there is no row -1", "query", "-c", "c", "--codes", "data", "--row=-1")
    try sandbox.fail(64, "'c'", "collection", "create", "c")
    try sandbox.fail(64, "../x", "collection", "create", "../x")
    try sandbox.fail(64, "../x", "stats", "-c", "../x")
  }

  /// What fills no collection of its own leaves no folder behind when its name is mistyped.
  @Test func aStoreIsMadeOnlyForACollection() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 50)
    let there = "there is no store here"
    try sandbox.fail(64, there, "load", "data", "--store", "s", "-c", "c")
    try sandbox.fail(64, there, "delete", "1", "--store", "s", "-c", "c")
    try sandbox.fail(64, there, "seal", "--store", "s", "-c", "c")
    try sandbox.fail(64, there, "compact", "--store", "s", "-c", "c")
    try sandbox.fail(64, there, "collection", "drop", "c", "--store", "s")
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("s")))
    try FileManager.default.createDirectory(
      atPath: sandbox.path("s"), withIntermediateDirectories: false)
    try sandbox.fail(64, there, "load", "data", "--store", "s", "-c", "c")
    #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.path("s")).isEmpty)
    try sandbox.succeed("collection", "create", "c", "--store", "s")
    try sandbox.succeed("load", "data", "--store", "s", "-c", "c", "-q")
  }

  @Test func wrongArraysAreRefused() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 50)
    func array(_ name: String, _ type: NumpyElementType, _ rowShape: [Int]) throws {
      let writer = try NumpyWriter(
        path: sandbox.path(name), elementType: type, rowShape: rowShape)
      let count = rowShape.reduce(type.byteCount, *)
      try [UInt8](repeating: 1, count: count).withUnsafeBytes { try writer.append(rows: $0) }
      try writer.finish()
    }
    try array("narrow.npy", .uint8, [64])
    try array("floats.npy", .float32, [512])
    try array("flat.npy", .uint8, [])
    try array("signed.npy", .int64, [])
    try sandbox.write(Array("just text".utf8), to: "text.npy")
    try sandbox.write([], to: "empty.npy")
    let good = try Data(contentsOf: sandbox.folder.appending(path: "data/features.npy"))
    try sandbox.write(good.dropLast(), to: "short.npy")
    try sandbox.write(good + [0], to: "long.npy")
    for name in ["narrow", "floats", "flat", "text", "empty", "short", "long"] {
      try sandbox.fail(65, "--codes: \(name).npy: ", "query", "-c", "c", "--codes", "\(name).npy")
      try sandbox.fail(65, "\(name).npy: ", "load", "\(name).npy", "-c", "c")
      try sandbox.fail(
        65, "--features: \(name).npy: ", "bench", "search", "--features", "\(name).npy",
        "--queries", "data/features.npy")
    }
    try sandbox.fail(65, "--ids: floats.npy", "delete", "-c", "c", "--ids", "floats.npy")
    try sandbox.fail(
      64, "--metric: combined", "query", "-c", "c", "--codes", "data/features.npy", "--metric",
      "combined")
    #expect(try sandbox.contents().count == 50)
  }

  @Test func datasetsThatDisagreeAreRefused() throws {
    let sandbox = try Sandbox()
    try sandbox.succeed("collection", "create", "c")
    try sandbox.makeDataset("data", count: 20)
    try sandbox.makeDataset("other", count: 21)
    try FileManager.default.removeItem(atPath: sandbox.path("data/names.txt"))
    try sandbox.fail(65, "no names.txt", "load", "data", "-c", "c")
    try FileManager.default.removeItem(atPath: sandbox.path("data/dataset.json"))
    try FileManager.default.removeItem(atPath: sandbox.path("data/ids.npy"))
    try FileManager.default.copyItem(
      atPath: sandbox.path("other/ids.npy"), toPath: sandbox.path("data/ids.npy"))
    try sandbox.fail(65, "expected 20 rows", "load", "data", "-c", "c")
  }

  @Test func codesOfAnotherCoderAreRefused() throws {
    let sandbox = try Sandbox()
    let planted = Sandbox.planted()
    let records = (0..<10).map(planted.record)
    try sandbox.makeDataset("ours", records: records, coder: CoderIdentity("vgg2-a"))
    try sandbox.makeDataset("theirs", records: records, coder: CoderIdentity("vgg2-b"))
    try sandbox.succeed("collection", "create", "c")
    try sandbox.succeed("load", "ours", "-c", "c", "-q")
    try sandbox.fail(65, "'vgg2-b'", "load", "theirs", "-c", "c", "-q")
    try sandbox.fail(65, "'vgg2-b'", "query", "-c", "c", "--codes", "theirs")
    try sandbox.fail(65, "'vgg2-b'", "verify", "-c", "c", "--codes", "theirs")
    #expect(try sandbox.matches("--codes", "ours", "--row", "1", "-k", "1").map(\.id) == [1])
  }

  @Test func damagedAndForeignStoresAreRefused() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 3000)
    let folder = sandbox.path("thumbprint-store/c")
    let shard = try #require(
      FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasSuffix(".mdb") })
    let path = "\(folder)/\(shard)"
    let good = try Data(contentsOf: URL(filePath: path))

    // A flipped bit in the middle of the codes: opening is fine, checking finds it.
    var flipped = good
    flipped[flipped.count / 2] ^= 1
    try flipped.write(to: URL(filePath: path))
    let check = try sandbox.run("check", "-c", "c")
    #expect(check.status == 65 || check.status == 0, "\(check)")
    #expect(!check.errors.contains("Fatal"), "\(check)")

    for damaged in [good.prefix(good.count / 2), good.prefix(100), Data("not LMDB".utf8), Data()] {
      try damaged.write(to: URL(filePath: path))
      for command in [["check"], ["stats"], ["query", "--id", "1"], ["delete", "1"]] {
        let outcome = try sandbox.start(command + ["-c", "c"]).outcome()
        #expect(
          outcome.status == 65 && outcome.errors.hasPrefix("thumbprint: error: "),
          "\(damaged.count) bytes, \(command): \(outcome)")
      }
      #expect(try sandbox.succeed("collection", "list", "--json").output.contains("damage"))
    }
    try good.write(to: URL(filePath: path))
    try sandbox.succeed("check", "-c", "c")
    try sandbox.fail(64, "data", "collection", "create", "x", "--store", "data")
  }

  @Test func namesCannotDrawOnTheTerminal() throws {
    let sandbox = try Sandbox()
    var record = Sandbox.planted().record(0)
    record.name = "\u{1B}[2Jgone"
    try sandbox.makeDataset("data", records: [record])
    try sandbox.succeed("collection", "create", "c")
    try sandbox.succeed("load", "data", "-c", "c", "-q")
    for command in [["get", "0"], ["query", "--id", "0"]] {
      let output = try sandbox.start(command + ["-c", "c"]).outcome().output
      #expect(output.contains("\\u{1b}[2Jgone") && !output.contains("\u{1B}"))
    }
  }
}
