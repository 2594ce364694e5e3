import ThumbprintCodes

/// What one replica of a shard does: as primary, as follower, and on the way there.
///
/// It holds no record and no entry; those stay with the shell under the numbers of requests and
/// writes. Its safety rests on four rules, which `docs/cluster.md` argues for:
///
/// 1. A term that was promised, on the disk, is the least from which an order is taken.
/// 2. A primary acknowledges a write when every worker that the map may call in sync has it on
///    its disk: those of its assignment, and those it has asked to let in.
/// 3. A process that did not itself begin a term is never primary in it.
/// 4. A replica that the map calls in sync and that has no files does not make new ones.
///
/// Not for several threads at once: the shell serialises the calls of one replica.
public struct ReplicaStateMachine: Sendable {
  public let shard: ShardKey
  public let worker: WorkerName
  public internal(set) var settings: ReplicaSettings

  /// Whether its files are here.
  public internal(set) var exists: Bool
  /// Whether a copy was begun here and not finished, beside whole files or without.
  public internal(set) var hasUnfinishedCopy: Bool
  /// On the disk.
  public internal(set) var promisedTerm: Term
  /// On the disk.
  public internal(set) var summary: ReplicaSummary
  /// Bytes of its files, as the shell last said; only reported.
  public var byteCount = 0
  /// The order by which it works.
  public internal(set) var assignment: ReplicaAssignment?
  /// An order that came while files are deleted; nobody says it again.
  private var nextAssignment: ReplicaAssignment?

  /// The greatest term that it was told to promise, on the disk or on its way there.
  var fencedTerm: Term
  var role = Role.idle
  var lastRequest = RequestID(0)

  enum Role: Sendable {
    case idle
    /// Makes its files or begins its term.
    case starting(Term)
    case primary(Primary)
    case needsTerm(Term)
    case follower(Follower)
    case missing
    /// Unfit to be in sync, in the stay given; a new stay makes a new copy.
    case damaged(since: MapVersion)
    case dropping
  }

  /// A replica as it was found on the disk when the process began.
  ///
  /// - Parameters:
  ///   - stored: The promised term and the content, or `nil` if there are no whole files.
  ///   - hasUnfinishedCopy: Whether a copy was begun, of which something is here.
  public init(
    shard: ShardKey, worker: WorkerName, stored: (promisedTerm: Term, summary: ReplicaSummary)?,
    hasUnfinishedCopy: Bool = false, settings: ReplicaSettings = ReplicaSettings()
  ) {
    self.shard = shard
    self.worker = worker
    self.settings = settings
    exists = stored != nil
    self.hasUnfinishedCopy = hasUnfinishedCopy
    promisedTerm = stored?.promisedTerm ?? Term(0)
    summary = stored?.summary ?? .empty
    fencedTerm = promisedTerm
  }

  // MARK: Orders

  /// The coordinator's order for this replica arrived, for the first time or again.
  public mutating func assigned(
    _ new: ReplicaAssignment, now: MonotonicInstant
  ) -> [ReplicaAction] {
    if let old = assignment, new.changed < old.changed || new.term < old.term { return [] }
    if case .dropping = role {
      nextAssignment = new
      return []
    }
    guard new.term >= fencedTerm || settings.fault == .skipTermCheck else { return [.reportSoon] }
    assignment = new
    guard let own = new.replicas[worker] else { return becomeIdle() }
    if new.primary == worker { return becomePrimary(new, now: now) }
    return becomeFollower(new, own, now: now)
  }

  /// The coordinator asked for the promise to take no order of a term before `term`.
  public mutating func fenceReceived(_ term: Term, now: MonotonicInstant) -> [ReplicaAction] {
    guard exists, term > fencedTerm else { return [.reportSoon] }
    switch role {
    case .follower(let follower) where follower.isCopying: return []
    case .damaged, .dropping, .missing: return [.reportSoon]
    default: break
    }
    fencedTerm = term
    let stop = settings.fault == .skipTermCheck ? [] : becomeIdle()
    return stop + [.persistPromise(term)]
  }

  /// The coordinator said that the replica is not wanted any more, whole or half copied.
  public mutating func dropOrdered() -> [ReplicaAction] {
    guard isReported else { return [] }
    nextAssignment = nil
    if case .dropping = role { return [] }
    let stop = becomeIdle()
    role = .dropping
    return stop + [.dropReplica]
  }

  /// The coordinator asked the primary of `term` to stop for `target`.
  public mutating func handOverRequested(
    term: Term, target: WorkerName, now: MonotonicInstant
  ) -> [ReplicaAction] {
    guard case .primary(var primary) = role, primary.term == term,
      assignment?.replicas[target]?.isInSync == true
    else { return [.reportSoon] }
    primary.handOver = (target, now.advanced(by: settings.handOverTimeout))
    role = .primary(primary)
    return advance(now: now) + [.reportSoon]
  }

  /// Gives up whatever it was doing.
  mutating func becomeIdle() -> [ReplicaAction] {
    defer { role = .idle }
    switch role {
    case .primary(let primary): return primary.stop(knownTerm: fencedTerm)
    case .follower(let follower):
      if case .copying(let request, _) = follower.phase { return [.stopCopy(request)] }
      return []
    default: return []
    }
  }

  // MARK: The disk

  /// The empty replica is there.
  public mutating func replicaCreated(now: MonotonicInstant) -> [ReplicaAction] {
    exists = true
    summary = .empty
    guard case .starting(let term) = role else { return [] }
    return begin(term)
  }

  /// The promise of `term` is on the disk; `summary` is what the replica holds beside it.
  public mutating func promisePersisted(
    _ term: Term, summary: ReplicaSummary, now: MonotonicInstant
  ) -> [ReplicaAction] {
    promisedTerm = max(promisedTerm, term)
    hold(summary)
    if case .follower(let follower) = role, case .promising = follower.phase,
      follower.term <= promisedTerm
    {
      return [.reportSoon] + pull(follower, now: now)
    }
    return [.reportSoon]
  }

  /// The entry that begins `term` is on the disk.
  public mutating func termBegun(
    _ term: Term, summary: ReplicaSummary, now: MonotonicInstant
  ) -> [ReplicaAction] {
    hold(summary)
    guard case .starting(term) = role, fencedTerm <= term else { return [.reportSoon] }
    var primary = Primary(term: term)
    if let assignment { primary.membershipChanged(assignment, worker: worker, now: now) }
    role = .primary(primary)
    return [.reportSoon]
  }

  /// Making the replica, promising or beginning a term failed; the shell knows why.
  public mutating func diskFailed(now: MonotonicInstant) -> [ReplicaAction] {
    let stop = becomeIdle()
    role = .damaged(since: assignment?.replicas[worker]?.since ?? MapVersion(0))
    return stop + [.reportSoon]
  }

  /// The files are gone.
  public mutating func replicaDropped(now: MonotonicInstant) -> [ReplicaAction] {
    exists = false
    hasUnfinishedCopy = false
    summary = .empty
    promisedTerm = Term(0)
    fencedTerm = Term(0)
    assignment = nil
    role = .idle
    guard let next = nextAssignment else { return [.reportSoon] }
    nextAssignment = nil
    return [.reportSoon] + assigned(next, now: now)
  }

  /// Notes what the disk holds now; events may come in another order than the disk worked.
  mutating func hold(_ new: ReplicaSummary) {
    if new.position >= summary.position { summary = new }
  }

  // MARK: Becoming something

  private mutating func becomePrimary(
    _ new: ReplicaAssignment, now: MonotonicInstant
  ) -> [ReplicaAction] {
    switch role {
    case .primary(var primary) where primary.term == new.term:
      primary.membershipChanged(new, worker: worker, now: now)
      role = .primary(primary)
      return advance(now: now)
    case .starting(new.term), .needsTerm(new.term): return []
    case .damaged: return [.reportSoon]
    default: break
    }
    let stop = becomeIdle()
    if !exists {
      guard !new.isEstablished else {
        role = .missing
        return stop + [.reportSoon]
      }
      role = .starting(new.term)
      return stop + [.createReplica(new)]
    }
    guard summary.position.term < new.term else {
      // This process did not begin the term: what another life of it asked for is unknown.
      role = .needsTerm(new.term)
      return stop + [.reportSoon]
    }
    role = .starting(new.term)
    return stop + begin(new.term)
  }

  private mutating func begin(_ term: Term) -> [ReplicaAction] {
    fencedTerm = max(fencedTerm, term)
    return (promisedTerm < term ? [.persistPromise(term)] : []) + [.beginTerm(term)]
  }

  private mutating func becomeFollower(
    _ new: ReplicaAssignment, _ own: ReplicaEntry, now: MonotonicInstant
  ) -> [ReplicaAction] {
    switch role {
    case .follower(let follower) where follower.term == new.term && follower.since == own.since:
      guard case .copying(let request, _) = follower.phase else { return [] }
      return [.limitCopy(request, byteRate: new.copyByteRate)]
    case .damaged(let since) where since == own.since || own.isInSync: return [.reportSoon]
    default: break
    }
    let wasDamaged = if case .damaged = role { true } else { false }
    let stop = becomeIdle()
    if !exists, own.isInSync {
      role = .missing
      return stop + [.reportSoon]
    }
    // There is nothing to copy from a primary that has not made its files yet.
    guard exists || new.isEstablished else { return stop }
    let follower = Follower(term: new.term, since: own.since)
    fencedTerm = max(fencedTerm, new.term)
    if !exists || wasDamaged { return stop + startCopy(follower, now: now) }
    if promisedTerm < new.term {
      role = .follower(follower)
      return stop + [.persistPromise(new.term)]
    }
    return stop + pull(follower, now: now)
  }

  // MARK: Questions

  /// Why this replica answers no query now; `nil` if it does.
  public var queryRefusal: ReplicaRefusal? {
    guard let assignment, exists else { return .notReady }
    switch role {
    case .damaged, .missing, .dropping: return .notInSync
    case .follower(let follower) where follower.isCopying: return .copying
    default: return assignment.replicas[worker]?.isInSync == true ? nil : .notInSync
    }
  }

  /// What the worker reports to the coordinator.
  public var report: ReplicaReport {
    var report = ReplicaReport(
      shard: shard, role: .idle, term: Term(0), promisedTerm: promisedTerm, summary: summary,
      byteCount: byteCount)
    switch role {
    // What is half copied is no replica; it is reported, so that it can be ordered to go.
    case .idle: if !exists, hasUnfinishedCopy { report.role = .missing }
    case .dropping, .starting: break
    case .missing: report.role = .missing
    case .damaged: report.role = .damaged
    case .needsTerm(let term): (report.role, report.term) = (.needsTerm, term)
    case .primary(let primary):
      (report.role, report.term) = (.primary, primary.term)
      report.proposals = primary.proposals
      report.handOverReady = primary.handOverReady
    case .follower(let follower):
      (report.role, report.term) = (follower.isCopying ? .copying : .follower, follower.term)
      report.verified = follower.verified
      if case .copying(_, let progress) = follower.phase { report.copy = progress }
    }
    return report
  }

  /// Whether the coordinator should hear of it: it has files, or misses them.
  public var isReported: Bool {
    if exists || hasUnfinishedCopy { return true }
    switch role {
    case .idle: return false
    default: return true
    }
  }

  /// When ``deadlineFired(now:)`` wants to be called; `nil` if nothing waits.
  public var nextDeadline: MonotonicInstant? {
    switch role {
    case .primary(let primary): primary.nextDeadline(settings)
    case .follower(let follower): follower.nextDeadline
    default: nil
    }
  }

  /// The moment of ``nextDeadline`` has passed. Harmless at any other.
  public mutating func deadlineFired(now: MonotonicInstant) -> [ReplicaAction] {
    switch role {
    case .primary: primaryDeadlineFired(now: now)
    case .follower(let follower): followerDeadlineFired(follower, now: now)
    default: []
    }
  }
}
