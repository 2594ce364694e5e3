import Foundation
import Testing
import ThumbprintCodes

/// Loads that do not come to their end, and what is there afterwards.
@Suite struct InterruptionTests {
  @Test func anInterruptedLoadSaysWhatIsDurableAndGoesOn() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDataset("data", count: 200_000)
    try sandbox.succeed("collection", "create", "c", "--shards", "2")
    let load = try sandbox.start(["load", "data", "-c", "c", "--verbose"])
    load.wait(forError: "load: 200,000 records")
    load.send(signal: SIGINT)
    let outcome = try load.outcome()
    #expect(outcome.status == 130, "\(outcome)")
    let line = try #require(
      outcome.errors.firstMatch(
        of: /thumbprint: stopped: ([0-9,]+) of 200,000 records are on the disk in 'c'/),
      "\(outcome.errors)")
    #expect(outcome.errors.contains("  hint: to go on, run the same command again"))
    let durable = try #require(Int(line.output.1.replacing(",", with: "")))
    #expect(durable < 200_000)
    #expect(try sandbox.contents().count == durable)
    try sandbox.succeed("check", "-c", "c")

    let rest = try sandbox.succeed("load", "data", "-c", "c", "--json").json([String: Any].self)
    #expect(rest["skipped"] as? Int == durable && rest["added"] as? Int == 200_000 - durable)
    #expect(try sandbox.contents() == (sandbox.digest(ofDataset: "data"), 200_000))
    try sandbox.succeed("verify", "-c", "c", "--sample", "3", "-k", "4")
  }

  @Test func aLoadInterruptedWhileIndexingEndsCleanlyAndIsCompleted() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDataset("data", count: 150_000)
    try sandbox.succeed("collection", "create", "c", "--shards", "2")
    let load = try sandbox.start(["load", "data", "-c", "c"])
    load.wait(forError: "indexing")
    load.send(signal: SIGINT)
    let outcome = try load.outcome()
    #expect(outcome.status == 130, "\(outcome)")
    #expect(
      outcome.errors.contains(
        "thumbprint: stopped: all 150,000 records are on the disk in 'c', but not all are "
          + "indexed\n  hint: "), "\(outcome.errors)")
    try sandbox.succeed("check", "-c", "c")
    let rest = try sandbox.succeed("load", "data", "-c", "c", "--json").json([String: Any].self)
    #expect(rest["skipped"] as? Int == 150_000 && rest["interrupted"] as? Bool == false)
    let stats = try sandbox.succeed("seal", "-c", "c", "--json").json([String: Any].self)
    let before = try #require(stats["before"] as? [String: Int])
    #expect(before["recentRows"] == 0 && before["records"] == 150_000)
    try sandbox.succeed("check", "-c", "c")
  }

  @Test func aKilledLoadLosesNothingAcknowledgedAndGoesOn() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDataset("data", count: 60_000)
    try sandbox.succeed("collection", "create", "c", "--shards", "2")
    let seed = UInt64.random(in: 0...9999)
    var generator = SplitMix64(seed: seed)
    var known = 0
    for round in 0..<6 {
      let load = try sandbox.start(["load", "data", "-c", "c", "--quiet"])
      usleep(UInt32.random(in: 0...250_000, using: &generator))
      load.send(signal: SIGKILL)
      _ = try load.outcome()
      let check = try sandbox.run("check", "-c", "c", "--json")
      #expect(check.status == 0, "seed \(seed), round \(round): \(check)")
      let count = try sandbox.contents().count
      #expect(count >= known, "seed \(seed), round \(round)")
      known = count
    }
    try sandbox.succeed("load", "data", "-c", "c", "--quiet")
    #expect(try sandbox.contents() == (sandbox.digest(ofDataset: "data"), 60_000), "seed \(seed)")
    try sandbox.succeed("check", "-c", "c")
    try sandbox.succeed("verify", "-c", "c", "--sample", "5", "-k", "4")
  }

  @Test func aSecondWriterIsTurnedAwayAndReadersAreNot() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 1000)
    try sandbox.makeDataset("more", count: 150_000, seed: 2)
    let load = try sandbox.start(["load", "more", "-c", "c", "--verbose"])
    load.wait(forError: "load: 150,000 records")
    let writer = try sandbox.run("delete", "-c", "c", "1")
    let reader = try sandbox.run("query", "-c", "c", "--id", "3", "-k", "1", "--json")
    let wasLoading = load.isRunning
    load.send(signal: SIGTERM)
    _ = try load.outcome()
    #expect(wasLoading, "the load was over before the others had a chance")
    #expect(writer.status == 69, "\(writer)")
    #expect(reader.status == 0, "\(reader)")
  }

  /// A limit on the size of files stands for a full disk, which needs no rights to be had.
  @Test func aFullDiskEndsTheLoadAndTheStoreAnswers() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 2000)
    try sandbox.makeDataset("more", count: 100_000, seed: 2)
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = [
      "-c",
      """
      ulimit -f 40000
      '\(Sandbox.program.path)' load more -c c --quiet > out 2> errors
      echo $? > status
      """,
    ]
    shell.currentDirectoryURL = sandbox.folder
    try shell.run()
    shell.waitUntilExit()
    let errors = try String(contentsOfFile: sandbox.path("errors"), encoding: .utf8)
    #expect(try String(contentsOfFile: sandbox.path("status"), encoding: .utf8) == "74\n")
    #expect(errors.hasPrefix("thumbprint: error: "), "\(errors)")
    #expect(try sandbox.contents().count >= 2000)
    try sandbox.succeed("check", "-c", "c")
    #expect(try sandbox.matches("--id", "5", "-k", "1").map(\.id) == [5])
    try sandbox.succeed("load", "more", "-c", "c", "--quiet")
    #expect(try sandbox.contents() == (sandbox.digest(ofDataset: "more"), 100_000))
  }
}
