import Testing
import ThumbprintCluster
import ThumbprintCodes

@Suite struct PlacementTests {
  @Test func newShardsAreSpreadByCapacity() throws {
    let map = try ClusterMap(clusterID: ClusterID(high: 1, low: 1)).applying(
      (0..<4).map {
        .registerWorker(
          Maps.worker($0), address: Maps.address($0),
          capacityByteCount: ($0 == 0 ? 3 : 1) << 36)
      })
    var placement = Placement(map: map, byteCounts: [:]) { _ in true }
    let shards = try placement.placeNew(shardCount: 60, replicationFactor: 2)
    var counts: [WorkerName: Int] = [:]
    var primaries: [WorkerName: Int] = [:]
    for workers in shards {
      #expect(Set(workers).count == 2)
      primaries[workers[0], default: 0] += 1
      for name in workers { counts[name, default: 0] += 1 }
    }
    // 120 replicas over capacities 3:1:1:1, each shard once on a worker: 60, 20, 20, 20.
    #expect((59...60).contains(counts[Maps.worker(0)]!))
    for index in 1..<4 { #expect((19...21).contains(counts[Maps.worker(index)]!)) }
    for index in 0..<4 { #expect((13...17).contains(primaries[Maps.worker(index)]!)) }
  }

  /// A worker that holds a little less than the others, or has just come, used to get all shards of
  /// the next collection.
  @Test func aNewCollectionIsSpreadThoughOneWorkerHoldsLess() throws {
    var map = try Maps.map(workerCount: 3, shardCount: 9, replicas: 1)
    map = try map.applying([
      .registerWorker(Maps.worker(3), address: Maps.address(3), capacityByteCount: 1 << 30)
    ])
    let sizes = Dictionary(uniqueKeysWithValues: map.shards.keys.map { ($0, 20 << 20) })
    var placement = Placement(map: map, byteCounts: sizes) { _ in true }
    let shards = try placement.placeNew(shardCount: 8, replicationFactor: 1)
    let counts = Dictionary(grouping: shards.joined()) { $0 }.mapValues(\.count)
    #expect(counts.count == 4 && counts.values.allSatisfy { $0 == 2 }, "\(counts)")
  }

  @Test func whyAReplicaStaysIsSaid() throws {
    let map = try Maps.map(workerCount: 3, shardCount: 4, replicas: 3)
    var placement = Placement(map: map, byteCounts: [:]) { _ in true }
    let plan = placement.drain(Maps.worker(0))
    #expect(plan.steps.isEmpty && plan.omissions.count == 4)
    #expect(
      plan.omissions.allSatisfy { $0.why == "every other worker that takes replicas has one of it" }
    )
  }

  @Test func noRoomIsSaidAndNotPlaced() throws {
    let map = try ClusterMap(clusterID: ClusterID(high: 1, low: 1)).applying([
      .registerWorker(Maps.worker(0), address: Maps.address(0), capacityByteCount: 100)
    ])
    var placement = Placement(map: map, byteCounts: [:]) { _ in true }
    #expect(throws: ClusterError.self) {
      try placement.placeNew(shardCount: 1, replicationFactor: 1)
    }
  }

  /// Sixteen shards on two workers and a third comes: a third of the bytes moves, nothing twice,
  /// and a plan on what the plan leads to is empty.
  @Test func aNewWorkerGetsItsShareAndNoMore() throws {
    var map = try Maps.map(workerCount: 2, shardCount: 16, replicas: 1)
    map = try map.applying([
      .registerWorker(Maps.worker(2), address: Maps.address(2), capacityByteCount: 1 << 30)
    ])
    let sizes = Dictionary(uniqueKeysWithValues: map.shards.keys.map { ($0, 10 << 20) })
    var placement = Placement(map: map, byteCounts: sizes) { _ in true }
    let plan = placement.rebalance()
    #expect(plan.steps.count == 5 && plan.byteCount == 50 << 20)
    #expect(Set(plan.steps.map(\.move.shard)).count == plan.steps.count)
    #expect(plan.steps.allSatisfy { $0.move.target == Maps.worker(2) && !$0.why.isEmpty })
    #expect(
      plan.changes.map(\.byteCountAfter).reduce(0, +)
        == plan.changes.map(\.byteCountBefore).reduce(0, +))
    map = try map.applying(plan.steps.map { .queueMove($0.move) })
    var after = Placement(map: map, byteCounts: sizes) { _ in true }
    let nothing = after.rebalance()
    #expect(nothing.steps.isEmpty)
  }

  @Test func aPlanDependsOnNothingButWhatIsGiven() throws {
    let map = try Maps.map(workerCount: 7, shardCount: 40, replicas: 2)
    let seed: UInt64 = 5
    var random = SplitMix64(seed: seed)
    let sizes = Dictionary(
      uniqueKeysWithValues: map.shards.keys.sorted().map {
        ($0, Int.random(in: 0...(64 << 20), using: &random))
      })
    var first = Placement(map: map, byteCounts: sizes) { _ in true }
    var second = Placement(map: map, byteCounts: sizes) { _ in true }
    let plan = first.rebalance()
    let again = second.rebalance()
    #expect(plan == again)
    let widest = { (bytes: [Int]) in bytes.max()! - bytes.min()! }
    #expect(
      widest(plan.changes.map(\.byteCountAfter)) < widest(plan.changes.map(\.byteCountBefore)))
    for step in plan.steps {
      #expect(map.shards[step.move.shard]!.replicas[step.move.target] == nil, "seed=\(seed)")
    }
  }
}
