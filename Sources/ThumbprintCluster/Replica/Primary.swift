import ThumbprintCodes

/// A replica that orders writes in one term.
struct Primary: Sendable {
  /// What is known of one follower, in one stay.
  struct FollowerProgress: Sendable {
    let since: MapVersion
    /// When it last asked, or when the term or its stay began.
    var lastPull: MonotonicInstant
    /// Its position on its disk, in this term; `nil` until it has an entry of this term.
    var acknowledged: LogPosition?
    /// The pull that is kept until there is something for it.
    var parked: (request: RequestID, pull: FollowerPull, until: MonotonicInstant)?
    /// It is waited for since this version of the shard's entry, and is let in at no other.
    var joinBasis: MapVersion?
    /// Where the log ended when the primary began to wait for it. What came before may have been
    /// acknowledged without it, so it is not in sync until it has that.
    var joinTarget: LogPosition?

    /// Whether it has all that was acknowledged and is waited for, so that it is in sync.
    var canJoin: Bool {
      guard joinBasis != nil, let acknowledged, let joinTarget else { return false }
      return acknowledged >= joinTarget
    }
    /// Whether the coordinator is asked to take it out.
    var isLate = false
  }

  struct WaitingWrite: Sendable {
    var id: WriteID
    var position: LogPosition
  }

  let term: Term
  var followers: [WorkerName: FollowerProgress] = [:]
  /// Pulls for which the log is being read.
  var reading: [RequestID: FollowerPull] = [:]
  /// Writes on their way to the disk.
  var writing: Set<WriteID> = []
  /// Writes that were not answered, on the disk or not.
  var open: Set<WriteID> = []
  /// Writes on the disk, by position, that some follower does not have yet.
  var waiting: [WaitingWrite] = []
  /// When the writer of each write is told that its outcome is unknown, first come first; writes
  /// that were answered are still in it.
  var timeouts: [(id: WriteID, at: MonotonicInstant)] = []
  /// Pulls of followers that are replicas no more: nobody will have anything for them.
  var orphanedPulls: [RequestID] = []
  var handOver: (target: WorkerName, until: MonotonicInstant)?
  var handOverReady: WorkerName?
  /// ``ShardEntry/changed`` of the order by which it works.
  var basis = MapVersion(0)

  init(term: Term) {
    self.term = term
  }

  /// Answers all that wait: this is no primary any more.
  func stop(knownTerm: Term) -> [ReplicaAction] {
    let writes = writing.sorted() + waiting.map(\.id)
    let parked = followers.values.compactMap { $0.parked?.request } + orphanedPulls
    let pulls = reading.keys.sorted() + parked.sorted()
    let refusal = ReplicaRefusal.notPrimary(known: nil, term: knownTerm)
    return writes.map { .refuse($0, .outcomeUnknown) }
      + pulls.map { .replyToPull($0, PullReply(term: term, outcome: .refused(refusal))) }
  }

  /// Takes over who the replicas are; keeps what is known of those that stayed.
  mutating func membershipChanged(
    _ assignment: ReplicaAssignment, worker: WorkerName, now: MonotonicInstant
  ) {
    basis = assignment.changed
    for (name, replica) in assignment.replicas where name != worker {
      if followers[name]?.since == replica.since {
        // What was asked at an earlier basis was either done or can not be done any more.
        if let join = followers[name]?.joinBasis, join < basis { followers[name]?.joinBasis = nil }
        followers[name]?.isLate = false
      } else {
        let parked = followers[name]?.parked
        followers[name] = FollowerProgress(since: replica.since, lastPull: now, parked: parked)
      }
    }
    for name in followers.keys.sorted() where assignment.replicas[name] == nil {
      if let parked = followers[name]?.parked { orphanedPulls.append(parked.request) }
      followers[name] = nil
    }
  }

  /// Answers the pulls of those who are replicas no more.
  mutating func refuseOrphanedPulls() -> [ReplicaAction] {
    defer { orphanedPulls = [] }
    return orphanedPulls.map {
      .replyToPull($0, PullReply(term: term, outcome: .refused(.notReady)))
    }
  }

  /// What the coordinator is asked for.
  var proposals: [MembershipProposal] {
    followers.keys.sorted().compactMap { name in
      guard let follower = followers[name] else { return nil }
      if follower.isLate { return MembershipProposal(.leave, worker: name, basis: basis) }
      guard let join = follower.joinBasis, follower.canJoin else { return nil }
      return MembershipProposal(.join, worker: name, basis: join)
    }
  }

  func nextDeadline(_ settings: ReplicaSettings) -> MonotonicInstant? {
    var deadlines = followers.values.compactMap { $0.parked?.until }
    deadlines += followers.values.filter { !$0.isLate }.map {
      $0.lastPull.advanced(by: settings.followerTimeout)
    }
    if let handOver { deadlines.append(handOver.until) }
    if let first = timeouts.first { deadlines.append(first.at) }
    return deadlines.min()
  }
}

/// What reading the log for a pull found.
public enum LogReadOutcome: Hashable, Sendable {
  /// Entries up to `last`; with what the replica held at `last` if that was the end of its log.
  case entries(last: LogPosition, summary: ReplicaSummary?)
  case diverged
  case truncated
  /// The disk failed; the shell knows why.
  case failed
}
