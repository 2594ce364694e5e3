import ThumbprintCodes

/// Which workers should hold which replicas: deterministic, by bytes relative to capacity.
///
/// A worker's *fill* is the weight of its replicas divided by its capacity. The weight of a replica
/// is its bytes and ``baseByteCount``, so that empty shards are spread too.
public struct Placement: Sendable {
  /// What a replica weighs beside its bytes.
  public static let baseByteCount = 1 << 20

  struct Load: Sendable {
    var capacity: Int
    var weight = 0
    var replicaCount = 0
    var primaryCount = 0
    /// May take replicas.
    var isOpen: Bool

    func fill(adding extra: Int = 0) -> Double {
      Double(weight + extra) / Double(max(capacity, 1))
    }

    func hasRoom(for extra: Int) -> Bool {
      isOpen && capacity > 0 && weight <= capacity && extra <= capacity - weight
    }
  }

  var loads: [WorkerName: Load]
  var map: ClusterMap
  let byteCounts: [ShardKey: Int]

  /// - Parameters:
  ///   - byteCounts: Bytes of one replica of each shard; 0 for those not named.
  ///   - isLive: Which workers may be given replicas.
  public init(
    map: ClusterMap, byteCounts: [ShardKey: Int], isLive: (WorkerName) -> Bool
  ) {
    self.map = map
    self.byteCounts = byteCounts
    loads = [:]
    for (name, worker) in map.workers {
      loads[name] = Load(
        capacity: worker.capacityByteCount, isOpen: worker.state == .active && isLive(name))
    }
    for (key, shard) in map.shards {
      let extra = weight(key)
      for name in shard.replicas.keys { loads[name]?.weight += extra }
      for name in shard.replicas.keys { loads[name]?.replicaCount += 1 }
      loads[shard.primary]?.primaryCount += 1
    }
    for move in map.moves.values { apply(move) }
  }

  func weight(_ shard: ShardKey) -> Int {
    min(max(byteCounts[shard] ?? 0, 0), 1 << 50) + Self.baseByteCount
  }

  /// Counts a move as if it had ended.
  private mutating func apply(_ move: MoveEntry) {
    guard let shard = map.shards[move.shard] else { return }
    let extra = weight(move.shard)
    if shard.replicas[move.target] == nil { loads[move.target]?.weight += extra }
    if let source = move.source, shard.replicas[source] != nil { loads[source]?.weight -= extra }
  }

  /// Chooses the workers of each shard of a new collection, the primary first: replicas are spread
  /// by the room that workers have, no two of a shard on one worker, and primaries evenly.
  ///
  /// All shards of a collection will be about as large, and how large nobody knows yet: so what
  /// counts is how many of them share the room of a worker. By fill alone, all of a collection would
  /// go to whichever worker holds a little less than the others.
  ///
  /// - Returns: For each shard at least one worker, and fewer than `replicationFactor` only where
  ///   there are not so many.
  /// - Throws: ``ClusterError/Code/unavailable`` if no worker takes replicas.
  public mutating func placeNew(
    shardCount: Int, replicationFactor: Int
  ) throws(ClusterError) -> [[WorkerName]] {
    var result: [[WorkerName]] = []
    var replicas: [WorkerName: Int] = [:]
    var primaries: [WorkerName: Int] = [:]
    for _ in 0..<shardCount {
      let open = loads.filter { $0.value.hasRoom(for: Self.baseByteCount) }
      func rank(_ name: WorkerName) -> (Double, Int, WorkerName) {
        let load = open[name]!
        let share = Double(replicas[name, default: 0] + 1) / Double(load.capacity - load.weight)
        return (share, load.replicaCount, name)
      }
      let chosen = open.keys.sorted { rank($0) < rank($1) }.prefix(replicationFactor)
      guard !chosen.isEmpty else {
        throw ClusterError(
          .unavailable, "no worker has room for another replica",
          hint: "start a worker, or raise its capacity")
      }
      let primary = chosen.min {
        (primaries[$0, default: 0], loads[$0]!.primaryCount, $0)
          < (primaries[$1, default: 0], loads[$1]!.primaryCount, $1)
      }!
      primaries[primary, default: 0] += 1
      for name in chosen {
        replicas[name, default: 0] += 1
        loads[name]?.weight += Self.baseByteCount
        loads[name]?.replicaCount += 1
      }
      loads[primary]?.primaryCount += 1
      result.append([primary] + chosen.filter { $0 != primary })
    }
    return result
  }

  /// The least filled worker that can take a replica of `shard`, and counts it there.
  ///
  /// - Returns: `nil` if every worker that is open has one already or has no room.
  public mutating func placeOne(_ shard: ShardKey) -> WorkerName? {
    guard let entry = map.shards[shard] else { return nil }
    let extra = weight(shard)
    let target = loads.filter {
      entry.replicas[$0.key] == nil && $0.value.hasRoom(for: extra)
    }.min { a, b in
      (a.value.fill(adding: extra), a.key) < (b.value.fill(adding: extra), b.key)
    }?.key
    if let target { loads[target]?.weight += extra }
    return target
  }
}
