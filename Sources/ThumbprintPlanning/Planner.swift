import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

/// Looks at one number of hosts after another.
struct Planner {
  let request: PlanRequest
  let costs: CostModel
  let overhead = ClusterOverhead()

  /// One number of hosts, with and without all of them.
  struct Candidate {
    var request: PlanRequest
    var hostCount: Int
    var shardCount: Int
    var whole: Outlook
    var reduced: Outlook?

    var outlooks: [Outlook] { [whole] + (reduced.map { [$0] } ?? []) }
    var p99: Double { outlooks.map(\.latency.p99).max()! }

    /// With all hosts or with one lost, whichever is the worse for a bound.
    func worst(_ bound: PlanBound) -> Outlook {
      outlooks.max { a, b in
        switch bound {
        case .replicas, .shards: false
        case .disk: a.diskByteCount < b.diskByteCount
        case .memory: a.memoryByteCount < b.memoryByteCount
        case .p99: a.latency.p99 < b.latency.p99
        case .rate: a.busyShare < b.busyShare
        }
      }!
    }

    func holds(_ bound: PlanBound) -> Bool {
      let host = request.host
      return switch bound {
      case .replicas: hostCount >= request.replicaCount
      case .disk: outlooks.allSatisfy { $0.diskByteCount <= Double(host.diskByteCount) }
      case .memory:
        outlooks.allSatisfy {
          $0.memoryByteCount <= Double(host.memoryByteCount) * CapacityPlan.memoryShareMax
        }
      case .shards:
        whole.shard.fileByteCount * (1 + ShardForecast.spareShare) + ShardForecast.logByteCountMax
          <= ShardForecast.byteCountMax
      case .p99: request.p99Max.map { p99 <= $0 } ?? true
      case .rate:
        outlooks.allSatisfy { $0.busyShare <= ClusterOverhead.busyShareMax }
      }
    }
  }

  struct Search {
    /// The least number that does all; `nil` if none does.
    var hostCount: Int?
    /// The least number that does one thing.
    var first: [PlanBound: Int] = [:]
    /// The number with which queries are fastest.
    var fastest: Candidate
    /// The one with which the busiest thread has most time left.
    var leastBusy: Candidate
  }

  func isAsked(_ bound: PlanBound) -> Bool {
    switch bound {
    case .p99: request.p99Max != nil
    case .rate: request.queryRate != nil
    default: true
    }
  }

  func leastHosts() -> Search {
    let alone = candidate(1)
    var search = Search(fastest: alone, leastBusy: alone)
    for hostCount in PlanRequest.hostCounts {
      let candidate = candidate(hostCount)
      let held = PlanBound.allCases.filter(candidate.holds)
      for bound in held where search.first[bound] == nil { search.first[bound] = hostCount }
      if candidate.p99 < search.fastest.p99 { search.fastest = candidate }
      if candidate.worst(.rate).busyShare < search.leastBusy.worst(.rate).busyShare {
        search.leastBusy = candidate
      }
      if held.count == PlanBound.allCases.count {
        search.hostCount = hostCount
        break
      }
    }
    return search
  }

  /// Why no number of hosts does all.
  func refusal(_ search: Search) -> PlanError {
    let most = candidate(PlanRequest.hostCounts.upperBound)
    for bound in PlanBound.allCases where search.first[bound] == nil {
      return switch bound {
      case .p99: .hopeless(bound, nearest: search.fastest.worst(bound))
      case .rate: .hopeless(bound, nearest: search.leastBusy.worst(bound))
      default: .hopeless(bound, nearest: most.worst(bound))
      }
    }
    let least = search.first.values.max() ?? 1
    return .apart(search.first.filter { isAsked($0.key) }, nearest: candidate(least).worst(.p99))
  }

  func candidate(_ hostCount: Int) -> Candidate {
    let shardCount =
      request.shardCount
      ?? min(hostCount * CapacityPlan.shardsPerHost, StoreLimits.shardCounts.upperBound)
    let isSpare = request.replicaCount > 1 && hostCount > 1
    return Candidate(
      request: request, hostCount: hostCount, shardCount: shardCount,
      whole: outlook(hostCount: hostCount, shardCount: shardCount),
      reduced: isSpare ? outlook(hostCount: hostCount - 1, shardCount: shardCount) : nil)
  }

  private func outlook(hostCount: Int, shardCount: Int) -> Outlook {
    let replicaCount = min(request.replicaCount, hostCount)
    let shard = ShardForecast(
      recordCount: Double(request.recordCount) / Double(shardCount),
      textByteCount: request.textByteCount, profile: request.profile)
    let searchedCount = (shardCount + hostCount - 1) / hostCount
    // With more hosts than shards, some hold replicas that nobody asks first.
    let answering = min(hostCount, shardCount)
    let parts = SearchForecast.Parts(
      segmentCount: shard.segmentCount * Double(searchedCount),
      sealedRowCount: shard.sealedRowCount * Double(searchedCount),
      recentRowCount: shard.recentRowCount * Double(searchedCount))
    // What may be missed is divided among the processes, and there among the parts.
    let partCount = Double(answering) * (parts.segmentCount + Double(searchedCount))
    let forecast = SearchForecast(
      request.workload, nearestCount: request.nearestCount, promise: request.promise,
      profile: request.profile, segmentRowCount: ShardForecast.segmentRowCount, costs: costs,
      missProbability: 1e-9 / max(1, partCount))
    let isSpread = answering > 1
    let probe = forecast.probe(parts, isAlone: isSpread)
    let search = forecast.search(parts, isAlone: isSpread)
    let work = QueryWork(
      probe: probe.nanoseconds / 1e9, search: search.nanoseconds / 1e9, workerCount: answering)
    return Outlook(
      hostCount: hostCount, replicaCount: replicaCount, shard: shard,
      heldCount: (shardCount * replicaCount + hostCount - 1) / hostCount,
      searchedCount: searchedCount, probe: probe, search: search,
      latency: work.latency(request, overhead),
      processorShare: work.processorShare(request, overhead),
      coordinatorShare: work.coordinatorShare(request, overhead))
  }
}

/// What one query is for those who answer it, in seconds.
struct QueryWork {
  /// Of the worker with the most to search.
  var probe: Double
  var search: Double
  var workerCount: Int

  /// Where several workers answer, they are asked for a bound first; in the end, for contents.
  private var stageCount: Double { workerCount > 1 ? 3 : 2 }

  private func handling(_ overhead: ClusterOverhead) -> Double {
    stageCount * overhead.workerPerStage
  }

  private func coordinator(_ overhead: ClusterOverhead) -> Double {
    guard workerCount > 1 else { return overhead.coordinatorAlone }
    return overhead.coordinatorSpread + Double(workerCount) * overhead.coordinatorPerWorker
  }

  private func worker(_ overhead: ClusterOverhead) -> Double {
    probe + search + handling(overhead)
  }

  func processorShare(_ request: PlanRequest, _ overhead: ClusterOverhead) -> Double {
    (request.queryRate ?? 0) * worker(overhead) / Double(request.host.coreCount)
  }

  func coordinatorShare(_ request: PlanRequest, _ overhead: ClusterOverhead) -> Double {
    (request.queryRate ?? 0) * coordinator(overhead)
  }

  func latency(_ request: PlanRequest, _ overhead: ClusterOverhead) -> QueryLatency {
    let ratio = overhead.tailRatio
    var steps: [QueryLatency.Step] = []
    func add(_ kind: QueryLatency.Step.Kind, _ median: Double, _ p99: Double) {
      steps.append(.init(kind: kind, median: median, p99: p99))
    }
    // The client asks the coordinator, and this the workers at every stage.
    let tripCount = stageCount + 1
    add(
      .network, tripCount * (request.roundTrip + overhead.wakingPerTrip),
      tripCount * (request.roundTrip + overhead.wakingPerTrip * ratio))
    let coordinator = coordinator(overhead)
    add(.coordinator, coordinator, coordinator * ratio)
    if workerCount > 1 { add(.probe, probe, probe * ratio) }
    let search = workerCount > 1 ? search : probe + search
    add(.search, search, search * ratio)
    let handling = handling(overhead)
    add(.handling, handling, handling * ratio)
    let worker = worker(overhead)
    if workerCount > 1 {
      add(
        .slowest, worker * (overhead.slowness(of: workerCount, at: 0.5) - 1),
        worker * (overhead.slowness(of: workerCount, at: 0.99) - ratio))
    }
    if let rate = request.queryRate {
      let waits =
        worker * Queue.wait(load: rate * worker, serverCount: request.host.coreCount)
        + coordinator * Queue.wait(load: rate * coordinator, serverCount: 1)
      add(.queue, 0, waits)
    }
    return QueryLatency(steps: steps)
  }
}
