import ThumbprintCluster
import ThumbprintCodes
import ThumbprintWire

extension CoordinatorCore {
  /// Everything that an operator may want to see.
  func status() -> ClusterStatus {
    let now = MonotonicInstant.now
    return ClusterStatus(
      cluster: map.clusterID, mapVersion: map.version,
      workers: map.workers.sorted { $0.key < $1.key }.map { status($0.key, $0.value, now) },
      collections: map.collections.map { describe($0.key, $0.value) }
        .sorted { $0.name < $1.name },
      shards: map.shards.sorted { $0.key < $1.key }.map { placement($0.key, $0.value, now) },
      moves: map.moves.sorted { $0.key < $1.key }.map { status($0.key, $0.value) },
      endedMoves: endedMoves.reversed().map { ended in
        var move = ended.move
        move.secondsAgo = Int(ended.at.duration(to: now) / .seconds(1))
        return move
      })
  }

  /// Keeps what became of a move, for those who ask a little later.
  func remember(_ id: MoveID, _ move: MoveEntry, proof: ReplicaSummary?, why: String?) {
    endedMoves.append(
      (
        .now,
        EndedMove(
          id: id.rawValue, collection: name(move.shard), number: move.shard.number,
          source: move.source, target: move.target, reason: move.reason.rawValue, aborted: why,
          proof: proof.map {
            EndedMove.Proof(
              position: $0.position, recordCount: $0.recordCount, digest: $0.digest)
          })
      ))
    if endedMoves.count > settings.endedMoveCountMax { endedMoves.removeFirst() }
  }

  func name(_ shard: ShardKey) -> String {
    map.collections[shard.collection]?.name ?? "\(shard.collection)"
  }

  private func status(
    _ name: WorkerName, _ worker: WorkerEntry, _ now: MonotonicInstant
  ) -> WorkerStatus {
    let held = map.shards.filter { $0.value.replicas[name] != nil }
    let silence = controller.lastHeard(name).map { $0.duration(to: now) }
    return WorkerStatus(
      name: name, address: "\(worker.address)", state: worker.state.rawValue,
      isAlive: controller.isLive(name, now: now),
      silentMilliseconds: silence.map { Int($0 / .milliseconds(1)) },
      capacityByteCount: worker.capacityByteCount,
      usedByteCount: held.keys.reduce(0) {
        $0 + (controller.lastReport($1, name)?.byteCount ?? 0)
      },
      replicaCount: held.count, primaryCount: held.values.filter { $0.primary == name }.count)
  }

  private func placement(
    _ key: ShardKey, _ shard: ShardEntry, _ now: MonotonicInstant
  ) -> ShardPlacement {
    let replicas = shard.replicas.sorted { $0.key < $1.key }.map { name, replica in
      let summary = controller.lastReport(key, name)?.summary
      return ReplicaStatus(
        worker: name, isInSync: replica.isInSync, isAlive: controller.isLive(name, now: now),
        position: summary?.position, recordCount: summary?.recordCount, digest: summary?.digest)
    }
    return ShardPlacement(
      collection: name(key),
      number: key.number, term: shard.term, primary: shard.primary, replicas: replicas)
  }

  private func status(_ id: MoveID, _ move: MoveEntry) -> MoveStatus {
    let report = controller.lastReport(move.shard, move.target)
    var copy = report?.copy
    if copy == nil, move.phase != .queued, let report, report.role != .missing {
      // It is copied; what it catches up with is not counted.
      copy = CopyProgress(byteCountDone: report.byteCount, byteCountTotal: report.byteCount)
    }
    return MoveStatus(
      id: id.rawValue, collection: name(move.shard), number: move.shard.number,
      source: move.source, target: move.target, reason: move.reason.rawValue,
      phase: move.phase.rawValue, totalByteCount: copy?.byteCountTotal,
      doneByteCount: copy?.byteCountDone)
  }
}
