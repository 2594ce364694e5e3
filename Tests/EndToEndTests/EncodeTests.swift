import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintCommands
import ThumbprintImages
import ThumbprintNets

/// Pictures into datasets and back, by the program.
@Suite struct EncodeTests {
  /// A sandbox with a tiny model in `m`, as the variable for it says.
  static func sandbox(hasFeatures: Bool = true) throws -> Sandbox {
    let sandbox = try Sandbox()
    try writeModel(to: sandbox, hasFeatures: hasFeatures)
    return sandbox
  }

  /// Writes a tiny model to `m`.
  static func writeModel(to sandbox: Sandbox, hasFeatures: Bool = true) throws {
    let codec = try Codec(CodecSpec(outerChannels: 6, innerChannels: 8), seed: 1)
    var features: FeatureNetwork?
    if hasFeatures {
      let description = VGGDescription(
        side: 8, blocks: [[4]], poolsLastBlock: true, preprocessing: .symmetric)
      let part = try ConvolutionalPart(
        description, Network(description.convolutions, seed: 1))
      features = try FeatureNetwork(
        FeatureDescription(convolutions: part.description, componentCount: 6, hiddenCount: 10),
        part, seed: 1)
    }
    try Model(codec: codec, features: features).withGoldenCodes().write(to: sandbox.path("m"))
  }

  static func writePictures(_ count: Int, to sandbox: Sandbox) throws {
    try FileManager.default.createDirectory(
      atPath: sandbox.path("pictures/sub"), withIntermediateDirectories: true)
    for number in 0..<count {
      let folder = number % 3 == 0 ? "pictures/sub" : "pictures"
      try sandbox.write(GoldenCode.picture(number).png(), to: "\(folder)/p\(100 + number).png")
    }
  }

  @Test func picturesGoInAndComeOutAndAreFound() throws {
    let sandbox = try Self.sandbox()
    try Self.writePictures(20, to: sandbox)
    let report = try sandbox.succeed(
      "encode", "pictures", "--out", "d", "--model", "m", "--json", "-q"
    ).json([String: Any].self)
    #expect(report["records"] as? Int == 20)
    let data = try CodedDataset(path: sandbox.path("d"))
    try data.validate()
    #expect(data.coder == (try Model(path: sandbox.path("m")).identity))
    #expect(try data.name(at: 0) == "p101.png")
    #expect(try (0..<20).compactMap { try data.name(at: $0) }.contains("sub/p100.png"))
    try sandbox.succeed("decode", "d", "--out", "shown", "--model", "m", "-q")
    let model = try Model(path: sandbox.path("m"))
    let shown = try PictureReader.read(path: sandbox.path("shown/3.png"))
    #expect(greatestDifference(shown, model.codec.decode(data.image(at: 3))) <= 1)
    try sandbox.succeed("decode", "d", "--sheet", "s.png", "--bytes", "16", "--model", "m", "-q")
    #expect(try PictureReader.read(path: sandbox.path("s.png")).width > 5 * 32)
    let drawn = try sandbox.succeed("decode", "d", "--terminal", "--rows", "2", "--model", "m")
    #expect(drawn.output.contains("\u{2580}") && drawn.output.split(separator: "\n").count == 17)
    try sandbox.succeed("collection", "create", "c")
    try sandbox.succeed("load", "d", "-c", "c", "-q")
    #expect(try sandbox.matches("--id", "7", "-k", "1").map(\.id) == [7])
  }

  private func greatestDifference(_ a: Picture, _ b: Picture) -> Int {
    zip(a.pixels, b.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
  }

  @Test func everyKindOfPictureIsReadOrRefusedInOneLine() throws {
    let sandbox = try Self.sandbox()
    try FileManager.default.createDirectory(
      atPath: sandbox.path("zoo"), withIntermediateDirectories: true)
    let good = try HostilePictures.readable()
    let bad = try HostilePictures.unreadable()
    for (name, bytes) in good { try sandbox.write(bytes, to: "zoo/\(name)") }
    for (name, entry) in bad { try sandbox.write(entry.bytes, to: "zoo/\(name)") }
    let outcome = try sandbox.run("encode", "zoo", "--out", "d", "--model", "m")
    #expect(outcome.status == 65, "\(outcome)")
    #expect(outcome.errors.contains("error: \(bad.count) pictures of \(good.count + bad.count)"))
    let listed = try String(contentsOfFile: sandbox.path("d.refused.txt"), encoding: .utf8)
      .split(separator: "\n").map { $0.split(separator: "\t", maxSplits: 1).map(String.init) }
    #expect(Set(listed.map { $0[0] }) == Set(bad.keys.map { "zoo/\($0)" }))
    for line in listed {
      let name = String(line[0].dropFirst("zoo/".count))
      let reason = bad[name]?.reason ?? "?"
      #expect(!line[1].isEmpty && (reason.isEmpty || line[1].contains(reason)), "\(line)")
      #expect(outcome.errors.contains("refused: \(line[0]): \(line[1])\n"))
    }
    let data = try CodedDataset(path: sandbox.path("d"))
    #expect(
      Set(try (0..<data.count).compactMap { try data.name(at: $0) }) == Set(good.keys))
    // Each of them alone, too: one line, and nothing made.
    for name in bad.keys.sorted() {
      try sandbox.fail(65, name, "encode", "zoo/\(name)", "--out", "x", "--model", "m", "-q")
      #expect(!FileManager.default.fileExists(atPath: sandbox.path("x")))
    }
    #expect(
      try sandbox.run("encode", "zoo", "--out", "e", "--model", "m", "--skip-bad").status == 0)
  }

  @Test func aTurnedPictureHasTheCodeOfTheUprightOne() throws {
    let sandbox = try Self.sandbox()
    let files = try HostilePictures.readable()
    for name in ["turned.jpg", "plain.jpg"] { try sandbox.write(files[name] ?? [], to: name) }
    try sandbox.succeed("encode", "turned.jpg", "plain.jpg", "--out", "d", "--model", "m", "-q")
    let data = try CodedDataset(path: sandbox.path("d"))
    #expect(data.image(at: 0) != data.image(at: 1))
    let model = try Model(path: sandbox.path("m"))
    let whole = try PictureReader.read(path: sandbox.path("turned.jpg"))
    #expect(whole.width == 40 && whole.height == 48)
    // The encoder lets a JPEG be decoded at a smaller scale.
    let turned = try PictureReader.read(path: sandbox.path("turned.jpg"), sideMin: 32)
    #expect(data.image(at: 0).distance(to: model.codec.encode(turned)) <= 1)
  }

  /// What only shows pictures is found nowhere, and is no duplicate of anything.
  @Test func recordsWithoutFeatureCodesAreNotAlike() throws {
    let sandbox = try Self.sandbox()
    try Self.writePictures(6, to: sandbox)
    try sandbox.succeed("encode", "pictures", "--out", "d", "--images-only", "--model", "m", "-q")
    try sandbox.succeed("collection", "create", "c")
    try sandbox.succeed("load", "d", "-c", "c", "-q")
    for command in ["query", "similar"] {
      try sandbox.fail(
        65, "record 3 has no feature code", command, "-c", "c", "--id", "3", "--promise", "exact")
      try sandbox.succeed(command, "-c", "c", "--id", "3", "--metric", "combined")
    }
    try sandbox.fail(65, "row 2 of 'd'", "query", "-c", "c", "--codes", "d", "--row", "2")
    try sandbox.fail(65, "row 0 of 'd'", "query", "-c", "c", "--codes", "d", "--out", "o")
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("o")))

    // Beside them two that are equal.
    let one = Sandbox.planted().record(1)
    try sandbox.makeDataset(
      "e",
      records: (0..<2).map {
        Record(id: ItemID(100 + $0), feature: one.feature, image: one.image)
      })
    try sandbox.succeed("load", "e", "-c", "c", "-q")
    let outcome = try sandbox.succeed("duplicates", "-c", "c", "--within", "4096", "--json")
    #expect(outcome.errors.contains("left out: 6 records without a feature code"))
    let report = try outcome.json([String: Any].self)
    #expect(report["records"] as? Int == 2 && report["recordsWithoutFeature"] as? Int == 6)
    let groups = try #require(report["groups"] as? [[String: Any]])
    #expect(groups.count == 1)
    #expect((groups.first?["members"] as? [Any])?.count == 2)
  }

  @Test func idsDoNotBeginAgainAtZero() throws {
    let sandbox = try Self.sandbox()
    try Self.writePictures(4, to: sandbox)
    let told = try sandbox.fail(
      64,
      "--first-id: 4 pictures from 18446744073709551613 on would go 1 beyond "
        + "18446744073709551615", "encode", "pictures", "--out", "d", "--first-id",
      "18446744073709551613", "--model", "m")
    #expect(told.errors.contains("18446744073709551612 at most"))
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("d.journal")))
    try sandbox.succeed(
      "encode", "pictures", "--out", "d", "--first-id", "18446744073709551612", "--model", "m",
      "-q")
    let data = try CodedDataset(path: sandbox.path("d"))
    #expect(data.id(at: 3) == ItemID(.max))
  }

  @Test func aKilledRunGoesOn() throws {
    let sandbox = try Self.sandbox()
    try Self.writePictures(16, to: sandbox)
    // Many files with few contents, so that several blocks are written.
    let bytes = try GoldenCode.picture(3).png()
    for number in 0..<1_600 { try sandbox.write(bytes, to: "pictures/q\(10_000 + number).png") }
    let arguments = ["encode", "pictures", "--out", "d", "--model", "m", "--threads", "1"]
    for signal in [SIGKILL, SIGINT, SIGKILL] {
      let process = try sandbox.start(arguments)
      let size = sandbox.journalSize
      while process.isRunning, sandbox.journalSize <= size { usleep(500) }
      process.send(signal: signal)
      let outcome = try process.outcome()
      #expect(outcome.status == 128 + SIGKILL || outcome.status == 130 || outcome.status == 0)
    }
    if !FileManager.default.fileExists(atPath: sandbox.path("d")) {
      let report = try sandbox.succeed(
        "encode", "pictures", "--out", "d", "--model", "m", "--json", "-q"
      ).json([String: Any].self)
      #expect((report["resumed"] as? Int ?? 0) > 0)
    }
    #expect(sandbox.journalSize == 0)
    try sandbox.succeed("encode", "pictures", "--out", "whole", "--model", "m", "-q")
    let (a, b) = (
      try CodedDataset(path: sandbox.path("d")), try CodedDataset(path: sandbox.path("whole"))
    )
    #expect(a.manifest?.digest == b.manifest?.digest && a.count == 1_616)
  }

  @Test func modelsAreChosenAndChecked() throws {
    let sandbox = try Self.sandbox(hasFeatures: false)
    try Self.writePictures(3, to: sandbox)
    try sandbox.fail(64, "no feature network", "encode", "pictures", "--out", "d", "--model", "m")
    let outcome = try sandbox.run(
      "encode", "pictures", "--out", "d", "--images-only",
      environment: ["THUMBPRINT_MODEL": sandbox.path("m")])
    #expect(outcome.status == 0, "\(outcome)")
    try sandbox.fail(64, "--out", "encode", "pictures", "--out", "d", "--model", "m")
    let other = try Codec(CodecSpec(outerChannels: 6, innerChannels: 8), seed: 2)
    try other.write(to: sandbox.path("other"))
    try sandbox.fail(65, "was made by the coder", "decode", "d", "--out", "x", "--model", "other")
    try sandbox.fail(64, "--rows", "decode", "d", "--terminal", "--rows", "9", "--model", "m")
    try sandbox.fail(64, "--bytes", "decode", "d", "--terminal", "--bytes", "17", "--model", "m")
    try sandbox.fail(
      65, "missing", "encode", "missing", "--out", "y", "--images-only", "--model", "m")
    let info = try sandbox.succeed("model", "info", "m", "--json").json([String: Any].self)
    #expect((info["identity"] as? String)?.hasPrefix("tp1-") == true)
    #expect(try sandbox.succeed("model", "verify", "m").output.contains("0 of 8,192 bits"))
    var bytes = try Data(contentsOf: URL(filePath: sandbox.path("m")))
    bytes[bytes.count - 3] ^= 1
    try sandbox.write(bytes, to: "damaged")
    try sandbox.fail(65, "damaged", "model", "verify", "damaged")
    try sandbox.write(bytes.prefix(1_000), to: "short")
    try sandbox.fail(65, "--model: 'short'", "decode", "d", "--terminal", "--model", "short")
    try sandbox.succeed(
      "model", "pack", "--codec", "other", "--halves", "--note", "a=b", "--out", "packed")
    #expect(try sandbox.succeed("model", "info", "packed").output.contains("a: b"))
  }

  @Test func tablesAndFiguresAreMade() throws {
    let sandbox = try Self.sandbox()
    try Self.writePictures(12, to: sandbox)
    let table = try sandbox.succeed(
      "evaluate", "table1", "pictures@odd", "--model", "m", "--effort", "1", "--train",
      "pictures@even", "--out", "report")
    for method in ["JPEG quality 8, whole file", "PCA + Lloyd-Max", "codec, searched"] {
      #expect(table.output.contains("| \(method) |"))
    }
    try sandbox.succeed("evaluate", "figure5", "pictures", "--model", "m", "--out", "report")
    for name in ["table1.json", "table1.md", "figure5.json", "figure5.md"] {
      #expect(FileManager.default.fileExists(atPath: sandbox.path("report/\(name)")))
    }
    #expect(try PictureReader.read(path: sandbox.path("report/table1.png")).width == 1_008)
    #expect(try PictureReader.read(path: sandbox.path("report/figure5.png")).height > 500)
    try sandbox.fail(65, "nowhere", "evaluate", "table1", "nowhere", "--model", "m", "--out", "r")
  }
}

extension Sandbox {
  /// Bytes of the journal of the dataset `d`; 0 if there is none.
  fileprivate var journalSize: Int {
    let facts = try? FileManager.default.attributesOfItem(atPath: path("d.journal"))
    return (facts?[.size] as? Int) ?? 0
  }
}
