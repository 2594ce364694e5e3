import ThumbprintCodes

/// A follower's request for what comes after its log; it says with that what it has on its disk.
public struct FollowerPull: Hashable, Sendable {
  public var shard: ShardKey
  public var follower: WorkerName
  /// The term in which it follows.
  public var term: Term
  /// Its stay: ``ReplicaEntry/since`` of its assignment.
  public var since: MapVersion
  /// The last entry of its log, on its disk.
  public var after: LogPosition
  /// Whether it has found its content equal to the primary's in this stay.
  public var isVerified: Bool
  /// The most bytes of entries it takes; one entry may be larger.
  public var byteCountMax: Int

  public init(
    shard: ShardKey, follower: WorkerName, term: Term, since: MapVersion, after: LogPosition,
    isVerified: Bool, byteCountMax: Int
  ) {
    self.shard = shard
    self.follower = follower
    self.term = term
    self.since = since
    self.after = after
    self.isVerified = isVerified
    self.byteCountMax = byteCountMax
  }
}

/// What the primary answers to a ``FollowerPull``; the entries themselves travel beside it.
public struct PullReply: Hashable, Sendable {
  public enum Outcome: Hashable, Sendable {
    /// Entries up to `last`; none if `last` is where the follower is.
    case entries(last: LogPosition)
    /// The follower has an entry that the primary does not have.
    case diverged
    /// The log no longer reaches back to where the follower is.
    case truncated
    /// It was not answered.
    case refused(ReplicaRefusal)
  }

  /// The term of the primary.
  public var term: Term
  public var outcome: Outcome
  /// The state of the primary at `last`, if `last` was the end of its log.
  public var summary: ReplicaSummary?

  public init(term: Term, outcome: Outcome, summary: ReplicaSummary? = nil) {
    self.term = term
    self.outcome = outcome
    self.summary = summary
  }
}

/// Why a replica does not do what it was asked for.
public enum ReplicaRefusal: Hashable, Sendable {
  /// It is not the primary; who is, as far as it knows, and in which term.
  case notPrimary(known: WorkerName?, term: Term)
  /// The asker is of an earlier term than `known`.
  case staleTerm(known: Term)
  /// It is not in sync, so it answers no query.
  case notInSync
  /// It is making a copy.
  case copying
  /// The shard is being handed over, or begins: ask again soon.
  case notReady
  /// As many writes wait as it takes.
  case busy
  /// It was written here, and not everywhere it must be; it may hold or not. Write it again.
  case outcomeUnknown
  /// The disk refused; the shell knows why.
  case failed
}
