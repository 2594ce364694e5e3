import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands

/// The same commands on a store and on a cluster of real processes: the same answers.
@Suite(.serialized) struct ClusterTests {
  /// A cluster and a store with the same records in collection `c`, and queries in `q.npy`.
  private static func twins(
    count: Int, workers: [String] = ["a", "b", "c"], replicas: Int = 2
  ) throws -> ClusterSandbox {
    let cluster = try ClusterSandbox(workers: workers)
    try cluster.sandbox.makeCollection(count: count, shards: 3)
    let planted = Sandbox.planted()
    try cluster.sandbox.makeArray(
      "q.npy", codes: (0..<20).map { planted.query($0, groupCount: count / 4) })
    try cluster.succeed(
      "collection", "create", "c", "--shards", "5", "--replicas", "\(replicas)")
    try cluster.succeed("load", "data", "-c", "c", "--quiet")
    return cluster
  }

  /// What an answer says but for times and costs: the document without them, or the table.
  private static func content(_ outcome: Sandbox.Outcome, isJSON: Bool) throws -> String {
    guard isJSON else {
      // The last line tells how long it took.
      return outcome.output.split(separator: "\n").filter { !$0.contains("full comparison") }
        .joined(separator: "\n")
    }
    var document = try outcome.json([String: Any].self)
    document["milliseconds"] = nil
    document["queries"] = (document["queries"] as? [[String: Any]])?.map { query in
      var query = query
      query["certificate"] = nil
      return query
    }
    let data = try JSONSerialization.data(withJSONObject: document, options: .sortedKeys)
    return String(decoding: data, as: UTF8.self)
  }

  @Test func everyAnswerIsThatOfAStore() throws {
    let cluster = try Self.twins(count: 3000)
    let sandbox = cluster.sandbox
    let questions: [[String]] = [
      ["--id", "17", "-k", "4"], ["--codes", "q.npy", "-k", "7"],
      ["--codes", "q.npy", "-k", "200", "--promise", "exact"],
      ["--codes", "data", "--row", "40", "--within", "900"],
      ["--codes", "q.npy", "--within", "1900", "--promise", "exact"],
      ["--id", "40", "-k", "5", "--max-distance", "500", "--metric", "combined"],
    ]
    for question in questions {
      for format in [[], ["--json"]] {
        let arguments = ["query", "-c", "c"] + question + format
        let stored = try sandbox.start(arguments).outcome()
        let clustered = try cluster.run(arguments)
        try #require(stored.status == 0 && clustered.status == 0, "\(clustered.errors)")
        #expect(
          try Self.content(clustered, isJSON: !format.isEmpty)
            == Self.content(stored, isJSON: !format.isEmpty), "\(arguments)")
      }
    }
    try sandbox.succeed("query", "-c", "c", "--codes", "q.npy", "--out", "o1", "-q")
    try cluster.succeed("query", "-c", "c", "--codes", "q.npy", "--out", "o2", "-q")
    for command in [["get", "-c", "c", "3", "1", "2"], ["get", "-c", "c", "9", "--json"]] {
      #expect(try cluster.run(command).output == sandbox.start(command).outcome().output)
    }
    try sandbox.succeed("export", "e1", "-c", "c", "-q")
    try cluster.succeed("export", "e2", "-c", "c", "-q")
    for (a, b) in [
      ("o1/ids.npy", "o2/ids.npy"), ("o1/distances.npy", "o2/distances.npy"),
      ("e1/features.npy", "e2/features.npy"), ("e1/images.npy", "e2/images.npy"),
      ("e1/ids.npy", "e2/ids.npy"), ("e1/names.txt", "e2/names.txt"),
      ("e1/tags.jsonl", "e2/tags.jsonl"),
    ] {
      #expect(
        FileManager.default.contentsEqual(
          atPath: sandbox.path(a), andPath: sandbox.path(b)), "\(a) and \(b)")
    }
    let stats = try cluster.succeed("stats", "-c", "c", "--json").json([String: Any].self)
    #expect(stats["digest"] as? String == (try sandbox.contents().digest))
    let verified = try cluster.succeed("verify", "-c", "c", "--sample", "5", "--json")
    #expect(try verified.json([String: Any].self)["equal"] as? Int == 5)
    let explained = try cluster.succeed("query", "-c", "c", "--id", "17", "--explain")
    #expect(explained.output.contains("radius proved") && explained.output.contains("position"))
  }

  @Test func writesAreCountedAsInAStore() throws {
    let cluster = try Self.twins(count: 400)
    let sandbox = cluster.sandbox
    #expect(try cluster.run(["collection", "create", "c"]).status == 64)
    let again = try cluster.succeed("load", "data", "-c", "c", "--json").json([String: Any].self)
    #expect(again["skipped"] as? Int == 400 && again["added"] as? Int == 0)
    let command = ["delete", "-c", "c", "16", "18", "9999"]
    #expect(try cluster.run(command).output == sandbox.start(command).outcome().output)
    let get = try cluster.run(["get", "-c", "c", "15", "16"])
    #expect(get.status == 64)
    #expect(get.output.contains("group-3/3") && get.errors.contains("no record with id 16"))
    let list = try cluster.succeed("collection", "list", "--json").json([[String: Any]].self)
    #expect(list.count == 1 && list[0]["replicas"] as? Int == 2 && list[0]["shards"] as? Int == 5)
    #expect(
      try cluster.succeed("collection", "create", "usual").output
        .hasPrefix("created collection 'usual' with 8 shards of 2 replicas in "))
    #expect(
      try cluster.succeed("collection", "drop", "c").output
        .hasPrefix("dropped collection 'c' ("))
    #expect(try cluster.run(["stats", "-c", "c"]).status == 64)
    #expect(try cluster.run(["collection", "drop", "c"]).errors.contains("no collection 'c'"))
  }

  @Test func aLostShardIsNamedAndCanBeDoneWithout() throws {
    let cluster = try Self.twins(count: 400, replicas: 1)
    try cluster.kill9("a")
    let query = ["query", "-c", "c", "--codes", "q.npy", "--row", "3"]
    try cluster.wait("loss") { try cluster.run(query).status == 69 }
    let whole = try cluster.run(query)
    #expect(whole.status == 69 && whole.output.isEmpty)
    #expect(whole.errors.contains("--allow-partial"), "\(whole.errors)")
    let partial = try cluster.run(query + ["--allow-partial"])
    #expect(partial.status == 0 && partial.output.contains("partial: not searched: shard"))
    // Of a record that can still be read.
    let id = try #require(
      try (0..<400).first { try cluster.run(["get", "-c", "c", "\($0)"]).status == 0 })
    let similar = ["similar", "-c", "c", "--id", "\(id)"]
    let refused = try cluster.run(similar)
    #expect(refused.status == 69 && refused.errors.contains("--allow-partial"), "\(refused)")
    let some = try cluster.run(similar + ["--allow-partial"])
    #expect(some.status == 0 && some.output.contains("partial: not searched: shard"), "\(some)")
    let shards = try cluster.succeed("cluster", "shards", "--json").json([[String: Any]].self)
    #expect(shards.contains { $0["state"] as? String == "unavailable" })
    #expect(try cluster.succeed("cluster", "status").output.contains("unavailable:"))
  }

  @Test func aWorkerJoinsAndAnotherLeaves() throws {
    let cluster = try Self.twins(count: 4000)
    let before = try cluster.succeed("query", "-c", "c", "--codes", "q.npy", "--json")
    try cluster.startWorker("d")
    try cluster.waitForWorkers(4)
    let plan = try cluster.succeed("rebalance", "--dry-run", "--json").json([String: Any].self)
    #expect(plan["dryRun"] as? Bool == true && (plan["bytes"] as? Int ?? 0) > 0)
    #expect(try Self.replicas(of: "d", in: cluster) == 0)
    let done = try cluster.succeed("rebalance", "--wait", "--bandwidth", "0", "-q")
    #expect(done.output.contains(" done\n"))
    #expect(try Self.replicas(of: "d", in: cluster) > 0)
    // Taken back, it is as if it had not been asked for.
    try cluster.succeed("rebalance", "--bandwidth", "1kB")
    try cluster.succeed("drain", "b")
    let undone = try cluster.succeed("drain", "b", "--undo", "--json").json([String: Any].self)
    #expect(undone["worker"] as? String == "b" && (undone["replicas"] as? Int ?? 0) > 0)
    let workers = try cluster.succeed("cluster", "workers", "--json").json([[String: Any]].self)
    #expect(workers.allSatisfy { $0["state"] as? String == "active" })
    let again = try cluster.succeed("drain", "b", "--undo").output
    #expect(again.hasPrefix("worker 'b' takes replicas again and has "), "\(again)")
    #expect(try cluster.run(["drain", "nobody", "--undo"]).status == 64)
    #expect(try cluster.run(["drain", "b", "--undo", "--wait"]).status == 64)
    try cluster.succeed("rebalance", "--wait", "--bandwidth", "0", "-q")
    try cluster.succeed("drain", "b", "--wait", "-q")
    #expect(try Self.replicas(of: "b", in: cluster) == 0)
    try cluster.succeed("cluster", "remove", "b")
    let moves = try cluster.succeed("cluster", "moves").output
    #expect(moves.hasPrefix("no moves under way\n") && moves.contains(" equal\n"), "\(moves)")
    let after = try cluster.succeed("query", "-c", "c", "--codes", "q.npy", "--json")
    #expect(try Self.content(after, isJSON: true) == Self.content(before, isJSON: true))
    try cluster.succeed("collection", "replicas", "c", "3")
    try cluster.wait("third replica") {
      let shards = try cluster.succeed("cluster", "shards", "--json").json([[String: Any]].self)
      return shards.allSatisfy { $0["state"] as? String == "whole" }
    }
    #expect(try cluster.run(["move", "abort", "123456"]).status == 64)
  }

  private static func replicas(of worker: String, in cluster: ClusterSandbox) throws -> Int {
    let workers = try cluster.succeed("cluster", "workers", "--json").json([[String: Any]].self)
    return workers.first { $0["name"] as? String == worker }?["replicas"] as? Int ?? -1
  }

  @Test func aSilentCoordinatorIsNotWaitedForForever() throws {
    let cluster = try ClusterSandbox(workers: [])
    try cluster.send(SIGSTOP, to: "coordinator")
    let start = Date()
    let outcome = try cluster.run(["cluster", "status"])
    #expect(outcome.status == 69 && outcome.errors.contains(cluster.address), "\(outcome)")
    #expect(Date().timeIntervalSince(start) < 20)
    try cluster.send(SIGCONT, to: "coordinator")
    try cluster.kill9("coordinator")
    let gone = try cluster.run(["collection", "list"])
    #expect(
      gone.status == 69
        && gone.errors.hasPrefix("thumbprint: error: nobody answers at \(cluster.address): ")
        && gone.errors.contains("\n  hint: is thumbprint-coordinator running there?"), "\(gone)")
  }

  @Test func watchingEndsWithCtrlC() throws {
    let cluster = try ClusterSandbox(workers: ["a"])
    let watch = try cluster.sandbox.start(
      ["cluster", "workers", "--watch", "0.1", "--coordinator", cluster.address])
    usleep(500_000)
    watch.send(signal: SIGINT)
    let outcome = try watch.outcome()
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.output.components(separatedBy: "worker  address").count > 2)
    #expect(!outcome.output.contains("\u{1B}"))
  }
}
