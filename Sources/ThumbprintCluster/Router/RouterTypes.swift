import ThumbprintCodes

/// A query, or a batch of queries, that waits for its answer.
public struct QueryID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One request to one worker for one query.
public struct AttemptID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A match as it is merged: in the total order of distance, then id.
public struct RoutedMatch: Hashable, Comparable, Sendable {
  public var distance: Int
  public var id: ItemID

  public init(distance: Int, id: ItemID) {
    self.distance = distance
    self.id = id
  }

  public static func < (a: RoutedMatch, b: RoutedMatch) -> Bool {
    (a.distance, a.id) < (b.distance, b.id)
  }
}

/// What a query asks of the router; codes and promises stay with the shell.
public struct RoutedQuery: Hashable, Sendable {
  public var collection: CollectionID
  /// Queries in the batch, 1 or more.
  public var queryCount: Int
  /// The most matches kept for each query, the nearest; `Int.max` for all.
  public var matchCountMax: Int
  /// The most matches that all queries may have together; with more there is no answer.
  public var answerMatchCountMax: Int
  public var deadline: MonotonicInstant
  /// Whether an answer without some shards is better than none; it names them.
  public var allowsPartial: Bool
  /// Whether the contents of the winners are fetched.
  public var wantsContents: Bool
  /// What is left of the time for contents when shards are late that may be missing.
  public var contentsTime: Duration

  public init(
    collection: CollectionID, queryCount: Int = 1, matchCountMax: Int,
    answerMatchCountMax: Int = .max, deadline: MonotonicInstant, allowsPartial: Bool = false,
    wantsContents: Bool = false, contentsTime: Duration = .zero
  ) {
    self.collection = collection
    self.queryCount = queryCount
    self.matchCountMax = matchCountMax
    self.answerMatchCountMax = answerMatchCountMax
    self.deadline = deadline
    self.allowsPartial = allowsPartial
    self.wantsContents = wantsContents
    self.contentsTime = contentsTime
  }

  /// When shards that have not answered are not waited for any more.
  var searchDeadline: MonotonicInstant {
    allowsPartial && wantsContents ? deadline.advanced(by: .zero - contentsTime) : deadline
  }
}

/// What a worker answered to one search of some of its shards.
public struct SearchReply<Certificate: Sendable>: Sendable {
  /// For each query its matches over all shards that were searched, in order, without doubles.
  public var matches: [[RoutedMatch]]
  public var searched: [ShardKey]
  /// Shards that the worker did not search, and why.
  public var refused: [ShardKey: ReplicaRefusal]
  /// What was proved over the shards searched.
  public var certificate: Certificate?

  public init(
    matches: [[RoutedMatch]], searched: [ShardKey], refused: [ShardKey: ReplicaRefusal] = [:],
    certificate: Certificate? = nil
  ) {
    self.matches = matches
    self.searched = searched
    self.refused = refused
    self.certificate = certificate
  }
}

/// How one shard took part in an answer.
public struct ShardStatus: Hashable, Sendable {
  public enum State: Hashable, Sendable {
    case answered(by: WorkerName)
    /// It is not part of the answer; the last reason, if there was one.
    case missing(ReplicaRefusal?)
  }

  public var shard: ShardKey
  public var state: State
  /// From the first request for it to its answer.
  public var duration: Duration
  /// Requests sent for it.
  public var attemptCount: Int
  /// Whether it was asked of a second replica because the first was late.
  public var isHedged: Bool
}

/// What a reply that was used proves.
public struct RoutedProof<Certificate: Sendable>: Sendable {
  /// A reply of which only some shards were used speaks for more.
  public var certificate: Certificate
  /// Whether every shard that it speaks for is in the answer: contents that could not be fetched
  /// take their shard out of it.
  public var isWhole: Bool
}

/// The merged answer to a query or a batch.
///
/// A shard is in it with all of its matches, or with none and is named as missing: because it could
/// not be searched, or because the contents of its winners were wanted and could not be fetched.
public struct RoutedAnswer<Certificate: Sendable, Content: Sendable>: Sendable {
  /// For each query its matches, nearest first.
  public var matches: [[RoutedMatch]]
  /// For each query the distance beyond which matches were left out, because there were
  /// ``RoutedQuery/matchCountMax`` nearer ones, those of missing shards among them; `nil` if none
  /// had to be.
  public var cuts: [Int?]
  /// In the order of their numbers.
  public var shards: [ShardStatus]
  public var proofs: [RoutedProof<Certificate>]
  /// Of the winners that were found; one may have been deleted since.
  public var contents: [ItemID: Content]
  /// Whether every shard is in it.
  public var isComplete: Bool
}

/// Why a query has no answer.
public enum RouterFailure: Error, Hashable, Sendable {
  case unknownCollection
  /// No replica of these shards answers.
  case unavailable([ShardKey])
  /// The deadline passed while these shards had not answered.
  case deadlineExceeded([ShardKey])
  case tooManyQueries
  /// There are so many matches or more, and ``RoutedQuery/answerMatchCountMax`` is less.
  case tooManyMatches(Int)
}

/// What the shell of the router must do.
public enum RouterAction<Certificate: Sendable, Content: Sendable>: Sendable {
  /// Search these shards, all on one worker. Then `searchReplied` or `attemptFailed`.
  case search(AttemptID, QueryID, on: WorkerName, shards: [ShardKey])
  /// Fetch contents, by shard. Then `fetchReplied` or `attemptFailed`.
  case fetch(AttemptID, QueryID, on: WorkerName, items: [ShardKey: [ItemID]])
  /// The reply of this attempt is not needed any more.
  case cancel(AttemptID, on: WorkerName)
  case answer(QueryID, RoutedAnswer<Certificate, Content>)
  case fail(QueryID, RouterFailure)
}

/// How the router spends time and requests.
public struct RouterSettings: Hashable, Sendable {
  /// Queries that may be open.
  public var queryCountMax: Int = 65_536
  /// Requests for one shard of one query, hedges not counted.
  public var attemptCountMax: Int = 6
  /// How long a shard of which no replica is there is waited for.
  public var patience: Duration = .milliseconds(400)
  public var retryPause: Duration = .milliseconds(25)
  /// Hedges per request, at most.
  public var hedgeRatio: Double = 0.05
  public var hedgeAfterMin: Duration = .milliseconds(1)
  /// A worker that says nothing for so long is joined by another, hedges left or not.
  public var silenceMax: Duration = .milliseconds(1_000)
  /// Requests after which the 95th percentile is believed.
  public var sampleCountMin: Int = 40
  /// How long a worker that failed is avoided.
  public var avoidTime: Duration = .milliseconds(500)

  public init() {}
}
