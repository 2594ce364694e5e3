import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands

/// A store from its making to its end, as its users see it.
@Suite struct LifecycleTests {
  @Test func createLoadQueryVerifyCheckDrop() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDataset("data", count: 5000)
    #expect(
      try sandbox.succeed("collection", "create", "c", "--shards", "3").output
        == "created collection 'c' with 3 shards in thumbprint-store\n")
    let load = try sandbox.succeed("load", "data", "--collection", "c")
    #expect(load.output.hasPrefix("loaded 5,000 records into 'c' in "))
    #expect(load.output.hasSuffix(": 5,000 added\n"))
    #expect(try sandbox.contents() == (sandbox.digest(ofDataset: "data"), 5000))

    let found = try sandbox.matches("--id", "17", "-k", "4")
    #expect(found.first?.id == 17 && found.first?.distance == 0)
    #expect(Set(found.map(\.id)) == [16, 17, 18, 19], "the group of record 17")

    let table = try sandbox.succeed("query", "-c", "c", "--id", "17", "-k", "4", "--explain")
    #expect(table.output.contains("group-4/1") && table.output.contains("certified:"))
    #expect(table.output.contains("radius proved"))

    for promise in ["certified", "exact", "recall=0.9"] {
      let verified = try sandbox.succeed(
        "verify", "-c", "c", "--sample", "8", "-k", "4", "--promise", promise, "--json"
      ).json([String: Any].self)
      #expect(verified["queries"] as? Int == 8)
      #expect(promise == "recall=0.9" || verified["equal"] as? Int == 8)
    }
    let check = try sandbox.succeed("check", "-c", "c", "--json").json([String: Any].self)
    #expect(check["sound"] as? Bool == true && check["records"] as? Int == 5000)

    let list = try sandbox.succeed("collection", "list", "--json").json([[String: Any]].self)
    #expect(list.count == 1 && list[0]["name"] as? String == "c" && list[0]["shards"] as? Int == 3)
    #expect(
      try sandbox.succeed("collection", "drop", "c").output
        == "dropped collection 'c' (5,000 records)\n")
    try sandbox.fail(64, "there is no collection 'c'", "query", "-c", "c", "--id", "1")
  }

  @Test func loadingAgainChangesNothingAndLoadingOthersReplaces() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 1000, shards: 2)
    let before = try sandbox.contents()
    let again = try sandbox.succeed("load", "data", "-c", "c", "--json").json([String: Any].self)
    #expect(again["skipped"] as? Int == 1000 && again["added"] as? Int == 0)
    #expect(try sandbox.contents() == before)

    let planted = Sandbox.planted()
    try sandbox.makeDataset(
      "changed",
      records: (0..<100).map { index in
        var record = planted.record(index)
        record.name = "renamed \(index)"
        return record
      })
    let changed = try sandbox.succeed("load", "changed", "-c", "c", "--json")
      .json([String: Any].self)
    #expect(changed["replaced"] as? Int == 100 && changed["added"] as? Int == 0)
    #expect(try sandbox.contents().count == 1000)
    #expect(try sandbox.succeed("get", "-c", "c", "7").output.contains("renamed 7"))

    // Back to the first state, whatever the way there.
    try sandbox.succeed("load", "data", "-c", "c", "--quiet")
    #expect(try sandbox.contents() == before)
  }

  @Test func exportAndLoadGiveTheSameCollection() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 700, shards: 4)
    try sandbox.succeed("export", "copy", "-c", "c")
    #expect(try sandbox.digest(ofDataset: "copy") == sandbox.digest(ofDataset: "data"))
    let (data, copy) = (sandbox.path("data"), sandbox.path("copy"))
    for name in ["features.npy", "images.npy", "ids.npy", "names.txt", "tags.jsonl"] {
      #expect(
        FileManager.default.contentsEqual(atPath: "\(data)/\(name)", andPath: "\(copy)/\(name)"),
        "\(name)")
    }
    try sandbox.fail(64, "copy: there is something already", "export", "copy", "-c", "c")
  }

  @Test func deletedRecordsAreGone() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 400, shards: 2)
    #expect(
      try sandbox.succeed("delete", "-c", "c", "16", "18", "9999").output
        == "deleted 2 records, 1 not there\n")
    #expect(try sandbox.matches("--codes", "data", "--row", "17", "-k", "2").map(\.id) == [17, 19])
    let get = try sandbox.run("get", "-c", "c", "15", "16")
    #expect(get.status == 64)
    #expect(get.output.contains("group-3/3") && get.errors.contains("no record with id 16"))

    let writer = try NumpyWriter(path: sandbox.path("old.npy"), elementType: .uint64)
    for id in UInt64(0)..<200 {
      try withUnsafeBytes(of: id.littleEndian) { try writer.append(rows: $0) }
    }
    try writer.finish()
    let deleted = try sandbox.succeed("delete", "-c", "c", "--ids", "old.npy", "--json")
      .json([String: Any].self)
    #expect(deleted["deleted"] as? Int == 198 && deleted["absent"] as? Int == 2)
    #expect(try sandbox.contents().count == 200)
    for command in ["compact", "seal"] {
      let result = try sandbox.succeed(command, "-c", "c", "--json").json([String: Any].self)
      #expect(Set(result.keys) == ["collection", "seconds", "before", "after"])
      let before = try #require(result["before"] as? [String: Int])
      let after = try #require(result["after"] as? [String: Int])
      #expect(before["records"] == 200 && after["records"] == 200)
      #expect(after["deadRows"] == 0 && Set(after.keys) == Set(before.keys))
      let text = try sandbox.succeed(command, "-c", "c")
      #expect(text.output.isEmpty && text.errors.contains("'c' in "))
    }
    #expect(try sandbox.contents().count == 200)
    try sandbox.succeed("check", "-c", "c")
    try sandbox.succeed("verify", "-c", "c", "-k", "3")
  }

  @Test func answersDoNotDependOnShards() throws {
    let sandbox = try Sandbox()
    try sandbox.makeDataset("data", count: 6000)
    let planted = Sandbox.planted()
    try sandbox.makeArray("q.npy", codes: (0..<30).map { planted.query($0, groupCount: 1500) })
    var answers: [Data] = []
    for shards in [1, 4, 7] {
      try sandbox.succeed("collection", "create", "s\(shards)", "--shards", "\(shards)")
      try sandbox.succeed("load", "data", "-c", "s\(shards)", "-q")
      try sandbox.succeed("query", "-c", "s\(shards)", "--codes", "q.npy", "--out", "o", "-q")
      answers.append(
        try Data(contentsOf: sandbox.folder.appending(path: "o/ids.npy"))
          + Data(contentsOf: sandbox.folder.appending(path: "o/distances.npy")))
    }
    #expect(answers[0] == answers[1] && answers[1] == answers[2])
  }

  @Test func answersAsArraysArePadded() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 8)
    try sandbox.succeed(
      "query", "-c", "c", "--codes", "data", "-k", "6", "--max-distance", "1000", "--out", "o/p")
    let ids = try NumpyArray(path: sandbox.path("o/p/ids.npy"))
    let distances = try NumpyArray(path: sandbox.path("o/p/distances.npy"))
    #expect(ids.shape == [8, 6] && ids.elementType == .uint64)
    #expect(distances.shape == [8, 6] && distances.elementType == .uint16)
    let firstIDs = ids.withUnsafeBytes { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
    }
    let firstDistances = distances.withUnsafeBytes { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
    }
    #expect(Set(firstIDs[..<4]) == [0, 1, 2, 3] && firstIDs[4...] == [.max, .max])
    #expect(firstDistances[0] == 0 && firstDistances[4...] == [.max, .max])
  }

  @Test func everyWayOfAskingAgrees() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 400)
    let group = try sandbox.matches("--id", "40", "-k", "4")
    let radius = try #require(group.last).distance
    #expect(
      try sandbox.matches("--codes", "data", "--row", "40", "-k", "4").map(\.id) == group.map(\.id))
    #expect(
      try sandbox.matches("--codes", "data/features.npy", "--row", "40", "-k", "4").map(\.id)
        == group.map(\.id))
    #expect(try sandbox.matches("--id", "40", "--within", "\(radius)").map(\.id) == group.map(\.id))
    #expect(
      try sandbox.matches("--id", "40", "-k", "9", "--max-distance", "\(radius)").map(\.id)
        == group.map(\.id))
    let combined = try sandbox.matches("--id", "40", "-k", "4", "--metric", "combined")
    #expect(Set(combined.map(\.id)) == Set(group.map(\.id)))
    #expect(try sandbox.matches("--id", "40", "--within", "0").map(\.id) == [40])
    let nothing = try sandbox.succeed(
      "query", "-c", "c", "--codes", "data", "--row", "1", "--max-distance", "0")
    #expect(nothing.output.contains("group-0/1"))
  }

  @Test func theStoreIsFoundByFlagThenVariableThenName() throws {
    let sandbox = try Sandbox()
    try sandbox.run("collection", "create", "a", environment: ["THUMBPRINT_STORE": "named"])
    try sandbox.succeed("collection", "create", "b", "--store", "given")
    try sandbox.succeed("collection", "create", "c")
    for (folder, name) in [("named", "a"), ("given", "b"), ("thumbprint-store", "c")] {
      let list = try sandbox.run(
        "collection", "list", "--store", folder, "--json",
        environment: ["THUMBPRINT_STORE": "elsewhere"])
      #expect(try list.json([[String: Any]].self).map { $0["name"] as? String } == [name])
    }
  }
}
