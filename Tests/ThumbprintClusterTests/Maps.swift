import Testing
import ThumbprintCluster
import ThumbprintCodes

/// Names, maps and moments that tests need.
enum Maps {
  static let collection = CollectionID(high: 7, low: 9)
  static let shard = ShardKey(collection: collection, number: 0)

  static func worker(_ index: Int) -> WorkerName { WorkerName("w\(index)")! }

  static func moment(_ milliseconds: Int) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
  }

  static func address(_ index: Int) -> WorkerAddress {
    WorkerAddress(host: "10.0.0.\(index)", port: 7_000)!
  }

  /// A map with workers 0 ..< `workerCount` and one collection, each shard on its first workers.
  static func map(
    workerCount: Int = 4, shardCount: Int = 1, replicas: Int = 2, isEstablished: Bool = true
  ) throws -> ClusterMap {
    var changes: [ClusterMapChange] = (0..<workerCount).map {
      .registerWorker(worker($0), address: address($0), capacityByteCount: 1 << 30)
    }
    let entry = CollectionEntry(
      name: "photos", shardCount: shardCount, replicationFactor: replicas, tableCount: 64)
    changes.append(
      .createCollection(
        collection, entry,
        placement: (0..<shardCount).map { number in
          (0..<replicas).map { worker((number + $0) % workerCount) }
        },
        permutationSeeds: (0..<shardCount).map { UInt64($0) }))
    var map = try ClusterMap(clusterID: ClusterID(high: 1, low: 2)).applying(changes)
    guard isEstablished else { return map }
    map = try map.applying(
      map.shards.keys.sorted().map { .establish($0, term: Term(1)) })
    for key in map.shards.keys.sorted() {
      for name in map.shards[key]!.syncing {
        map = try map.applying([
          .join(key, term: Term(1), basis: map.shards[key]!.changed, worker: name)
        ])
      }
    }
    return map
  }
}
