import ThumbprintCodes

/// A replica that follows a primary, or makes a copy to be able to.
struct Follower: Sendable {
  enum Phase: Sendable {
    /// The promise of its term is on its way to the disk.
    case promising
    case pulling(RequestID, deadline: MonotonicInstant)
    case applying(RequestID, primary: ReplicaSummary?)
    case waiting(until: MonotonicInstant)
    case copying(RequestID, CopyProgress)
  }

  let term: Term
  let since: MapVersion
  var phase = Phase.promising
  /// Failures in a row.
  var failureCount = 0
  /// Whether the log was found not to lead to where the primary is.
  var needsCopy = false
  var verified: ReplicaSummary?

  init(term: Term, since: MapVersion) {
    self.term = term
    self.since = since
  }

  var isCopying: Bool {
    if case .copying = phase { return true }
    return needsCopy
  }

  var nextDeadline: MonotonicInstant? {
    switch phase {
    case .pulling(_, let deadline): deadline
    case .waiting(let until): until
    default: nil
    }
  }
}

extension ReplicaStateMachine {
  mutating func nextRequest() -> RequestID {
    lastRequest = lastRequest.next
    return lastRequest
  }

  /// Asks the primary for what comes next.
  mutating func pull(_ follower: Follower, now: MonotonicInstant) -> [ReplicaAction] {
    guard let assignment else { return [] }
    var follower = follower
    let request = nextRequest()
    follower.phase = .pulling(request, deadline: now.advanced(by: settings.pullTimeout))
    role = .follower(follower)
    return [
      .pull(
        request, from: assignment.primary, address: assignment.primaryAddress,
        FollowerPull(
          shard: shard, follower: worker, term: follower.term, since: follower.since,
          after: summary.position, isVerified: follower.verified != nil,
          byteCountMax: settings.pullByteCountMax))
    ]
  }

  mutating func startCopy(_ follower: Follower, now: MonotonicInstant) -> [ReplicaAction] {
    guard let assignment else { return [] }
    var follower = follower
    let request = nextRequest()
    hasUnfinishedCopy = true
    follower.needsCopy = true
    follower.verified = nil
    follower.phase = .copying(request, CopyProgress())
    role = .follower(follower)
    return [
      .startCopy(
        request, from: assignment.primary, address: assignment.primaryAddress,
        term: follower.term, byteRate: assignment.copyByteRate),
      .reportSoon,
    ]
  }

  /// The primary answered the pull of `request`; its entries are with the shell.
  public mutating func pullReplied(
    _ request: RequestID, _ reply: PullReply, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .follower(var follower) = role, case .pulling(request, _) = follower.phase else {
      return []
    }
    guard reply.term == follower.term || settings.fault == .skipTermCheck else {
      return backOff(follower, now: now)
    }
    switch reply.outcome {
    case .entries(let last):
      follower.failureCount = 0
      if last == summary.position {
        return compare(follower, with: reply.summary, now: now)
      }
      follower.phase = .applying(request, primary: reply.summary)
      role = .follower(follower)
      return [.apply(request, term: reply.term)]
    case .diverged, .truncated:
      if assignment?.replicas[worker]?.isInSync == true { return becomeDamaged(follower) }
      return startCopy(follower, now: now)
    case .refused:
      return backOff(follower, now: now)
    }
  }

  /// The pull of `request` could not be sent or its connection failed.
  public mutating func pullFailed(
    _ request: RequestID, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .follower(let follower) = role, case .pulling(request, _) = follower.phase else {
      return []
    }
    return backOff(follower, now: now)
  }

  /// The entries of `request` are on the disk; `new` is what it holds with them.
  public mutating func applied(
    _ request: RequestID, summary new: ReplicaSummary, now: MonotonicInstant
  ) -> [ReplicaAction] {
    hold(new)
    guard case .follower(let follower) = role, case .applying(request, let primary) = follower.phase
    else { return [] }
    return compare(follower, with: primary, now: now)
  }

  /// The entries of `request` do not fit the log, are damaged, or the disk refused them.
  ///
  /// - Parameter isDiverged: Whether this replica would not hold with them what the primary held.
  public mutating func applyFailed(
    _ request: RequestID, isDiverged: Bool = false, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .follower(let follower) = role, case .applying(request, _) = follower.phase else {
      return []
    }
    if isDiverged { return becomeDamaged(follower) }
    return backOff(follower, now: now)
  }

  public mutating func copyProgressed(
    _ request: RequestID, _ progress: CopyProgress
  ) -> [ReplicaAction] {
    guard case .follower(var follower) = role, case .copying(request, _) = follower.phase else {
      return []
    }
    follower.phase = .copying(request, progress)
    role = .follower(follower)
    return []
  }

  /// The copy is complete, verified by itself, and in the place of the files before it.
  ///
  /// - Parameter promised: The term that its files have promised; the shell keeps the greater one
  ///   of the source and of the files before.
  public mutating func copyFinished(
    _ request: RequestID, summary new: ReplicaSummary, promisedTerm promised: Term,
    now: MonotonicInstant
  ) -> [ReplicaAction] {
    exists = true
    hasUnfinishedCopy = false
    summary = new
    promisedTerm = promised
    fencedTerm = max(fencedTerm, promised)
    guard case .follower(var follower) = role, case .copying(request, _) = follower.phase else {
      return [.reportSoon]
    }
    follower.needsCopy = false
    follower.failureCount = 0
    if promisedTerm < follower.term {
      follower.phase = .promising
      role = .follower(follower)
      return [.persistPromise(follower.term)]
    }
    return pull(follower, now: now)
  }

  /// The copy failed; what has arrived is kept for the next attempt.
  public mutating func copyFailed(
    _ request: RequestID, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .follower(let follower) = role, case .copying(request, _) = follower.phase else {
      return []
    }
    return backOff(follower, now: now)
  }

  /// Compares what the disk holds with the primary's state at the same position, if there is one.
  private mutating func compare(
    _ follower: Follower, with primary: ReplicaSummary?, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard let primary, primary.position == summary.position else {
      return pull(follower, now: now)
    }
    guard primary == summary else { return becomeDamaged(follower) }
    var follower = follower
    let isFirst = follower.verified == nil
    follower.verified = summary
    return pull(follower, now: now) + (isFirst ? [.reportSoon] : [])
  }

  private mutating func becomeDamaged(_ follower: Follower) -> [ReplicaAction] {
    role = .damaged(since: follower.since)
    return [.reportSoon]
  }

  private mutating func backOff(
    _ follower: Follower, now: MonotonicInstant
  ) -> [ReplicaAction] {
    var follower = follower
    let doublings = min(follower.failureCount, 10)
    let pause = min(settings.backoffMin * (1 << doublings), settings.backoffMax)
    follower.failureCount += 1
    follower.phase = .waiting(until: now.advanced(by: pause))
    role = .follower(follower)
    return []
  }

  mutating func followerDeadlineFired(
    _ follower: Follower, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard let deadline = follower.nextDeadline, deadline <= now else { return [] }
    switch follower.phase {
    case .waiting where follower.needsCopy: return startCopy(follower, now: now)
    case .waiting: return pull(follower, now: now)
    default: return backOff(follower, now: now)
    }
  }
}
