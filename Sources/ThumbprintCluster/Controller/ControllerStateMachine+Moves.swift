import ThumbprintCodes

extension ControllerStateMachine {
  /// Brings every move a step on where it can go, and begins those that are needed.
  mutating func settleMoves(
    _ draft: inout Draft, _ actions: inout [ControllerAction], now: MonotonicInstant
  ) {
    var running = draft.map.runningMoveCounts()
    for id in map.moves.keys.sorted() {
      guard let move = draft.map.moves[id], let shard = map.shards[move.shard],
        !draft.touched.contains(move.shard)
      else { continue }
      switch move.phase {
      case .queued: startMove(id, move, shard, &draft, &running, now: now)
      case .copying: settleCopying(id, move, shard, &draft, now: now)
      case .verifying: settleVerifying(id, move, shard, &draft, now: now)
      case .handingOver: settleHandOver(id, move, shard, &draft, &actions, now: now)
      case .removing: settleRemoving(id, move, shard, &draft, now: now)
      }
    }
    queueNeededMoves(&draft, now: now)
  }

  private mutating func startMove(
    _ id: MoveID, _ move: MoveEntry, _ shard: ShardEntry, _ draft: inout Draft,
    _ running: inout [WorkerName: Int], now: MonotonicInstant
  ) {
    // What is needed finds another target at once; a rebalance was meant for this one, which may
    // come back as soon as a move that has begun would wait for it.
    let patience: Duration =
      move.reason == .rebalance
      ? .milliseconds(map.settings.replicateAfterMilliseconds) : .zero
    let isGone = lostSince(move.target, now: now).map { $0.advanced(by: patience) <= now } ?? false
    let isOpen =
      draft.map.workers[move.target]?.state == .active && !isGone
      && shard.replicas[move.target] == nil
    let isStillNeeded =
      move.reason != .replicate || missingReplica(move.shard, shard, now: now) != nil
    guard isOpen, isStillNeeded else {
      _ = draft.attempt(.endMove(id))
      return
    }
    let countMax = draft.map.settings.moveCountPerWorkerMax
    let ends = [move.target, shard.primary]
    guard isLive(move.target, now: now), shard.isEstablished,
      ends.allSatisfy({ running[$0, default: 0] < countMax })
    else { return }
    if draft.attempt(.setMovePhase(id, .copying), on: move.shard) {
      for name in ends { running[name, default: 0] += 1 }
      draft.notices.append(.moveStarted(id, move))
    }
  }

  private mutating func settleCopying(
    _ id: MoveID, _ move: MoveEntry, _ shard: ShardEntry, _ draft: inout Draft,
    now: MonotonicInstant
  ) {
    if shard.replicas[move.target]?.isInSync == true {
      _ = draft.attempt(.setMovePhase(id, .verifying), on: move.shard)
      return
    }
    if report(move.shard, move.target, now: now)?.role == .damaged {
      abort(id, move, "the copy on \(move.target) is not what \(shard.primary) holds", &draft)
    } else if let lost = lostSince(move.target, now: now),
      lost.advanced(by: .milliseconds(map.settings.replicateAfterMilliseconds)) <= now
    {
      abort(id, move, "\(move.target) was lost", &draft)
    }
  }

  /// The proof that a move ends with: records and digest that source and target were both found
  /// to hold at one position, in this term. `nil` if that is still to come.
  ///
  /// A follower is compared with its primary; so that is a comparison of both where one of them is
  /// the primary. Two followers are compared by way of it: a follower checks after every entry
  /// that it holds what the primary held, so one that is past the position where the other was
  /// found equal held the same there. A source that is lost, or not in sync, proves nothing and is
  /// not waited for; the target alone was compared with the primary then.
  private func proof(
    _ move: MoveEntry, _ shard: ShardEntry, now: MonotonicInstant
  ) -> ReplicaSummary? {
    func report(_ name: WorkerName) -> ReplicaReport? {
      self.report(move.shard, name, now: now).flatMap { $0.term == shard.term ? $0 : nil }
    }
    guard let target = report(move.target) else { return nil }
    var source: ReplicaReport?
    if let name = move.source, shard.replicas[name]?.isInSync == true, isLive(name, now: now) {
      guard let found = report(name) else { return nil }
      source = found
    }
    if target.role == .primary {
      if let source { return source.verified }
      return move.proof ?? target.summary
    }
    guard target.role == .follower, let verified = target.verified else { return nil }
    guard let source, source.role != .primary else { return verified }
    guard let other = source.verified, source.summary.position >= verified.position,
      other.position != verified.position || other == verified
    else { return nil }
    return verified
  }

  private mutating func settleVerifying(
    _ id: MoveID, _ move: MoveEntry, _ shard: ShardEntry, _ draft: inout Draft,
    now: MonotonicInstant
  ) {
    guard shard.replicas[move.target]?.isInSync == true else {
      _ = draft.attempt(.setMovePhase(id, .copying), on: move.shard)
      return
    }
    guard let proof = proof(move, shard, now: now) else { return }
    guard let source = move.source, shard.replicas[source] != nil else {
      endMove(id, move, proof, &draft)
      return
    }
    let next: MoveEntry.Phase = shard.primary == source ? .handingOver : .removing
    proceed(id, move, to: next, proof, &draft)
  }

  private func proceed(
    _ id: MoveID, _ move: MoveEntry, to phase: MoveEntry.Phase, _ proof: ReplicaSummary,
    _ draft: inout Draft
  ) {
    guard draft.attempt(.setMovePhase(id, phase), on: move.shard) else { return }
    _ = draft.attempt(.proveMove(id, proof))
  }

  private mutating func settleHandOver(
    _ id: MoveID, _ move: MoveEntry, _ shard: ShardEntry, _ draft: inout Draft,
    _ actions: inout [ControllerAction], now: MonotonicInstant
  ) {
    guard shard.replicas[move.target]?.isInSync == true else {
      _ = draft.attempt(.setMovePhase(id, .copying), on: move.shard)
      return
    }
    guard shard.primary == move.source else {
      handOverSent[move.shard] = nil
      // Compared once more, now that the target orders the writes: what was written meanwhile is
      // part of the proof.
      guard let proof = proof(move, shard, now: now) else { return }
      proceed(id, move, to: .removing, proof, &draft)
      return
    }
    guard fences[move.shard] == nil, let source = move.source, isLive(source, now: now),
      let session = workers[source]?.session
    else { return }
    if let sent = handOverSent[move.shard], sent.advanced(by: settings.resendTime) > now { return }
    handOverSent[move.shard] = now
    let message = ControllerMessage.handOver(move.shard, term: shard.term, target: move.target)
    actions.append(.send(message, to: source, session: session))
  }

  private mutating func settleRemoving(
    _ id: MoveID, _ move: MoveEntry, _ shard: ShardEntry, _ draft: inout Draft,
    now: MonotonicInstant
  ) {
    // A source that is lost drops its files when it comes back; nobody waits for that.
    if let source = move.source, let worker = workers[source], isLive(source, now: now) {
      guard worker.hasHeard,
        worker.sent?.assignments.contains(where: { $0.shard == move.shard })
          == false, worker.reports[move.shard] == nil
      else { return }
    }
    endMove(id, move, move.proof, &draft)
  }

  private func endMove(
    _ id: MoveID, _ move: MoveEntry, _ proof: ReplicaSummary?, _ draft: inout Draft
  ) {
    guard draft.attempt(.endMove(id), on: move.shard) else { return }
    draft.notices.append(.moveEnded(id, move, proof: proof))
  }

  private mutating func abort(
    _ id: MoveID, _ move: MoveEntry, _ why: String, _ draft: inout Draft
  ) {
    do throws(ClusterError) {
      try draft.abort(id, move)
      draft.notices.append(.moveAborted(id, move, why))
    } catch {
      // It changed in the meantime; what it is now decides at the next look.
    }
  }

  // MARK: What has to move

  /// Queues moves away from workers that are drained, and new replicas for shards with too few;
  /// gives up replicas that are too many.
  private func queueNeededMoves(_ draft: inout Draft, now: MonotonicInstant) {
    var placement: Placement?
    let draining = Set(map.workers.filter { $0.value.state == .draining }.keys)
    var moving = Set(draft.map.moves.values.map(\.shard))
    for key in map.shards.keys.sorted() where !moving.contains(key) {
      guard let shard = map.shards[key], shard.isEstablished, !draft.touched.contains(key),
        fences[key] == nil, let wanted = map.collections[key.collection]?.replicationFactor
      else { continue }
      let reason: MoveEntry.Reason
      let source: WorkerName?
      if let missing = missingReplica(key, shard, now: now) {
        (reason, source) = (.replicate, missing.lost)
      } else if shard.replicas.count > wanted {
        removeSurplus(key, shard, wanted: wanted, &draft, now: now)
        continue
      } else if let leaving = shard.replicas.keys.sorted().first(where: draining.contains) {
        (reason, source) = (.drain, leaving)
      } else {
        continue
      }
      if placement == nil { placement = self.placement(draft.map, now: now) }
      guard let target = placement?.placeOne(key) else { continue }
      let move = MoveEntry(shard: key, source: source, target: target, reason: reason)
      if draft.attempt(.queueMove(move)) { moving.insert(key) }
    }
  }

  /// Whether a shard has fewer replicas than it should: one is lost for good, or never was.
  private func missingReplica(
    _ key: ShardKey, _ shard: ShardEntry, now: MonotonicInstant
  ) -> (lost: WorkerName?, Void)? {
    guard let wanted = map.collections[key.collection]?.replicationFactor else { return nil }
    let grace = Duration.milliseconds(map.settings.replicateAfterMilliseconds)
    let lost = shard.replicas.keys.filter { name in
      name != shard.primary && shard.replicas[name]?.isInSync == false
        && lostSince(name, now: now).map { $0.advanced(by: grace) <= now } ?? false
    }.sorted()
    guard shard.replicas.count - lost.count < wanted else { return nil }
    return (lost.first, ())
  }

  private func removeSurplus(
    _ key: ShardKey, _ shard: ShardEntry, wanted: Int, _ draft: inout Draft, now: MonotonicInstant
  ) {
    func rank(_ name: WorkerName) -> (Int, Int, WorkerName) {
      let value = isLive(name, now: now) ? (shard.replicas[name]!.isInSync ? 2 : 1) : 0
      let isDraining = map.workers[name]?.state == .draining
      return (value, isDraining ? 0 : 1, name)
    }
    let others = shard.replicas.keys.filter { $0 != shard.primary }.sorted { rank($0) < rank($1) }
    guard let worst = others.first else { return }
    // Give up one that is in sync only if enough of those remain.
    let remaining = shard.inSync.count { $0 != worst && isLive($0, now: now) }
    guard rank(worst).0 < 2 || remaining >= wanted else { return }
    _ = draft.attempt(.removeReplica(key, worst), on: key)
  }

  /// Where replicas are and could go, by what workers report of their sizes.
  func placement(_ map: ClusterMap, now: MonotonicInstant) -> Placement {
    var byteCounts: [ShardKey: Int] = [:]
    for worker in workers.values {
      for (key, report) in worker.reports {
        byteCounts[key] = max(byteCounts[key] ?? 0, report.byteCount)
      }
    }
    return Placement(map: map, byteCounts: byteCounts) { isLive($0, now: now) }
  }
}

extension ControllerStateMachine.Draft {
  /// Gives a move up: its target loses the replica, unless that is the primary by now.
  mutating func abort(_ id: MoveID, _ move: MoveEntry) throws(ClusterError) {
    guard move.phase != .removing else {
      throw ClusterError(
        .conflict, "move \(id) is about to end; its source has no replica any more")
    }
    var copy = map
    if move.phase != .queued, copy.shards[move.shard]?.replicas[move.target] != nil {
      try copy.apply(.removeReplica(move.shard, move.target))
    }
    try copy.apply(.endMove(id))
    map = copy
    isChanged = true
    touched.insert(move.shard)
  }
}

extension ClusterMap {
  /// How many copies each worker gives or receives now.
  func runningMoveCounts() -> [WorkerName: Int] {
    var counts: [WorkerName: Int] = [:]
    for move in moves.values where move.phase == .copying {
      counts[move.target, default: 0] += 1
      if let primary = shards[move.shard]?.primary { counts[primary, default: 0] += 1 }
    }
    return counts
  }
}
