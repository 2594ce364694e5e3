import ThumbprintCodes

/// What a replica holds at one position of its log: proof that two replicas are the same.
public struct ReplicaSummary: Hashable, Sendable, Codable {
  public var position: LogPosition
  /// Live records.
  public var recordCount: Int
  /// Their digest, which does not depend on their order.
  public var digest: RecordDigest

  public init(position: LogPosition, recordCount: Int, digest: RecordDigest) {
    self.position = position
    self.recordCount = recordCount
    self.digest = digest
  }

  /// A replica without a record.
  public static let empty = ReplicaSummary(
    position: .start, recordCount: 0, digest: RecordDigest())

  /// Whether both hold the same records, whatever their positions.
  public func holdsTheSame(as other: ReplicaSummary) -> Bool {
    recordCount == other.recordCount && digest == other.digest
  }
}

/// What a primary asks the coordinator to change about who is in sync.
///
/// It holds only while the shard's entry is still the one of `basis`: the coordinator refuses an
/// older one, so that what arrives late or twice can do no harm.
public struct MembershipProposal: Hashable, Sendable, Codable {
  public enum Change: String, Hashable, Sendable, Codable {
    /// The primary waits for `worker` already; let it be in sync.
    case join
    /// `worker` does not keep up; take it out, so that writes need not wait for it.
    case leave
  }

  public var change: Change
  public var worker: WorkerName
  /// ``ShardEntry/changed`` as the primary knew it.
  public var basis: MapVersion

  public init(_ change: Change, worker: WorkerName, basis: MapVersion) {
    self.change = change
    self.worker = worker
    self.basis = basis
  }
}

/// How far a copy is.
public struct CopyProgress: Hashable, Sendable, Codable {
  /// Bytes that have arrived, those that were there before included.
  public var byteCountDone: Int
  /// Bytes of the whole copy; 0 until the manifest is there.
  public var byteCountTotal: Int

  public init(byteCountDone: Int = 0, byteCountTotal: Int = 0) {
    self.byteCountDone = byteCountDone
    self.byteCountTotal = byteCountTotal
  }
}

/// What a worker says about one of its replicas, with every heartbeat.
///
/// It is a state, not a message: saying it twice, or missing it once, does not matter.
public struct ReplicaReport: Hashable, Sendable, Codable {
  public enum Role: String, Hashable, Sendable, Codable {
    /// Its files are here; it has no part yet, or was fenced and waits for its next one.
    case idle
    /// Orders writes in `term`.
    case primary
    /// Was made primary in `term`, and cannot: its process began anew, so it needs a new term.
    case needsTerm
    /// Follows the primary of `term`.
    case follower
    /// Makes a copy from the primary of `term`.
    case copying
    /// Its files are here and are being opened: what they hold is not known yet.
    case opening
    /// There are no whole files; the map may say that it is here in sync.
    case missing
    /// Its content is not what its primary's is, or its disk fails.
    case damaged
  }

  public var shard: ShardKey
  public var role: Role
  /// The term of its role; 0 if it has none.
  public var term: Term
  /// It takes no order from any earlier term. On the disk.
  public var promisedTerm: Term
  /// What it holds on the disk.
  public var summary: ReplicaSummary
  /// Bytes of its files.
  public var byteCount: Int
  /// The last state that it found equal to its primary's, in this stay.
  public var verified: ReplicaSummary?
  /// How far its copy is, while it makes one.
  public var copy: CopyProgress?
  /// What it asks for, if it is primary.
  public var proposals: [MembershipProposal]
  /// The worker that has caught up and may take over, once this primary has stopped for it.
  public var handOverReady: WorkerName?

  public init(
    shard: ShardKey, role: Role, term: Term, promisedTerm: Term, summary: ReplicaSummary,
    byteCount: Int = 0, verified: ReplicaSummary? = nil, copy: CopyProgress? = nil,
    proposals: [MembershipProposal] = [], handOverReady: WorkerName? = nil
  ) {
    self.shard = shard
    self.role = role
    self.term = term
    self.promisedTerm = promisedTerm
    self.summary = summary
    self.byteCount = byteCount
    self.verified = verified
    self.copy = copy
    self.proposals = proposals
    self.handOverReady = handOverReady
  }
}
