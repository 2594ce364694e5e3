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
    var twins = try await Twins(cluster, client, shardCount: shardCount, replicas: replicas)
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

  @Test func aFourthWorkerTakesItsShare() async throws {
    let run = try await begin(["a", "b", "c"], shardCount: 4, replicas: 2)
    try await run.cluster.waitForReplicas(2, run.client)
    try await run.cluster.start("d")
    try await run.cluster.waitForWorkers(4, run.client)
    let plan = try await run.client.run(Rebalance(isDryRun: true, byteRate: nil))
    #expect(!plan.steps.isEmpty && plan.steps.allSatisfy { $0.target.text == "d" })
    let made = try await run.client.run(Rebalance(isDryRun: false, byteRate: nil))
    #expect(made.steps.map(\.target) == plan.steps.map(\.target))
    try await run.cluster.wait(for: "the moves to end", run.client) {
      isSettled($0, replicas: 2) && held($0, by: "d") == plan.steps.count
    }
    try await end(run, replicas: 2)
  }
}
