import ThumbprintCluster
import ThumbprintCodes

// What those see of a coordinator who watch over it.
extension CoordinatorCore {
  func metricsState() -> CoordinatorMetrics.State {
    let now = MonotonicInstant.now
    var state = CoordinatorMetrics.State()
    state.retryCount = router.counts.retries
    state.hedgeCount = router.counts.hedges
    state.mapVersion = map.version.rawValue
    state.collectionCount = map.collections.count
    for (name, worker) in map.workers {
      let isLive = controller.isLive(name, now: now)
      state.workers[isLive ? worker.state.rawValue : "lost", default: 0] += 1
    }
    for (key, shard) in map.shards {
      let factor = map.collections[key.collection]?.replicationFactor ?? 1
      state.shards[condition(shard, factor, now), default: 0] += 1
      let primary = controller.lastReport(key, shard.primary)?.summary
      state.recordCount += primary?.recordCount ?? 0
      for name in shard.replicas.keys where name != shard.primary {
        guard let primary, let other = controller.lastReport(key, name)?.summary else { continue }
        let last = primary.position.sequence.rawValue
        let has = other.position.sequence.rawValue
        if last > has { state.lag = max(state.lag, Int(clamping: last - has)) }
      }
    }
    for move in map.moves.values {
      state.moveCount += 1
      if let copy = controller.lastReport(move.shard, move.target)?.copy {
        state.moveByteCount += max(0, copy.byteCountTotal - copy.byteCountDone)
      }
    }
    return state
  }

  private func condition(_ shard: ShardEntry, _ factor: Int, _ now: MonotonicInstant) -> String {
    let liveCount = shard.inSync.count { controller.isLive($0, now: now) }
    if liveCount == 0 || !shard.isEstablished { return "unavailable" }
    let isWhole = liveCount >= factor && controller.isLive(shard.primary, now: now)
    return isWhole ? "available" : "under_replicated"
  }

  /// A line for each collection that cannot be written to or read from as a whole.
  func readinessProblems() -> [String] {
    let now = MonotonicInstant.now
    var missing: [CollectionID: [Int]] = [:]
    for (key, shard) in map.shards
    where !shard.isEstablished || !controller.isLive(shard.primary, now: now) {
      missing[key.collection, default: []].append(key.number)
    }
    return missing.map { id, numbers in
      let shown = numbers.sorted().prefix(8).map(String.init).joined(separator: ", ")
      let more = numbers.count > 8 ? " and \(numbers.count - 8) more" : ""
      let name = map.collections[id]?.name ?? "\(id)"
      return "collection '\(name)': no primary is there for shard \(shown)\(more)"
    }.sorted()
  }
}
