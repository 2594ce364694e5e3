import Foundation
import Testing

/// Collections that become folders, and folders that become collections.
@Suite(.serialized) struct SnapshotTests {
  private func state(_ sandbox: Sandbox, _ store: String, _ name: String) throws -> [String] {
    let stats = try sandbox.succeed("stats", "--store", store, "-c", name, "--json")
      .json([String: Any].self)
    return [stats["digest"] as? String ?? "", "\(stats["records"] as? Int ?? -1)"]
  }

  @Test func aStoreIsCopiedAndBroughtBack() throws {
    let sandbox = try Sandbox()
    try sandbox.makeCollection(count: 3000, shards: 2)
    try sandbox.succeed("delete", "-c", "c", "7")
    let before = try sandbox.contents()
    let made = try sandbox.succeed("snapshot", "create", "c", "--out", "snap", "--json")
      .json([String: Any].self)
    #expect(made["digest"] as? String == before.digest && made["records"] as? Int == 2999)
    #expect(try state(sandbox, "snap", "c") == [before.digest, "2999"])
    try sandbox.succeed("check", "--store", "snap", "-c", "c")
    let query = ["query", "-c", "c", "--id", "40", "-k", "4", "--json"]
    let (a, b) = try (
      sandbox.start(query).outcome(), sandbox.start(query + ["--store", "snap"]).outcome()
    )
    #expect(try Self.matches(a) == Self.matches(b))
    // A rate changes when it is done, and nothing else.
    let slow = try sandbox.succeed(
      "snapshot", "create", "c", "--out", "slow", "--bandwidth", "16MiB", "--json"
    ).json([String: Any].self)
    #expect(slow["digest"] as? String == before.digest)
    try sandbox.fail(64, "there is a whole snapshot", "snapshot", "create", "c", "--out", "snap")
    try sandbox.fail(64, "holds '", "snapshot", "create", "c", "--out", "data")

    try sandbox.succeed("snapshot", "restore", "snap", "-c", "d", "--shards", "5", "-q")
    #expect(try state(sandbox, "thumbprint-store", "d") == [before.digest, "2999"])
    try sandbox.fail(64, "'d'", "snapshot", "restore", "snap", "-c", "d")
    try sandbox.succeed("snapshot", "restore", "snap", "-c", "d", "--resume", "-q")
    // Whoever had other records must not be taken for the snapshot.
    try sandbox.succeed("delete", "--store", "snap", "-c", "c", "1", "2")
    try sandbox.fail(65, "the snapshot was taken with", "snapshot", "restore", "snap", "-c", "e")
    try sandbox.fail(64, "no whole snapshot", "snapshot", "restore", "data", "-c", "e")
    try sandbox.write(Array("{}".utf8), to: "snap/snapshot.json")
    try sandbox.fail(65, "snapshot.json", "snapshot", "restore", "snap", "-c", "e")
  }

  private static func matches(_ outcome: Sandbox.Outcome) throws -> NSArray {
    let queries = try outcome.json([String: Any].self)["queries"] as? [[String: Any]]
    return try #require(queries?.first?["matches"] as? NSArray, "\(outcome)")
  }

  @Test func aClusterIsCopiedWhileAPrimaryDiesAndBroughtBack() throws {
    let cluster = try ClusterSandbox(workers: ["a", "b", "c"])
    let sandbox = cluster.sandbox
    try sandbox.makeDataset("data", count: 60_000)
    let digest = try sandbox.digest(ofDataset: "data")
    try cluster.succeed("collection", "create", "c", "--shards", "4", "--replicas", "2")
    try cluster.succeed("load", "data", "-c", "c", "-q")

    // One that is killed leaves what the same command goes on with.
    let arguments = [
      "snapshot", "create", "c", "--out", "snap", "--coordinator", cluster.address,
    ]
    let first = try sandbox.start(arguments)
    let copy = sandbox.path("snap/c/shard-0000.mdb.copy")
    while first.isRunning, !FileManager.default.fileExists(atPath: copy) { usleep(500) }
    first.send(signal: SIGKILL)
    _ = try first.outcome()
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("snap/snapshot.json")))
    try sandbox.fail(64, "no whole snapshot", "snapshot", "restore", "snap", "-c", "d")

    let second = try sandbox.start(arguments)
    try cluster.kill9("a")
    let outcome = try second.outcome()
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try state(sandbox, "snap", "c") == [digest, "60000"])
    try sandbox.succeed("check", "--store", "snap", "-c", "c")

    let restored = try cluster.succeed(
      "snapshot", "restore", "snap", "-c", "d", "--shards", "3", "--replicas", "2", "--json"
    ).json([String: Any].self)
    #expect(restored["digest"] as? String == digest && restored["records"] as? Int == 60_000)
    let stats = try cluster.succeed("stats", "-c", "d", "--json").json([String: Any].self)
    #expect(stats["digest"] as? String == digest)
  }
}
