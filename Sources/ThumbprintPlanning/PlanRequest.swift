import ThumbprintCluster
import ThumbprintIndex
import ThumbprintStorage

/// What each host of a cluster has.
package struct HostSize: Sendable, Hashable {
  package var memoryByteCount: Int
  package var diskByteCount: Int
  package var coreCount: Int

  package init(memoryByteCount: Int, diskByteCount: Int, coreCount: Int) {
    self.memoryByteCount = memoryByteCount
    self.diskByteCount = diskByteCount
    self.coreCount = coreCount
  }
}

/// What a cluster is to hold and to answer. Every host runs one worker.
package struct PlanRequest: Sendable, Hashable {
  package var recordCount: Int
  package var replicaCount = 2
  /// Of name and tags of a record, on average.
  package var textByteCount = 32
  package var profile = IndexProfile.standard
  package var workload = SearchWorkload.near
  package var nearestCount = 10
  package var promise = SearchPromise.certified
  /// Of 100 queries, 99 take no longer than so many seconds; `nil` for no bound.
  package var p99Max: Double?
  /// Queries a second, one in a request each; `nil` if they are asked one after another.
  package var queryRate: Double?
  /// Seconds that an empty message and its answer take between two hosts, beyond what they take
  /// within one.
  package var roundTrip = 0.0002
  package var host = HostSize(
    memoryByteCount: 64 << 30, diskByteCount: 1 << 40, coreCount: 16)
  /// A number of hosts to look at, in place of the least.
  package var hostCount: Int?
  /// A number of shards, in place of ``CapacityPlan/shardsPerHost`` for every host.
  package var shardCount: Int?

  package init(recordCount: Int) { self.recordCount = recordCount }

  /// The most replicas, hosts, cores and bytes of texts that make sense.
  package static let replicaCounts = 1...ClusterLimits.replicationFactorMax
  package static let hostCounts = 1...ClusterLimits.workerCountMax
  package static let coreCounts = 1...1024
  package static let textByteCounts = 0...8192
  /// The longest time, in seconds.
  package static let timeMax = 3600.0
  package static let rateMax = 1e9

  /// - Throws: ``PlanError`` naming what is out of its bounds.
  package func check() throws(PlanError) {
    func require(_ field: PlanError.Field, _ value: Int, _ bounds: ClosedRange<Int>)
      throws(PlanError)
    {
      guard bounds.contains(value) else {
        throw PlanError.invalid(
          field, "\(value) is not in \(bounds.lowerBound)...\(bounds.upperBound)")
      }
    }
    try require(.recordCount, recordCount, 1...Int.max)
    try require(.replicaCount, replicaCount, Self.replicaCounts)
    try require(.textByteCount, textByteCount, Self.textByteCounts)
    try require(.nearestCount, nearestCount, 1...SearchLimits.nearestCountMax)
    try require(.memory, host.memoryByteCount, 1...Int.max)
    try require(.disk, host.diskByteCount, 1...Int.max)
    try require(.cores, host.coreCount, Self.coreCounts)
    if let shardCount { try require(.shardCount, shardCount, StoreLimits.shardCounts) }
    if let p99Max, !(p99Max > 0 && p99Max <= Self.timeMax) {
      throw PlanError.invalid(.p99, "has to be above 0 and at most an hour")
    }
    if !(roundTrip >= 0 && roundTrip <= Self.timeMax) {
      throw PlanError.invalid(.roundTrip, "has to be from 0 to an hour")
    }
    if let queryRate, !(queryRate > 0 && queryRate <= Self.rateMax) {
      throw PlanError.invalid(.rate, "has to be above 0 and at most 1,000,000,000 queries a second")
    }
    if let hostCount {
      try require(.hostCount, hostCount, Self.hostCounts)
      guard hostCount >= replicaCount else {
        throw PlanError.invalid(
          .hostCount,
          "\(hostCount) is fewer than \(replicaCount) replicas, of which no two are on one host")
      }
    }
  }
}

/// Why there is no plan.
package enum PlanError: Error, Sendable, Hashable {
  /// What of a request a value is out of its bounds for.
  package enum Field: Sendable, Hashable, CaseIterable {
    case recordCount, replicaCount, textByteCount, nearestCount, p99, rate, roundTrip
    case memory, disk, cores, hostCount, shardCount
  }

  case invalid(Field, String)
  /// No number of hosts keeps this bound. The nearest to it: of times the least, of all else the
  /// most hosts.
  case hopeless(PlanBound, nearest: Outlook)
  /// Each bound is kept by so many hosts or more, and no number keeps all.
  case apart([PlanBound: Int], nearest: Outlook)
  /// The number of hosts that the request names breaks this bound.
  case broken(PlanBound, by: Outlook)
}
