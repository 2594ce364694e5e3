import Foundation
import Testing
import ThumbprintClient
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintTestKit
import ThumbprintWire

/// Replicas that move between nodes while they are searched and written.
@Suite(.serialized) struct MoveTests {
  /// A cluster whose twin is written, searched and compared all the time.
  private struct Run {
    var cluster: LocalCluster
    var client: ClusterClient
    var load: MixedLoad
  }

  private func begin(
    _ workers: [String], shardCount: Int, replicas: Int,
    settings: ClusterSettings = ClusterSettings()
  ) async throws -> Run {
    let cluster = try await LocalCluster(workers: workers, settings: settings) {
      $0.maintenance = .tiny
      $0.copyStepByteCount = 1 << 15
    }
    let client = try await cluster.client()
    try await cluster.waitForWorkers(workers.count, client)
    var twins = try await Twins(cluster.folder, client, shardCount: shardCount, replicas: replicas)
    try await twins.write(1_200)
    let load = MixedLoad(twins)
    await load.start()
    return Run(cluster: cluster, client: client, load: load)
  }

  /// Ends the load, none of which failed, and looks at everything once more.
  private func end(_ run: Run, replicas: Int) async throws {
    var twins = try await run.load.end()
    try await run.cluster.waitForReplicas(replicas, run.client)
    try await twins.compare(10, "at the end")
    try await twins.compareAll("at the end")
    twins.close()
    await run.client.close()
    try await run.cluster.end()
  }

  private func held(_ status: ClusterStatus, by name: String) -> Int {
    status.shards.count { shard in shard.replicas.contains { $0.worker.text == name } }
  }

  /// All shards have so many replicas, all alive and in sync, and nothing moves.
  private func isSettled(_ status: ClusterStatus, replicas: Int) -> Bool {
    status.moves.isEmpty
      && status.shards.allSatisfy { shard in
        shard.replicas.count == replicas && shard.replicas.allSatisfy { $0.isInSync && $0.isAlive }
      }
  }

  /// Every move that ended was proven, in the log and in the status.
  private func checkProofs(_ run: Run, count: Int) async throws {
    let status = try await run.client.run(ClusterStatusOperation())
    let ended = status.endedMoves.filter { $0.aborted == nil }
    #expect(ended.count >= count)
    #expect(ended.allSatisfy { $0.proof != nil })
    let lines = run.cluster.log.lines("move ended")
    #expect(lines.count == ended.count)
    for (line, move) in zip(lines.reversed(), ended) {
      let proof = try #require(move.proof)
      #expect(
        line.fields["proof"] == "\(proof.recordCount) records, digest equal, 0 lost, 0 doubled")
      #expect(line.fields["digest"] == "\(proof.digest)")
    }
  }

  private func files(_ run: Run, _ worker: String) throws -> [String] {
    let path = run.cluster.folder.appending(path: worker).path
    return try FileManager.default.contentsOfDirectory(atPath: path).filter {
      $0.contains(".mdb") && !$0.hasSuffix("-lock")
    }
  }

  @Test func aFourthWorkerTakesItsShare() async throws {
    let run = try await begin(["a", "b", "c"], shardCount: 8, replicas: 2)
    try await run.cluster.waitForReplicas(2, run.client)
    try await run.cluster.start("d")
    try await run.cluster.waitForWorkers(4, run.client)
    let plan = try await run.client.run(Rebalance(isDryRun: true, byteRate: nil))
    #expect(plan.steps.count >= 3 && plan.steps.allSatisfy { $0.target.text == "d" })
    let made = try await run.client.run(Rebalance(isDryRun: false, byteRate: nil))
    #expect(made.steps.map(\.target) == plan.steps.map(\.target))
    try await run.cluster.wait(for: "the moves to end", run.client) {
      isSettled($0, replicas: 2) && held($0, by: "d") == plan.steps.count
    }
    try await checkProofs(run, count: plan.steps.count)
    #expect(run.cluster.log.complaints.isEmpty)
    try await end(run, replicas: 2)
  }

  @Test func theOnlyReplicasMoveToo() async throws {
    let run = try await begin(["a"], shardCount: 4, replicas: 1)
    try await run.cluster.start("b")
    try await run.cluster.waitForWorkers(2, run.client)
    let plan = try await run.client.run(
      Drain(worker: try #require(WorkerName("a")), isDryRun: false))
    #expect(plan.steps.count == 4)
    try await run.cluster.wait(for: "the moves to end", run.client) {
      isSettled($0, replicas: 1) && held($0, by: "b") == 4
    }
    try await checkProofs(run, count: 4)
    #expect(run.cluster.log.complaints.isEmpty)
    #expect(try files(run, "a").isEmpty)
    try await end(run, replicas: 1)
  }

  @Test func aDrainThatIsTakenBackLeavesAllAsItIs() async throws {
    // So slow that no copy is there before the drain is taken back.
    let run = try await begin(
      ["a", "b", "c"], shardCount: 4, replicas: 2, settings: ClusterSettings(copyByteRate: 4_000))
    try await run.cluster.waitForReplicas(2, run.client)
    let name = try #require(WorkerName("b"))
    let before = held(try await run.client.run(ClusterStatusOperation()), by: "b")
    _ = try await run.client.run(Drain(worker: name, isDryRun: false))
    try await run.cluster.wait(for: "a copy", run.client) { status in
      status.moves.contains { $0.phase == "copying" && ($0.doneByteCount ?? 0) > 0 }
    }
    let result = try await run.client.run(Undrain(worker: name))
    #expect(result == Undrain.Result(abortedMoveCount: before, replicaCount: before))
    let status = try await run.cluster.wait(for: "peace", run.client) {
      isSettled($0, replicas: 2)
    }
    #expect(held(status, by: "b") == before)
    #expect(status.workers.allSatisfy { $0.state == "active" })
    #expect(status.endedMoves.allSatisfy { $0.aborted?.contains("taken back") == true })
    try await run.cluster.wait(for: "files of given up copies to go", run.client) { _ in
      (try? files(run, "a").count + files(run, "b").count + files(run, "c").count) == 8
    }
    try await end(run, replicas: 2)
  }

  @Test func aDrainedWorkerIsEmptyAndCanBeRemoved() async throws {
    let run = try await begin(["a", "b", "c"], shardCount: 4, replicas: 2)
    try await run.cluster.waitForReplicas(2, run.client)
    let name = try #require(WorkerName("b"))
    let plan = try await run.client.run(Drain(worker: name, isDryRun: true))
    let before = try await run.client.run(ClusterStatusOperation())
    #expect(before.workers.allSatisfy { $0.state == "active" } && before.moves.isEmpty)
    #expect(plan.steps.count == held(before, by: "b"))
    #expect(plan.steps.allSatisfy { $0.source == name && $0.byteCount > 0 && !$0.why.isEmpty })
    let refusal = await #expect(throws: ServiceError.self) {
      _ = try await run.client.run(RemoveWorker(worker: name))
    }
    #expect(refusal?.code == .conflict)
    let made = try await run.client.run(Drain(worker: name, isDryRun: false))
    #expect(made.steps.map(\.number) == plan.steps.map(\.number))
    #expect(made.steps.map(\.target) == plan.steps.map(\.target))
    try await run.cluster.wait(for: "an empty worker", run.client) {
      isSettled($0, replicas: 2) && held($0, by: "b") == 0
    }
    try await checkProofs(run, count: plan.steps.count)
    #expect(try files(run, "b").isEmpty)
    _ = try await run.client.run(RemoveWorker(worker: name))
    // Its process goes on asking to be let in, and is refused by name.
    while run.cluster.log.lines("the coordinator refuses this worker").isEmpty {
      try await Task.sleep(for: .milliseconds(10))
    }
    let after = try await run.client.run(ClusterStatusOperation())
    #expect(after.workers.map(\.name.text) == ["a", "c"])
    try await end(run, replicas: 2)
  }

  @Test func theReplicationFactorGoesUpAndDown() async throws {
    let run = try await begin(["a", "b", "c"], shardCount: 3, replicas: 1)
    for count in [3, 2, 1, 2] {
      _ = try await run.client.run(SetReplicas(collection: "photos", replicationFactor: count))
      try await run.cluster.wait(for: "\(count) replicas", run.client) {
        isSettled($0, replicas: count)
      }
    }
    try await checkProofs(run, count: 9)
    try await end(run, replicas: 2)
  }

  @Test func theReplicasOfALostWorkerAreMadeAnew() async throws {
    var settings = ClusterSettings()
    settings.replicateAfterMilliseconds = 500
    let run = try await begin(["a", "b", "c"], shardCount: 4, replicas: 2, settings: settings)
    try await run.cluster.waitForReplicas(2, run.client)
    await run.cluster.crash("c")
    try await run.cluster.wait(for: "new replicas", run.client) {
      isSettled($0, replicas: 2) && held($0, by: "c") == 0
    }
    // What it still has is not wanted any more.
    try await run.cluster.start("c")
    while try !files(run, "c").isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    try await end(run, replicas: 2)
  }

  @Test func anAbortedMoveLeavesNothingAndABoundMayBeLifted() async throws {
    var settings = ClusterSettings()
    settings.copyByteRate = 20_000
    let run = try await begin(["a", "b"], shardCount: 4, replicas: 1, settings: settings)
    try await run.cluster.start("c")
    try await run.cluster.waitForWorkers(3, run.client)
    let plan = try await run.client.run(Rebalance(isDryRun: false, byteRate: nil))
    #expect(!plan.steps.isEmpty)
    let status = try await run.cluster.wait(for: "bytes of a copy", run.client) {
      $0.moves.contains { ($0.doneByteCount ?? 0) > 0 }
    }
    #expect(status.moves.allSatisfy { ($0.doneByteCount ?? 0) <= ($0.totalByteCount ?? 0) })
    for move in status.moves { _ = try await run.client.run(AbortMove(move: move.id)) }
    while try !files(run, "c").isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    let aborted = try await run.client.run(ClusterStatusOperation())
    #expect(aborted.moves.isEmpty && held(aborted, by: "c") == 0)
    #expect(aborted.endedMoves.allSatisfy { $0.aborted == "asked for" && $0.proof == nil })

    // Again, and faster once it has begun.
    _ = try await run.client.run(Rebalance(isDryRun: false, byteRate: 20_000))
    try await run.cluster.wait(for: "bytes of a copy", run.client) {
      $0.moves.contains { ($0.doneByteCount ?? 0) > 0 }
    }
    let began = ContinuousClock.now
    _ = try await run.client.run(SetBandwidth(byteRate: 0))
    try await run.cluster.wait(for: "the moves to end", run.client) {
      isSettled($0, replicas: 1) && held($0, by: "c") == plan.steps.count
    }
    // At the rate of before, one shard alone takes eight seconds.
    #expect(ContinuousClock.now - began < .seconds(6))
    try await checkProofs(run, count: plan.steps.count)
    try await end(run, replicas: 1)
  }
}
