import ThumbprintCodes

extension ControllerStateMachine {
  /// Tells workers what they have to do, where that changed or was not heard.
  mutating func sendAssignments(now: MonotonicInstant) -> [ControllerAction] {
    let live = workers.keys.filter { isLive($0, now: now) && map.workers[$0] != nil }.sorted()
    // What a worker was told stands until the map changes, or it reports what it should not have.
    let stale = live.filter { name in
      guard let worker = workers[name], let sent = worker.sent else { return true }
      return sent.version < map.version || worker.assignmentVersion < sent.version
        || worker.reports.keys.contains { isUnwanted($0, on: name, now: now) }
    }
    guard !stale.isEmpty else { return [] }
    let assignments = assignmentsByWorker(only: Set(stale))
    return stale.compactMap { name in
      guard var worker = workers[name] else { return nil }
      let drops = worker.reports.keys.filter { isUnwanted($0, on: name, now: now) }.sorted()
      let new = WorkerAssignments(
        clusterID: map.clusterID, version: map.version, assignments: assignments[name] ?? [],
        drops: drops)
      if let sent = worker.sent, sent.assignments == new.assignments, sent.drops == new.drops {
        let isHeard = worker.assignmentVersion >= sent.version && drops.isEmpty
        guard !isHeard, worker.sentAt.advanced(by: settings.silenceMax) <= now else {
          return nil
        }
      }
      worker.sent = new
      worker.sentAt = now
      workers[name] = worker
      return .send(.assignments(new), to: name, session: worker.session)
    }
  }

  /// Whether a worker has files that the map gives it no part in, and may delete them: others have
  /// the records, or the collection was dropped.
  private func isUnwanted(_ key: ShardKey, on name: WorkerName, now: MonotonicInstant) -> Bool {
    guard let shard = map.shards[key] else { return map.dropped.contains(key.collection) }
    guard shard.replicas[name] == nil, shard.isEstablished else { return false }
    return shard.inSync.contains { holder in
      guard let report = report(key, holder, now: now) else { return false }
      return report.role == .primary || report.role == .follower
    }
  }

  private func assignmentsByWorker(
    only wanted: Set<WorkerName>
  ) -> [WorkerName: [ReplicaAssignment]] {
    var result: [WorkerName: [ReplicaAssignment]] = [:]
    let copies = map.moves.values.count { $0.phase == .copying }
    let rate =
      map.settings.copyByteRate == 0 ? 0 : max(1, map.settings.copyByteRate / max(1, copies))
    for (key, shard) in map.shards {
      guard let collection = map.collections[key.collection],
        let address = map.workers[shard.primary]?.address
      else { continue }
      for name in shard.replicas.keys where wanted.contains(name) {
        result[name, default: []].append(
          ReplicaAssignment(
            shard: key, entry: shard, primaryAddress: address, collection: collection,
            copyByteRate: rate))
      }
    }
    return result.mapValues { $0.sorted { $0.shard < $1.shard } }
  }
}
