import Foundation
import Testing
import ThumbprintCoding
import ThumbprintImages

/// `ingest` and `query --image` on everything that a folder may hold: each file is coded, or listed
/// with a reason.
@Suite struct HostileIngestTests {
  /// What a run printed about files that it left out, by path.
  private func refusals(_ report: [String: Any]) -> [String: String] {
    let listed = report["refused"] as? [[String: String]] ?? []
    return Dictionary(
      listed.map { ($0["path"] ?? "", $0["reason"] ?? "") },
      uniquingKeysWith: { a, _ in a + " twice" })
  }

  /// Files of every kind in `zoo`, and what is to be said of those that cannot be read.
  private func writeZoo(to sandbox: Sandbox) throws -> (good: [String], bad: [String: String]) {
    for folder in ["zoo/folder.png", "zoo/other"] {
      try FileManager.default.createDirectory(
        atPath: sandbox.path(folder), withIntermediateDirectories: true)
    }
    let readable = try HostilePictures.oddReadable()
    for (name, bytes) in readable { try sandbox.write(bytes, to: "zoo/\(name)") }
    var bad: [String: String] = [:]
    for (name, entry) in try HostilePictures.oddUnreadable() {
      try sandbox.write(entry.bytes, to: "zoo/\(name)")
      bad["zoo/\(name)"] = entry.reason
    }
    try sandbox.write(readable["plain.png"] ?? [], to: "zoo/folder.png/inside.png")
    for ending in ["gif", "webp", "heic", "tiff"] {
      try sandbox.write([1], to: "zoo/other/x.\(ending)")
    }
    try sandbox.write([1], to: "zoo/other/read.me")
    try sandbox.write([1], to: "zoo/.hidden.png")
    let links = [
      "zoo/link.jpg": "plain.jpg", "zoo/nowhere.png": "gone", "zoo/itself.png": "itself.png",
      "zoo/endless": ".", "zoo/zero.png": "/dev/zero", "zoo/maps.png": "/proc/self/maps",
    ]
    for (name, target) in links {
      try FileManager.default.createSymbolicLink(
        atPath: sandbox.path(name), withDestinationPath: target)
    }
    try #require(mkfifo(sandbox.path("zoo/pipe.jpg"), 0o600) == 0)
    bad["zoo/nowhere.png"] = "cannot be opened: No such file"
    bad["zoo/itself.png"] = "cannot be opened: Too many levels"
    bad["zoo/zero.png"] = "not a regular file"
    bad["zoo/pipe.jpg"] = "not a regular file"
    bad["zoo/maps.png"] = "empty"
    return (readable.keys.sorted() + ["folder.png/inside.png", "link.jpg"], bad)
  }

  private func check(
    _ report: [String: Any], added: Int, unchanged: Int, bad: [String: String]
  ) {
    #expect(report["added"] as? Int == added && report["unchanged"] as? Int == unchanged)
    let refused = refusals(report)
    #expect(Set(refused.keys) == Set(bad.keys))
    for (path, reason) in refused {
      let part = bad[path] ?? "?"
      #expect(!reason.isEmpty && (part.isEmpty || reason.contains(part)), "\(path): \(reason)")
    }
    #expect(
      report["otherKinds"] as? [String: Int] == ["gif": 1, "webp": 1, "heic": 1, "tiff": 1])
    #expect(report["folderLinks"] as? Int == 1)
  }

  @Test func everyFileIsCodedOrListedInAStoreAndInACluster() throws {
    let cluster = try ClusterSandbox(workers: ["a"])
    let sandbox = cluster.sandbox
    try EncodeTests.writeModel(to: sandbox)
    let (good, bad) = try writeZoo(to: sandbox)
    let command = ["ingest", "zoo", "-c", "c", "--model", "m"]

    let first = try sandbox.start(command + ["--json", "-q"]).outcome()
    #expect(first.status == 65, "\(first)")
    check(try first.json([String: Any].self), added: good.count, unchanged: 0, bad: bad)
    let again = try sandbox.start(command + ["--json", "-q", "--skip-bad"]).outcome()
    #expect(again.status == 0, "\(again)")
    check(try again.json([String: Any].self), added: 0, unchanged: good.count, bad: bad)
    let told = try sandbox.start(command + ["--refused", "refused.txt"]).outcome()
    #expect(told.status == 65 && told.errors.contains("1 .gif, 1 .heic, 1 .tiff, 1 .webp"))
    #expect(told.errors.contains("not followed: 1 link to folders\n"))
    let file = try String(contentsOfFile: sandbox.path("refused.txt"), encoding: .utf8)
    #expect(file.split(separator: "\n").count == bad.count)

    let clustered = try cluster.run(command + ["--json", "-q"])
    #expect(clustered.status == 65, "\(clustered)")
    check(try clustered.json([String: Any].self), added: good.count, unchanged: 0, bad: bad)
    let stats = try cluster.succeed("stats", "-c", "c", "--json").json([String: Any].self)
    #expect(stats["digest"] as? String == (try sandbox.contents().digest))

    let names = try sandbox.succeed("export", "e", "-c", "c", "-q")
    #expect(names.status == 0)
    let listed = try String(contentsOfFile: sandbox.path("e/names.txt"), encoding: .utf8)
    #expect(Set(listed.split(separator: "\n").map(String.init)) == Set(good))
    for path in bad.keys.sorted() {
      try sandbox.fail(65, path, "query", "-c", "c", "--image", path, "--model", "m", "-q")
    }
  }

  @Test func eachOrientationHasTheCodeOfTheUprightPicture() throws {
    let sandbox = try EncodeTests.sandbox()
    try FileManager.default.createDirectory(
      atPath: sandbox.path("turned"), withIntermediateDirectories: true)
    // Sides in whole blocks, and no smaller than what a JPEG is decoded at.
    let seen = GoldenCode.picture(9).resized(width: 64, height: 48, filter: .bicubic)
    for orientation in 1...8 {
      let stored = HostilePictures.stored(seen, orientation: orientation)
      let png = HostilePictures.turned(png: try stored.png(), orientation: UInt8(orientation))
      try sandbox.write(png, to: "turned/\(orientation).png")
      let jpeg = try stored.jpeg(quality: 95, subsampling: .none)
      try sandbox.write(
        HostilePictures.exif(jpeg, orientation: UInt8(orientation)), to: "turned/\(orientation).jpg"
      )
    }
    try sandbox.succeed("ingest", "turned", "-c", "c", "--model", "m", "-q")
    try sandbox.succeed("export", "e", "-c", "c", "-q")
    let (features, images) = (
      try Data(contentsOf: URL(filePath: sandbox.path("e/features.npy"))).suffix(16 * 512),
      try Data(contentsOf: URL(filePath: sandbox.path("e/images.npy"))).suffix(16 * 64)
    )
    let names = try String(contentsOfFile: sandbox.path("e/names.txt"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
    func code(_ name: String) throws -> [UInt8] {
      let row = try #require(names.firstIndex(of: name))
      return Array(features.dropFirst(512 * row).prefix(512))
        + Array(images.dropFirst(64 * row).prefix(64))
    }
    for orientation in 1...8 {
      // A PNG keeps every pixel; a JPEG rounds rows and columns differently.
      #expect(try code("\(orientation).png") == code("1.png"), "orientation \(orientation)")
      let distance = try zip(code("\(orientation).jpg"), code("1.jpg")).reduce(0) {
        $0 + ($1.0 ^ $1.1).nonzeroBitCount
      }
      #expect(distance <= 60, "orientation \(orientation): \(distance) bits")
    }
  }

  @Test func namesOfEveryKindAreKeptOrListed() throws {
    let sandbox = try EncodeTests.sandbox()
    let picture = try GoldenCode.picture(1).png()
    let deep = Array(repeating: String(repeating: "d", count: 200), count: 6).joined(separator: "/")
    for folder in ["names/\(deep)", "names/.hidden"] {
      try FileManager.default.createDirectory(
        atPath: sandbox.path(folder), withIntermediateDirectories: true)
    }
    let kept = [
      "new\nline.png", "tab\t.png", "\u{1B}[31m.png", " space .png", "-dash.png", "#?%.png",
      "caf\u{E9}.png", "cafe\u{301}.png", String(repeating: "n", count: 251) + ".png",
      "<script>.png", "多.jpeg",
    ]
    for name in kept + [".png", ".hidden/x.png", "\(deep)/deep.png"] {
      try rawWrite(picture, to: Array("\(sandbox.path("names"))/\(name)".utf8))
    }
    try rawWrite(
      picture, to: Array(sandbox.path("names").utf8) + [0x2F, 0xE9] + Array(".png".utf8))
    let report = try sandbox.start(
      ["ingest", "names", "-c", "c", "--model", "m", "--json", "-q", "--skip-bad"]
    ).outcome().json([String: Any].self)
    #expect(report["added"] as? Int == kept.count)
    let refused = refusals(report)
    #expect(refused.count == 2)
    #expect(refused.values.contains("its name is not UTF-8"))
    #expect(refused["names/\(deep)/deep.png"] == "its name has 1214 bytes; the most is 1024")
    // What is kept comes out again, to the byte.
    try sandbox.succeed("export", "e", "-c", "c", "-q")
    let lines = try Data(contentsOf: URL(filePath: sandbox.path("e/names.txt")))
      .split(separator: UInt8(ascii: "\n")).map { Array($0) }
    let wanted = kept.map { Array($0.replacing("\n", with: "\\n").utf8) }
    #expect(Set(lines) == Set(wanted))
    // No name draws on the terminal.
    let table = try sandbox.succeed(
      "query", "-c", "c", "--image", "names/tab\t.png", "--model", "m")
    #expect(!table.output.contains("\u{1B}"))
    let again = try sandbox.start(
      ["ingest", "names", "-c", "c", "--model", "m", "--json", "-q", "--skip-bad"]
    ).outcome().json([String: Any].self)
    #expect(again["unchanged"] as? Int == kept.count && again["gone"] as? Int == 0)
  }

  /// Writes a file whose path need not be UTF-8.
  private func rawWrite(_ bytes: [UInt8], to path: [UInt8]) throws {
    let descriptor = (path + [0]).withUnsafeBufferPointer {
      $0.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_WRONLY | O_CREAT, 0o644) }
    }
    try #require(descriptor >= 0, "errno \(errno)")
    defer { close(descriptor) }
    try #require(write(descriptor, bytes, bytes.count) == bytes.count)
  }

  /// Root reads everything, so as root the program runs without the right to.
  @Test func filesAndFoldersWithoutPermissionAreListed() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(4, to: sandbox)
    for path in ["pictures/p101.png", "pictures/sub"] { chmod(sandbox.path(path), 0) }
    defer { chmod(sandbox.path("pictures/sub"), 0o755) }
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.currentDirectoryURL = sandbox.folder
    shell.arguments = [
      "-c",
      // Where it may not give the right up either, everything can be read.
      """
      without='setpriv --bounding-set -dac_override,-dac_read_search'
      test $(id -u) = 0 && $without true 2> /dev/null || without=
      $without cat pictures/p101.png > /dev/null 2>&1; echo $? > can-read
      $without '\(Sandbox.program.path)' ingest pictures -c c --model m --json -q --skip-bad > out
      """,
    ]
    try shell.run()
    shell.waitUntilExit()
    let isLocked = try String(contentsOfFile: sandbox.path("can-read"), encoding: .utf8) == "1\n"
    let data = try Data(contentsOf: URL(filePath: sandbox.path("out")))
    let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    if isLocked {
      #expect(report["added"] as? Int == 1)
      #expect(
        refusals(report) == [
          "pictures/p101.png": "cannot be opened: Permission denied",
          "pictures/sub": "the folder cannot be listed: Permission denied",
        ])
    } else {
      #expect(report["added"] as? Int == 4)
    }
  }
}
