import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

/// What can ask for more hosts.
package enum PlanBound: String, Sendable, Hashable, CaseIterable {
  /// No two replicas of a shard are on one host.
  case replicas
  case disk
  case memory
  /// A shard is one file, which has a greatest size.
  case shards
  case rate
  case p99
}

/// How many hosts a cluster needs, and what they will do: arithmetic over the costs of searches, the
/// formats of files and what the machines of a cluster were measured to take.
///
/// Pure: no clock, disk or socket. The same request and costs give the same plan.
package struct CapacityPlan: Sendable {
  /// Shards of a collection for each host, so that there is something to move to a new one.
  package static let shardsPerHost = 4
  /// The share of a host's memory that the worker and its files may have; the rest is for the
  /// system, and for writes and merges under way.
  package static let memoryShareMax = 0.9

  package let request: PlanRequest
  package let costs: CostModel
  package let hostCount: Int
  package let shardCount: Int
  /// All hosts at work.
  package let whole: Outlook
  /// One host lost, its replicas made anew on the others as far as there are hosts; `nil` if
  /// nothing can be made anew.
  package let reduced: Outlook?
  /// The hosts that each bound alone asks for; `nil` for one that was not asked for.
  package let hostCounts: [PlanBound: Int]
  /// Which bound needs the most.
  package let decisive: PlanBound

  /// The least number of hosts for a request, or the one that it names.
  ///
  /// With two or more replicas every bound has to hold with one host lost, too.
  ///
  /// - Throws: ``PlanError`` if a value is out of its bounds, or no number of hosts will do.
  /// - Complexity: O(hosts) estimates, some microseconds each.
  package init(_ request: PlanRequest, costs: CostModel) throws(PlanError) {
    try request.check()
    self.request = request
    self.costs = costs
    let planner = Planner(request: request, costs: costs)
    let search = planner.leastHosts()
    if let fixed = request.hostCount {
      let candidate = planner.candidate(fixed)
      if let bound = PlanBound.allCases.first(where: { !candidate.holds($0) }) {
        throw .broken(bound, by: candidate.worst(bound))
      }
    }
    guard let hostCount = request.hostCount ?? search.hostCount else {
      throw planner.refusal(search)
    }
    let candidate = planner.candidate(hostCount)
    self.hostCount = hostCount
    shardCount = candidate.shardCount
    whole = candidate.whole
    reduced = candidate.reduced
    let counts = search.first.filter { planner.isAsked($0.key) }
    hostCounts = counts
    decisive = PlanBound.allCases.max { (counts[$0] ?? 0) < (counts[$1] ?? 0) }!
  }

  /// Of all files, of all replicas: what is live.
  package var fileByteCount: Double {
    whole.shard.fileByteCount * Double(shardCount * whole.replicaCount)
  }

  /// What a record takes, on average: of one replica.
  package var recordBytes: (file: Double, resident: Double) {
    let shard = whole.shard
    return (
      shard.fileByteCount / shard.recordCount, shard.residentByteCount / shard.recordCount
    )
  }
}

/// What a number of hosts will do.
package struct Outlook: Sendable, Hashable {
  /// Hosts at work.
  package var hostCount: Int
  /// Replicas of each shard.
  package var replicaCount: Int
  package var shard: ShardForecast
  /// Of the host that has most of them: replicas held, and shards searched for one query.
  package var heldCount: Int
  package var searchedCount: Int
  /// What one query does on that host.
  package var probe: SearchForecast.Steps
  package var search: SearchForecast.Steps
  package var latency: QueryLatency
  /// Shares of the cores of that host, and of the coordinator's one, that are busy; 0 without a rate.
  package var processorShare: Double
  package var coordinatorShare: Double

  package var busyShare: Double { max(processorShare, coordinatorShare) }

  /// Bytes of the fullest host: what is live; with what deletions, merges, logs and one move more
  /// may take; and in memory, with all of the files.
  package var fileByteCount: Double { Double(heldCount) * shard.fileByteCount }
  package var diskByteCount: Double {
    fileByteCount * (1 + ShardForecast.spareShare) + shard.fileByteCount
      + Double(heldCount) * ShardForecast.logByteCountMax
  }
  package var memoryByteCount: Double {
    Double(heldCount) * (shard.fileByteCount + shard.residentByteCount)
  }
}
