import ThumbprintCodes

extension ControllerStateMachine {
  /// The next map while it is being put together.
  struct Draft {
    var map: ClusterMap
    var answers: [(RequestID, ControllerReply)] = []
    var notices: [ControllerNotice] = []
    /// Shards that changed already; each changes once in a version.
    var touched: Set<ShardKey> = []
    var isChanged = false

    /// Applies a change if it holds, and says whether it did.
    mutating func attempt(_ change: ClusterMapChange, on shard: ShardKey? = nil) -> Bool {
      do {
        try map.apply(change)
        isChanged = true
        if let shard { touched.insert(shard) }
        return true
      } catch {
        return false
      }
    }
  }

  /// Compares the map with what is reported, and puts what should change into the store.
  mutating func settle(now: MonotonicInstant) -> [ControllerAction] {
    guard storing == nil else { return [] }
    var draft = Draft(map: map.nextVersion())
    var actions: [ControllerAction] = []
    for (name, new) in registrations.sorted(by: { $0.key < $1.key }) {
      let change = ClusterMapChange.registerWorker(
        name, address: new.address, capacityByteCount: new.capacityByteCount)
      if !draft.attempt(change) { registrations[name] = nil }
    }
    actions += settleRequests(&draft, now: now)
    for key in map.shards.keys.sorted() {
      actions += settleShard(key, &draft, now: now)
    }
    settleMoves(&draft, &actions, now: now)
    settleDropped(&draft, now: now)
    guard draft.isChanged else {
      return actions + draft.answers.map { .answer($0.0, .success($0.1)) }
    }
    storing = Storing(map: draft.map, answers: draft.answers, notices: draft.notices)
    return actions + [.storeMap(draft.map, expected: map.version)]
  }

  private mutating func settleDropped(_ draft: inout Draft, now: MonotonicInstant) {
    // A worker that is away may hold a piece; so a dropped collection is remembered while one is.
    guard !map.dropped.isEmpty, map.workers.keys.allSatisfy({ isLive($0, now: now) }) else {
      return
    }
    for id in map.dropped.sorted() {
      let isHeld = workers.values.contains { worker in
        worker.reports.keys.contains { $0.collection == id } || !worker.hasHeard
      }
      if !isHeld { _ = draft.attempt(.forgetDropped(id)) }
    }
  }

  // MARK: Shards

  private mutating func settleShard(
    _ key: ShardKey, _ draft: inout Draft, now: MonotonicInstant
  ) -> [ControllerAction] {
    guard let shard = map.shards[key], draft.map.shards[key] != nil else { return [] }
    guard shard.isEstablished else {
      establish(key, shard, &draft, now: now)
      return []
    }
    if let fence = fences[key] { return settleFence(key, shard, fence, &draft, now: now) }
    if needsNewPrimary(key, shard, now: now) { return beginFence(key, shard, now: now) }
    settleMembers(key, shard, &draft, now: now)
    return []
  }

  private mutating func establish(
    _ key: ShardKey, _ shard: ShardEntry, _ draft: inout Draft, now: MonotonicInstant
  ) {
    let primary = report(key, shard.primary, now: now)
    if primary?.role == .primary, primary?.term == shard.term {
      _ = draft.attempt(.establish(key, term: shard.term), on: key)
    } else if primary?.role == .needsTerm {
      _ = draft.attempt(.beginAnew(key, term: shard.term, primary: shard.primary), on: key)
    } else if lostSince(shard.primary, now: now) != nil || primary?.role == .damaged,
      let other = shard.replicas.keys.sorted().first(where: {
        $0 != shard.primary && isLive($0, now: now)
      })
    {
      _ = draft.attempt(.beginAnew(key, term: shard.term, primary: other), on: key)
    }
  }

  /// Whether the primary of the map cannot be one, or gives it up.
  private mutating func needsNewPrimary(
    _ key: ShardKey, _ shard: ShardEntry, now: MonotonicInstant
  ) -> Bool {
    if lostSince(shard.primary, now: now) != nil { return true }
    // Who promised a term that never began, because a coordinator stopped in between, takes no
    // order of this one any more.
    let isPromised = shard.replicas.keys.contains { name in
      self.report(key, name, now: now).map { $0.promisedTerm > shard.term } ?? false
    }
    if isPromised { return true }
    guard let report = report(key, shard.primary, now: now) else { return false }
    switch report.role {
    case .primary where report.term == shard.term:
      idleSince[key] = nil
      guard let target = report.handOverReady, let move = map.move(of: key)?.entry else {
        return false
      }
      return move.phase == .handingOver && move.target == target && move.source == shard.primary
    case .needsTerm, .opening, .missing, .damaged: return true
    default: break
    }
    guard let version = workers[shard.primary]?.assignmentVersion, version >= shard.changed else {
      return false
    }
    let since = idleSince[key] ?? now
    idleSince[key] = since
    return since.advanced(by: settings.idlePrimaryTime) <= now
  }

  /// Whether a replica could begin or join the next term: its files are whole.
  private func isFit(_ report: ReplicaReport) -> Bool {
    switch report.role {
    case .idle, .primary, .needsTerm, .follower: true
    case .copying, .opening, .missing, .damaged: false
    }
  }

  private mutating func beginFence(
    _ key: ShardKey, _ shard: ShardEntry, now: MonotonicInstant
  ) -> [ControllerAction] {
    let candidates = shard.inSync.filter { report(key, $0, now: now).map(isFit) ?? false }
    guard !candidates.isEmpty else {
      return unavailable.insert(key).inserted ? [.notice(.shardUnavailable(key))] : []
    }
    unavailable.remove(key)
    idleSince[key] = nil
    let promised = shard.replicas.keys.compactMap { workers[$0]?.reports[key]?.promisedTerm }
    var fence = Fence(
      term: max(shard.term, promised.max() ?? shard.term).next,
      deadline: now.advanced(by: settings.fenceTime))
    // Without a reason for another, who is primary stays it.
    fence.preferred = report(key, shard.primary, now: now)?.handOverReady ?? shard.primary
    fences[key] = fence
    return sendFences(key, candidates, now: now)
  }

  private mutating func sendFences(
    _ key: ShardKey, _ candidates: [WorkerName], now: MonotonicInstant
  ) -> [ControllerAction] {
    guard var fence = fences[key] else { return [] }
    var actions: [ControllerAction] = []
    for name in candidates {
      guard let worker = workers[name],
        (worker.reports[key]?.promisedTerm ?? Term(0)) < fence.term
      else { continue }
      if let sent = fence.sentAt[name], sent.advanced(by: settings.resendTime) > now { continue }
      fence.sentAt[name] = now
      actions.append(.send(.fence(key, term: fence.term), to: name, session: worker.session))
    }
    fences[key] = fence
    return actions
  }

  /// Begins the term when all that are there have promised it, or some and no time is left.
  private mutating func settleFence(
    _ key: ShardKey, _ shard: ShardEntry, _ fence: Fence, _ draft: inout Draft,
    now: MonotonicInstant
  ) -> [ControllerAction] {
    guard fence.term > shard.term else {
      fences[key] = nil
      return []
    }
    let candidates = shard.inSync.filter { report(key, $0, now: now).map(isFit) ?? false }
    let promised = candidates.filter { report(key, $0, now: now)!.promisedTerm >= fence.term }
    let isOver = fence.deadline <= now
    guard !promised.isEmpty, promised.count == candidates.count || isOver else {
      if isOver, candidates.isEmpty { fences[key] = nil }
      return sendFences(key, candidates, now: now)
    }
    let positions = promised.map { (name: $0, at: report(key, $0, now: now)!.summary.position) }
    let greatest = positions.map(\.at).max()!
    let best = positions.filter { $0.at == greatest }.map(\.name)
    let primary =
      best.first { $0 == fence.preferred }
      ?? best.min { (primaryCount($0, draft.map), $0) < (primaryCount($1, draft.map), $1) }!
    let change = ClusterMapChange.failOver(
      key, basis: shard.changed, term: fence.term, primary: primary, inSync: Set(promised))
    if draft.attempt(change, on: key) {
      draft.notices.append(
        .failedOver(key, term: fence.term, primary: primary, inSync: promised.sorted()))
    }
    return []
  }

  private func primaryCount(_ name: WorkerName, _ map: ClusterMap) -> Int {
    let isDraining = map.workers[name]?.state == .draining
    return map.shards.values.count { $0.primary == name } + (isDraining ? 1 << 20 : 0)
  }

  // MARK: Members

  /// Whether a replica that should be in sync can only be copied anew. One that is being opened, or
  /// copied, is waited for as long as its primary waits.
  private func isLostForGood(_ report: ReplicaReport) -> Bool {
    switch report.role {
    case .missing, .damaged: true
    case .idle, .primary, .needsTerm, .follower, .copying, .opening: false
    }
  }

  /// Whether a replica that was to catch up found that it cannot, in its stay of now: another stay
  /// makes another copy. Where that is the target of a move, the move is given up instead.
  private func isToBeCopiedAnew(
    _ key: ShardKey, _ name: WorkerName, _ shard: ShardEntry, now: MonotonicInstant
  ) -> Bool {
    guard report(key, name, now: now)?.role == .damaged, let stay = shard.replicas[name]?.since,
      let worker = workers[name], worker.assignmentVersion >= stay
    else { return false }
    return map.move(of: key)?.entry.target != name
  }

  /// Takes out who is lost or unfit, and does what the primary asks for.
  private func settleMembers(
    _ key: ShardKey, _ shard: ShardEntry, _ draft: inout Draft, now: MonotonicInstant
  ) {
    guard let primary = report(key, shard.primary, now: now), primary.role == .primary,
      primary.term == shard.term, !draft.touched.contains(key)
    else { return }
    for name in shard.inSync where name != shard.primary {
      let isUnfit = report(key, name, now: now).map { isLostForGood($0) } ?? false
      guard isUnfit || lostSince(name, now: now) != nil else { continue }
      let change = ClusterMapChange.leave(
        key, term: shard.term, basis: shard.changed, worker: name)
      if draft.attempt(change, on: key) { return }
    }
    for name in shard.syncing where isToBeCopiedAnew(key, name, shard, now: now) {
      let change = ClusterMapChange.leave(
        key, term: shard.term, basis: shard.changed, worker: name)
      if draft.attempt(change, on: key) { return }
    }
    for proposal in primary.proposals {
      switch proposal.change {
      case .join:
        guard isLive(proposal.worker, now: now) else { continue }
        let change = ClusterMapChange.join(
          key, term: shard.term, basis: proposal.basis, worker: proposal.worker)
        if draft.attempt(change, on: key) { return }
      case .leave:
        let change = ClusterMapChange.leave(
          key, term: shard.term, basis: proposal.basis, worker: proposal.worker)
        if draft.attempt(change, on: key) { return }
      }
    }
  }
}
