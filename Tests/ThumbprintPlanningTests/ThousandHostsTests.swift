import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintPlanning
import ThumbprintStorage

/// The placement and the moves that coordinators make, for a plan of a thousand hosts.
@Suite struct ThousandHostsTests {
  private static let hostCount = 1000
  private static let replicaCount = 2
  private static let collection = CollectionID(high: 3, low: 5)
  private static let capacity = 1 << 40

  private static func name(_ index: Int) -> WorkerName { WorkerName("host-\(index)")! }

  private static func registered(_ hosts: Range<Int>) -> [ClusterMapChange] {
    hosts.map {
      .registerWorker(
        name($0), address: WorkerAddress(host: "10.1.\($0 / 250).\($0 % 250)", port: 7700)!,
        capacityByteCount: capacity)
    }
  }

  private struct Cluster: Sendable {
    var plan: CapacityPlan
    var placed: [[WorkerName]]
    var map: ClusterMap
    var byteCounts: [ShardKey: Int]

    init() throws {
      var request = PlanRequest(recordCount: 4_000_000_000)
      request.replicaCount = replicaCount
      request.hostCount = hostCount
      plan = try CapacityPlan(request, costs: .usual)
      var map = try ClusterMap(clusterID: ClusterID(high: 1, low: 1)).applying(
        registered(0..<hostCount))
      var placement = Placement(map: map, byteCounts: [:]) { _ in true }
      placed = try placement.placeNew(
        shardCount: plan.shardCount, replicationFactor: replicaCount)
      map = try map.applying([
        .createCollection(
          collection,
          CollectionEntry(
            name: "photos", shardCount: plan.shardCount, replicationFactor: replicaCount,
            tableCount: IndexProfile.standard.tableCount), placement: placed,
          permutationSeeds: placed.indices.map { UInt64($0) })
      ])
      let keys = map.shards.keys.sorted()
      map = try map.applying(keys.map { .establish($0, term: Term(1)) })
      for key in keys {
        for worker in map.shards[key]!.syncing {
          map = try map.applying([
            .join(key, term: Term(1), basis: map.shards[key]!.changed, worker: worker)
          ])
        }
      }
      self.map = map
      let bytes = Int(plan.whole.shard.fileByteCount)
      byteCounts = Dictionary(uniqueKeysWithValues: keys.map { ($0, bytes) })
    }

    /// The replicas of each worker.
    func counts(_ workers: [[WorkerName]]) -> [WorkerName: Int] {
      workers.joined().reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
  }

  private static let cluster = Result { try Cluster() }

  /// What a host holds, give or take one.
  private static func share(_ shardCount: Int, of hosts: Int) -> ClosedRange<Int> {
    let replicas = shardCount * replicaCount
    return replicas / hosts...(replicas + hosts - 1) / hosts
  }

  @Test func replicasAreBalancedAndApart() throws {
    let cluster = try Self.cluster.get()
    #expect(cluster.placed.count == cluster.plan.shardCount)
    #expect(
      cluster.placed.allSatisfy { $0.count == Self.replicaCount && Set($0).count == $0.count })
    let counts = cluster.counts(cluster.placed)
    let share = Self.share(cluster.plan.shardCount, of: Self.hostCount)
    #expect(counts.count == Self.hostCount && counts.values.allSatisfy(share.contains))
    #expect(share.upperBound == cluster.plan.whole.heldCount)
    let primaries = cluster.counts(cluster.placed.map { Array($0.prefix(1)) })
    #expect(primaries.values.allSatisfy { $0 <= 2 })
    var placement = Placement(map: cluster.map, byteCounts: cluster.byteCounts) { _ in true }
    #expect(placement.rebalance().steps.isEmpty)
  }

  @Test func aHostThatComesGetsItsShareAndNothingElseMoves() throws {
    let cluster = try Self.cluster.get()
    let new = Self.name(Self.hostCount)
    let map = try cluster.map.applying(Self.registered(Self.hostCount..<Self.hostCount + 1))
    var placement = Placement(map: map, byteCounts: cluster.byteCounts) { _ in true }
    let plan = placement.rebalance()
    let share = Self.share(cluster.plan.shardCount, of: Self.hostCount + 1)
    #expect(share.contains(plan.steps.count), "\(plan.steps.count) moves")
    #expect(plan.steps.allSatisfy { $0.move.target == new })
    #expect(Set(plan.steps.map(\.move.shard)).count == plan.steps.count)
  }

  @Test func aHostThatIsLostIsReplacedByManyOthers() throws {
    let cluster = try Self.cluster.get()
    let lost = Self.name(17)
    var placement = Placement(map: cluster.map, byteCounts: cluster.byteCounts) { $0 != lost }
    let held = cluster.map.shards.filter { $0.value.replicas[lost] != nil }.keys.sorted()
    #expect(
      Self.share(cluster.plan.shardCount, of: Self.hostCount).contains(held.count))
    var targets: Set<WorkerName> = []
    for shard in held {
      let found = placement.placeOne(shard)
      let target = try #require(found)
      #expect(target != lost && cluster.map.shards[shard]?.replicas[target] == nil)
      #expect(targets.insert(target).inserted, "one host takes all")
    }
  }

  @Test func aHostThatIsDrainedGivesItsReplicasAlone() throws {
    let cluster = try Self.cluster.get()
    let drained = Self.name(400)
    var placement = Placement(map: cluster.map, byteCounts: cluster.byteCounts) { _ in true }
    let plan = placement.drain(drained)
    #expect(plan.omissions.isEmpty)
    #expect(plan.steps.allSatisfy { $0.move.source == drained && $0.move.target != drained })
    let share = Self.share(cluster.plan.shardCount, of: Self.hostCount)
    #expect(share.contains(plan.steps.count))
  }
}
