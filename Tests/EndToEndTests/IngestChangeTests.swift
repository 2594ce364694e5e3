import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// Runs of `ingest` that are ended, folders that change meanwhile and afterwards, and what is in the
/// collection then: what is in the folder, once.
@Suite(.serialized) struct IngestChangeTests {
  /// A folder of pictures that is changed at random, in ways that can be replayed.
  private struct Folder {
    let sandbox: Sandbox
    var random: SplitMix64
    private(set) var names: [String] = []
    private var nextNumber = 0

    init(_ sandbox: Sandbox, count: Int, seed: UInt64) throws {
      self.sandbox = sandbox
      random = SplitMix64(seed: seed)
      try FileManager.default.createDirectory(
        atPath: sandbox.path("pictures/sub"), withIntermediateDirectories: true)
      for _ in 0..<count { try add() }
    }

    private mutating func add() throws {
      let name = (nextNumber % 3 == 0 ? "sub/" : "") + "p\(10_000 + nextNumber).png"
      nextNumber += 1
      try write(name)
      names.append(name)
    }

    private mutating func write(_ name: String) throws {
      let picture = GoldenCode.picture(Int.random(in: 0..<40, using: &random))
      // Of another size each time, as the time of change may be the same.
      let bytes = try picture.png() + Array(repeating: 0, count: nextNumber % 7)
      try sandbox.write(bytes, to: "pictures/\(name)")
    }

    /// Adds, changes, deletes and renames some.
    mutating func change() throws {
      for _ in 0..<6 {
        let place = Int.random(in: 0..<names.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: try add()
        case 1:
          nextNumber += 1
          try write(names[place])
        case 2:
          try FileManager.default.removeItem(atPath: sandbox.path("pictures/\(names[place])"))
          names.remove(at: place)
        default:
          let name = "renamed-\(nextNumber).png"
          nextNumber += 1
          try FileManager.default.moveItem(
            atPath: sandbox.path("pictures/\(names[place])"),
            toPath: sandbox.path("pictures/\(name)"))
          names[place] = name
        }
      }
    }
  }

  private static let command = ["ingest", "pictures", "-c", "c", "--model", "m", "-q"]

  /// Kills and interrupts runs at random moments while the folder changes.
  private func disturb(
    _ folder: inout Folder, _ start: () throws -> Running,
    also extra: (Int) throws -> Void = { _ in }
  ) throws {
    for round in 0..<6 {
      let running = try start()
      usleep(UInt32.random(in: 5_000...150_000, using: &folder.random))
      try folder.change()
      try extra(round)
      running.send(signal: round % 2 == 0 ? SIGKILL : SIGINT)
      let outcome = try running.outcome()
      #expect([0, 65, 130, 128 + SIGKILL].contains(outcome.status), "round \(round): \(outcome)")
      #expect(!outcome.errors.contains("Fatal"), "\(outcome)")
    }
  }

  /// What a fresh collection has that is made of the folder as it is.
  private func freshDigest(_ sandbox: Sandbox) throws -> String {
    try sandbox.succeed("ingest", "pictures", "-c", "fresh", "--model", "m", "-q")
    let stats = try sandbox.succeed("stats", "-c", "fresh", "--json").json([String: Any].self)
    return stats["digest"] as? String ?? "none"
  }

  @Test func whateverHappensAStoreHasEachPictureOnce() throws {
    let seed = UInt64.random(in: 0...9999)
    let sandbox = try EncodeTests.sandbox()
    var folder = try Folder(sandbox, count: 700, seed: seed)
    try disturb(&folder) { try sandbox.start(Self.command + ["--threads", "1"]) }
    let last = try sandbox.start(Self.command + ["--prune", "--json"]).outcome()
    try #require(last.status == 0, "seed \(seed): \(last)")
    let contents = try sandbox.contents()
    #expect(contents.count == folder.names.count, "seed \(seed)")
    #expect(try contents.digest == freshDigest(sandbox), "seed \(seed)")
    try sandbox.succeed("check", "-c", "c")
    let again = try sandbox.start(Self.command + ["--prune", "--json"]).outcome()
    let report = try again.json([String: Any].self)
    #expect(report["unchanged"] as? Int == folder.names.count && report["gone"] as? Int == 0)
  }

  @Test func whateverHappensAClusterHasEachPictureOnce() throws {
    let seed = UInt64.random(in: 0...9999)
    let cluster = try ClusterSandbox(workers: ["a", "b", "c"])
    let sandbox = cluster.sandbox
    try EncodeTests.writeModel(to: sandbox)
    var folder = try Folder(sandbox, count: 400, seed: seed)
    try cluster.makeCollection("c")
    let environment = ["THUMBPRINT_COORDINATOR": cluster.address]
    try disturb(&folder) {
      try sandbox.start(Self.command + ["--threads", "1"], environment: environment)
    } also: { round in
      // Two replicas of each shard: one worker may be lost at any moment.
      if round == 2 { try cluster.kill9("b") }
      if round == 4 { try cluster.startWorker("b") }
    }
    let last = try cluster.run(Self.command + ["--prune", "--json"])
    try #require(last.status == 0, "seed \(seed): \(last)")
    let stats = try cluster.succeed("stats", "-c", "c", "--json").json([String: Any].self)
    #expect(stats["records"] as? Int == folder.names.count, "seed \(seed)")
    #expect(try stats["digest"] as? String == freshDigest(sandbox), "seed \(seed)")
  }

  /// A worker that is lost in the middle of a run delays it and does not end it.
  @Test func aRunOutlivesALostWorker() throws {
    let cluster = try ClusterSandbox(workers: ["a", "b", "c"])
    let sandbox = cluster.sandbox
    try EncodeTests.writeModel(to: sandbox)
    _ = try Folder(sandbox, count: 600, seed: 1)
    try cluster.makeCollection("c")
    let running = try sandbox.start(
      Self.command + ["--threads", "1", "--json"],
      environment: ["THUMBPRINT_COORDINATOR": cluster.address])
    try cluster.wait("records") {
      let stats = try cluster.succeed("stats", "-c", "c", "--json").json([String: Any].self)
      return stats["records"] as? Int != 0 || !running.isRunning
    }
    try cluster.kill9("a")
    let outcome = try running.outcome()
    try #require(outcome.status == 0, "\(outcome)")
    #expect(try outcome.json([String: Any].self)["added"] as? Int == 600)
    let stats = try cluster.succeed("stats", "-c", "c", "--json").json([String: Any].self)
    #expect(try stats["digest"] as? String == freshDigest(sandbox))
  }

  private func ingest(_ sandbox: Sandbox, _ arguments: String...) throws -> [String: Int] {
    let outcome = try sandbox.start(
      ["ingest"] + arguments + ["-c", "c", "--model", "m", "-q", "--json", "--skip-bad"]
    ).outcome()
    let report = try outcome.json([String: Any].self)
    var counts = ["refused": (report["refused"] as? [Any])?.count ?? -1]
    for key in ["added", "changed", "unchanged", "otherNames", "gone", "pruned"] {
      counts[key] = report[key] as? Int ?? -1
    }
    return counts.filter { $0.value != 0 }
  }

  @Test func whatChangedInTheFolderIsSaidAndDoneWhenAsked() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(12, to: sandbox)
    #expect(try ingest(sandbox, "pictures") == ["added": 12])
    let manager = FileManager.default
    try manager.removeItem(atPath: sandbox.path("pictures/p101.png"))
    try manager.moveItem(
      atPath: sandbox.path("pictures/p102.png"), toPath: sandbox.path("pictures/new name.png"))
    try sandbox.write(GoldenCode.picture(30).png() + [0], to: "pictures/p104.png")
    let report = try sandbox.start(["ingest", "pictures", "-c", "c", "--model", "m"]).outcome()
    #expect(report.output.contains("ingested 2 pictures into 'c'"))
    #expect(report.output.contains(", 1 of them changed since; 9 were there already"))
    #expect(report.output.contains("; 2 records of files that are gone: --prune deletes them\n"))
    #expect(try sandbox.contents().count == 13)
    #expect(
      try ingest(sandbox, "pictures", "--prune") == ["unchanged": 11, "gone": 2, "pruned": 2])
    #expect(try sandbox.contents().count == 11)
    // A file alone keeps the name that it has, and says nothing about the others.
    #expect(try ingest(sandbox, "pictures/sub/p103.png") == ["unchanged": 1, "otherNames": 1])
    #expect(try ingest(sandbox, "pictures", "--prune") == ["unchanged": 11])
    try sandbox.fail(
      64, "--prune", "ingest", "pictures/p104.png", "-c", "c", "--model", "m", "--prune")
    // A folder that may have lost everything, as a disk that is not there does, is an error.
    try manager.moveItem(atPath: sandbox.path("pictures"), toPath: sandbox.path("elsewhere"))
    try manager.createDirectory(
      atPath: sandbox.path("pictures"), withIntermediateDirectories: false)
    try sandbox.fail(
      65, "no PNG or JPEG", "ingest", "pictures", "-c", "c", "--model", "m", "--prune")
    #expect(try ingest(sandbox, "elsewhere", "--prune") == ["unchanged": 11])
    #expect(try ingest(sandbox, "elsewhere", "--prune") == ["unchanged": 11])
  }

  @Test func foldersDoNotTakeEachOthersPictures() throws {
    let sandbox = try EncodeTests.sandbox()
    for (folder, start) in [("x", 0), ("y", 2)] {
      try FileManager.default.createDirectory(
        atPath: sandbox.path(folder), withIntermediateDirectories: true)
      for number in 0..<4 {
        let bytes =
          try GoldenCode.picture(start * 10 + number).png() + Array(repeating: 0, count: start)
        try sandbox.write(bytes, to: "\(folder)/p\(start + number).png")
      }
    }
    #expect(try ingest(sandbox, "x") == ["added": 4])
    #expect(try ingest(sandbox, "y") == ["added": 2, "refused": 2])
    let told = try sandbox.run("ingest", "y", "-c", "c", "--model", "m", "-q")
    #expect(told.status == 65 && told.errors.contains("hint: --prefix NAME"))
    #expect(try ingest(sandbox, "y", "--prefix", "second", "--prune")["added"] == 4)
    #expect(try ingest(sandbox, "x", "--prune") == ["unchanged": 4])
    #expect(try ingest(sandbox, "y", "--prefix", "second", "--prune") == ["unchanged": 4])
    // Those of y that found their names free keep these: a prefix is a wish, and no spelling.
    #expect(try sandbox.contents().count == 10)
    // One picture met twice is one.
    #expect(try ingest(sandbox, "x", "x", "./x/../x") == ["unchanged": 4])
    for bad in ["", "/a", "a/"] {
      try sandbox.fail(
        64, "--prefix", "ingest", "x", "-c", "c", "--model", "m", "--prefix", bad)
    }
  }
}
