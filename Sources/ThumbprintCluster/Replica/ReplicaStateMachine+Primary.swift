import ThumbprintCodes

extension ReplicaStateMachine {
  // MARK: Writes

  /// A write arrived; its content is with the shell.
  public mutating func writeReceived(_ id: WriteID, now: MonotonicInstant) -> [ReplicaAction] {
    guard case .primary(var primary) = role else {
      if case .starting = role { return [.refuse(id, .notReady)] }
      let known = assignment.map(\.primary).flatMap { $0 == worker ? nil : $0 }
      return [.refuse(id, .notPrimary(known: known, term: fencedTerm))]
    }
    guard assignment?.isEstablished == true, primary.handOver == nil else {
      return [.refuse(id, .notReady)]
    }
    guard primary.open.count < settings.writeCountMax else {
      return [.refuse(id, .busy)]
    }
    primary.writing.insert(id)
    primary.open.insert(id)
    primary.timeouts.append((id, now.advanced(by: settings.writeTimeout)))
    role = .primary(primary)
    return [.write(id, term: primary.term)]
  }

  /// A write is on this disk.
  ///
  /// - Parameters:
  ///   - position: Its entry; for one that changed nothing, the end of the log at that time.
  ///   - new: What the disk holds, with this write or later.
  public mutating func writeCompleted(
    _ id: WriteID, position: LogPosition, summary new: ReplicaSummary, now: MonotonicInstant
  ) -> [ReplicaAction] {
    hold(new)
    guard case .primary(var primary) = role, primary.writing.remove(id) != nil else { return [] }
    let index = primary.waiting.lastIndex { $0.position <= position }.map { $0 + 1 } ?? 0
    primary.waiting.insert(Primary.WaitingWrite(id: id, position: position), at: index)
    role = .primary(primary)
    return advance(now: now) + wakePulls()
  }

  /// The disk did not take a write.
  public mutating func writeFailed(_ id: WriteID, now: MonotonicInstant) -> [ReplicaAction] {
    guard case .primary(var primary) = role, primary.writing.remove(id) != nil else { return [] }
    primary.open.remove(id)
    role = .primary(primary)
    return [.refuse(id, .failed)] + advance(now: now)
  }

  // MARK: Pulls

  /// A follower asked for what comes after its log.
  public mutating func pullReceived(
    _ pull: FollowerPull, request: RequestID, now: MonotonicInstant
  ) -> [ReplicaAction] {
    func refuse(_ refusal: ReplicaRefusal, term: Term) -> [ReplicaAction] {
      [.replyToPull(request, PullReply(term: term, outcome: .refused(refusal)))]
    }
    guard case .primary(var primary) = role else {
      return refuse(.notPrimary(known: assignment?.primary, term: fencedTerm), term: fencedTerm)
    }
    if pull.term < primary.term, settings.fault != .skipTermCheck {
      return refuse(.staleTerm(known: primary.term), term: primary.term)
    }
    if pull.term > primary.term {
      return refuse(.notPrimary(known: nil, term: pull.term), term: primary.term)
    }
    if primary.basis != assignment?.changed, let assignment {
      primary.membershipChanged(assignment, worker: worker, now: now)
    }
    guard var follower = primary.followers[pull.follower], follower.since == pull.since else {
      return refuse(.notReady, term: primary.term)
    }
    follower.lastPull = now
    follower.isLate = false
    var actions: [ReplicaAction] = []
    if let parked = follower.parked {
      follower.parked = nil
      let refusal = PullReply(term: primary.term, outcome: .refused(.notReady))
      actions.append(.replyToPull(parked.request, refusal))
    }
    if pull.after.term == primary.term {
      let couldJoin = follower.canJoin
      follower.acknowledged = max(follower.acknowledged ?? pull.after, pull.after)
      if isNear(pull, follower) {
        follower.joinBasis = primary.basis
        follower.joinTarget = summary.position
      }
      if follower.canJoin, !couldJoin { actions.append(.reportSoon) }
    }
    if pull.after == summary.position, pull.isVerified {
      follower.parked = (request, pull, now.advanced(by: settings.longPoll))
    } else {
      primary.reading[request] = pull
      actions.append(
        .readLog(request, after: pull.after, byteCountMax: max(0, pull.byteCountMax)))
    }
    primary.followers[pull.follower] = follower
    role = .primary(primary)
    return actions + advance(now: now)
  }

  /// Whether a follower that is not in sync is near enough, and proven equal, to be waited for.
  private func isNear(_ pull: FollowerPull, _ follower: Primary.FollowerProgress) -> Bool {
    guard assignment?.replicas[pull.follower]?.isInSync == false, assignment?.isEstablished == true,
      follower.joinBasis == nil, pull.isVerified
    else { return false }
    let own = summary.position.sequence.rawValue
    let other = pull.after.sequence.rawValue
    return other >= own || own - other <= settings.joinLagMax
  }

  /// The log was read for the pull of `request`; the entries are with the shell.
  public mutating func logRead(
    _ request: RequestID, _ outcome: LogReadOutcome, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .primary(var primary) = role, let pull = primary.reading.removeValue(forKey: request)
    else { return [] }
    if case .entries(let last, let end) = outcome, last == pull.after, pull.isVerified,
      end == nil || end?.position == summary.position,
      primary.followers[pull.follower]?.parked == nil
    {
      let until = now.advanced(by: settings.longPoll)
      primary.followers[pull.follower]?.parked = (request, pull, until)
      role = .primary(primary)
      return primary.followers[pull.follower] == nil
        ? [.replyToPull(request, PullReply(term: primary.term, outcome: .refused(.notReady)))] : []
    }
    role = .primary(primary)
    let reply =
      switch outcome {
      case .entries(let last, let summary):
        PullReply(term: primary.term, outcome: .entries(last: last), summary: summary)
      case .diverged: PullReply(term: primary.term, outcome: .diverged)
      case .truncated: PullReply(term: primary.term, outcome: .truncated)
      case .failed: PullReply(term: primary.term, outcome: .refused(.failed))
      }
    return [.replyToPull(request, reply)]
  }

  /// Reads the log for the pulls that were kept until there was something for them.
  private mutating func wakePulls() -> [ReplicaAction] {
    guard case .primary(var primary) = role else { return [] }
    var actions: [ReplicaAction] = []
    for name in primary.followers.keys.sorted() {
      guard let parked = primary.followers[name]?.parked, parked.pull.after != summary.position
      else { continue }
      primary.followers[name]?.parked = nil
      primary.reading[parked.request] = parked.pull
      actions.append(
        .readLog(
          parked.request, after: parked.pull.after, byteCountMax: parked.pull.byteCountMax))
    }
    role = .primary(primary)
    return actions
  }

  // MARK: Acknowledging

  /// Acknowledges what everyone has for whom the primary waits.
  mutating func advance(now: MonotonicInstant) -> [ReplicaAction] {
    guard case .primary(var primary) = role, let assignment else { return [] }
    if primary.basis != assignment.changed {
      primary.membershipChanged(assignment, worker: worker, now: now)
    }
    var actions = primary.refuseOrphanedPulls()
    let everyone = primary.positionOfEveryone(assignment, worker: worker)
    let count = primary.waiting.prefix { write in
      settings.fault == .acknowledgeBeforeReplication || everyone == nil
        || write.position <= everyone!
    }.count
    for write in primary.waiting.prefix(count) {
      primary.open.remove(write.id)
      actions.append(.acknowledge(write.id, write.position))
    }
    primary.waiting.removeFirst(count)
    let answered = primary.timeouts.prefix { !primary.open.contains($0.id) }.count
    primary.timeouts.removeFirst(answered)

    let wasReady = primary.handOverReady
    primary.handOverReady = nil
    if let target = primary.handOver?.target, primary.writing.isEmpty, primary.waiting.isEmpty,
      primary.followers[target]?.acknowledged == summary.position
    {
      primary.handOverReady = target
      if wasReady == nil { actions.append(.reportSoon) }
    }
    role = .primary(primary)
    return actions
  }

  mutating func primaryDeadlineFired(now: MonotonicInstant) -> [ReplicaAction] {
    guard case .primary(var primary) = role else { return [] }
    var actions: [ReplicaAction] = []
    for name in primary.followers.keys.sorted() {
      guard var follower = primary.followers[name] else { continue }
      if let parked = follower.parked, parked.until <= now {
        follower.parked = nil
        primary.reading[parked.request] = parked.pull
        let reply = PullReply(
          term: primary.term, outcome: .entries(last: parked.pull.after),
          summary: parked.pull.after == summary.position ? summary : nil)
        primary.reading[parked.request] = nil
        actions.append(.replyToPull(parked.request, reply))
      }
      let isWaitedFor =
        follower.joinBasis != nil || assignment?.replicas[name]?.isInSync == true
      if isWaitedFor, !follower.isLate,
        follower.lastPull.advanced(by: settings.followerTimeout) <= now
      {
        follower.isLate = true
        actions.append(.reportSoon)
      } else if !isWaitedFor, follower.parked == nil {
        follower.lastPull = max(follower.lastPull, now)
      }
      primary.followers[name] = follower
    }
    if let handOver = primary.handOver, handOver.until <= now {
      primary.handOver = nil
      primary.handOverReady = nil
    }
    actions += primary.refuseTimedOut(now: now)
    role = .primary(primary)
    return actions
  }
}

extension Primary {
  /// The position that every worker has on its disk for whom writes wait; `nil` if there is none
  /// but the primary.
  func positionOfEveryone(_ assignment: ReplicaAssignment, worker: WorkerName) -> LogPosition? {
    var least: LogPosition?
    for (name, replica) in assignment.replicas where name != worker {
      guard replica.isInSync || followers[name]?.joinBasis != nil else { continue }
      let position = followers[name]?.acknowledged ?? .start
      least = min(least ?? position, position)
    }
    return least
  }

  mutating func refuseTimedOut(now: MonotonicInstant) -> [ReplicaAction] {
    var actions: [ReplicaAction] = []
    let due = timeouts.prefix { $0.at <= now }
    for (id, _) in due where open.remove(id) != nil {
      writing.remove(id)
      waiting.removeAll { $0.id == id }
      actions.append(.refuse(id, .outcomeUnknown))
    }
    timeouts.removeFirst(due.count)
    return actions
  }
}
