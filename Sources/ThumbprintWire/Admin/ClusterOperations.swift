import ThumbprintCodes

/// Everything about a cluster that an operator may want to see, as of one moment.
public struct ClusterStatusOperation: AdminOperation {
  public typealias Result = ClusterStatus
  public static let name = AdminOperationName.clusterStatus

  public init() {}
}

public struct ClusterStatus: Codable, Sendable, Hashable {
  public var cluster: ClusterID
  public var mapVersion: MapVersion
  /// In the order of their names.
  public var workers: [WorkerStatus]
  public var collections: [CollectionDescription]
  /// By collection and number.
  public var shards: [ShardPlacement]
  public var moves: [MoveStatus]
  /// The last moves that ended since the coordinator started, latest first.
  public var endedMoves: [EndedMove]

  public init(
    cluster: ClusterID, mapVersion: MapVersion, workers: [WorkerStatus],
    collections: [CollectionDescription], shards: [ShardPlacement], moves: [MoveStatus],
    endedMoves: [EndedMove] = []
  ) {
    self.cluster = cluster
    self.mapVersion = mapVersion
    self.workers = workers
    self.collections = collections
    self.shards = shards
    self.moves = moves
    self.endedMoves = endedMoves
  }

  /// Reads what a coordinator of this version writes, or of one that did not name ended moves yet.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    cluster = try container.decode(ClusterID.self, forKey: .cluster)
    mapVersion = try container.decode(MapVersion.self, forKey: .mapVersion)
    workers = try container.decode([WorkerStatus].self, forKey: .workers)
    collections = try container.decode([CollectionDescription].self, forKey: .collections)
    shards = try container.decode([ShardPlacement].self, forKey: .shards)
    moves = try container.decode([MoveStatus].self, forKey: .moves)
    endedMoves = try container.decodeIfPresent([EndedMove].self, forKey: .endedMoves) ?? []
  }
}

public struct WorkerStatus: Codable, Sendable, Hashable {
  public var name: WorkerName
  /// `HOST:PORT`.
  public var address: String
  /// `active` or `draining`.
  public var state: String
  public var isAlive: Bool
  /// Milliseconds since it was last heard; `nil` if never by this coordinator.
  public var silentMilliseconds: Int?
  public var capacityByteCount: Int
  /// Bytes of its replicas.
  public var usedByteCount: Int
  public var replicaCount: Int
  public var primaryCount: Int

  public init(
    name: WorkerName, address: String, state: String, isAlive: Bool, silentMilliseconds: Int?,
    capacityByteCount: Int, usedByteCount: Int, replicaCount: Int, primaryCount: Int
  ) {
    self.name = name
    self.address = address
    self.state = state
    self.isAlive = isAlive
    self.silentMilliseconds = silentMilliseconds
    self.capacityByteCount = capacityByteCount
    self.usedByteCount = usedByteCount
    self.replicaCount = replicaCount
    self.primaryCount = primaryCount
  }
}

public struct ShardPlacement: Codable, Sendable, Hashable {
  public var collection: String
  public var number: Int
  public var term: Term
  /// `nil` while there is none.
  public var primary: WorkerName?
  public var replicas: [ReplicaStatus]

  public init(
    collection: String, number: Int, term: Term, primary: WorkerName?, replicas: [ReplicaStatus]
  ) {
    self.collection = collection
    self.number = number
    self.term = term
    self.primary = primary
    self.replicas = replicas
  }
}

public struct ReplicaStatus: Codable, Sendable, Hashable {
  public var worker: WorkerName
  public var isInSync: Bool
  public var isAlive: Bool
  /// As it last reported; `nil` if it has not.
  public var position: LogPosition?
  public var recordCount: Int?
  public var digest: RecordDigest?

  public init(
    worker: WorkerName, isInSync: Bool, isAlive: Bool, position: LogPosition?,
    recordCount: Int?, digest: RecordDigest?
  ) {
    self.worker = worker
    self.isInSync = isInSync
    self.isAlive = isAlive
    self.position = position
    self.recordCount = recordCount
    self.digest = digest
  }
}

public struct MoveStatus: Codable, Sendable, Hashable {
  public var id: UInt64
  public var collection: String
  public var number: Int
  /// `nil` for a replica that is added.
  public var source: WorkerName?
  public var target: WorkerName
  /// `rebalance`, `drain` or `replicate`.
  public var reason: String
  public var phase: String
  /// Bytes of the copy, and those that are there.
  public var totalByteCount: Int?
  public var doneByteCount: Int?

  public init(
    id: UInt64, collection: String, number: Int, source: WorkerName?, target: WorkerName,
    reason: String, phase: String, totalByteCount: Int?, doneByteCount: Int?
  ) {
    self.id = id
    self.collection = collection
    self.number = number
    self.source = source
    self.target = target
    self.reason = reason
    self.phase = phase
    self.totalByteCount = totalByteCount
    self.doneByteCount = doneByteCount
  }
}

/// What became of a move.
public struct EndedMove: Codable, Sendable, Hashable {
  /// What source and target were both found to hold at one position of the log: so nothing was
  /// lost, and nothing doubled.
  public struct Proof: Codable, Sendable, Hashable {
    public var position: LogPosition
    public var recordCount: Int
    public var digest: RecordDigest

    public init(position: LogPosition, recordCount: Int, digest: RecordDigest) {
      self.position = position
      self.recordCount = recordCount
      self.digest = digest
    }
  }

  public var id: UInt64
  public var collection: String
  public var number: Int
  /// `nil` for a replica that was added.
  public var source: WorkerName?
  public var target: WorkerName
  /// `rebalance`, `drain` or `replicate`.
  public var reason: String
  public var secondsAgo: Int
  /// Why it was given up; `nil` if it was not.
  public var aborted: String?
  public var proof: Proof?

  public init(
    id: UInt64, collection: String, number: Int, source: WorkerName?, target: WorkerName,
    reason: String, secondsAgo: Int = 0, aborted: String?, proof: Proof?
  ) {
    self.id = id
    self.collection = collection
    self.number = number
    self.source = source
    self.target = target
    self.reason = reason
    self.secondsAgo = secondsAgo
    self.aborted = aborted
    self.proof = proof
  }
}

/// Moves that are to be made, and why.
public struct MovePlan: Codable, Sendable, Hashable {
  public struct Step: Codable, Sendable, Hashable {
    public var collection: String
    public var number: Int
    public var source: WorkerName?
    public var target: WorkerName
    public var byteCount: Int
    /// One line.
    public var why: String

    public init(
      collection: String, number: Int, source: WorkerName?, target: WorkerName, byteCount: Int,
      why: String
    ) {
      self.collection = collection
      self.number = number
      self.source = source
      self.target = target
      self.byteCount = byteCount
      self.why = why
    }
  }

  public var steps: [Step]
  /// What keeps the plan from doing more; empty if nothing does.
  public var notes: [String]

  public init(steps: [Step], notes: [String]) {
    self.steps = steps
    self.notes = notes
  }
}

/// Spreads replicas by the capacity of the workers.
public struct Rebalance: AdminOperation {
  public typealias Result = MovePlan
  public static let name = AdminOperationName.rebalance

  /// Whether only to say what would be done.
  public var isDryRun: Bool
  /// Bytes a second that a copy may take; `nil` to leave the setting as it is, 0 for no bound.
  public var byteRate: Int?

  public init(isDryRun: Bool, byteRate: Int?) {
    self.isDryRun = isDryRun
    self.byteRate = byteRate
  }
}

/// Moves everything off a worker, and nothing to it any more.
public struct Drain: AdminOperation {
  public typealias Result = MovePlan
  public static let name = AdminOperationName.drain

  public var worker: WorkerName
  public var isDryRun: Bool

  public init(worker: WorkerName, isDryRun: Bool) {
    self.worker = worker
    self.isDryRun = isDryRun
  }
}

/// Lets a worker that is drained take replicas again. Moves away from it that still copy, or have
/// not begun, are given up; replicas that have gone stay where they went.
public struct Undrain: AdminOperation {
  public static let name = AdminOperationName.undrain

  public var worker: WorkerName

  public init(worker: WorkerName) { self.worker = worker }

  public struct Result: Codable, Sendable, Hashable {
    /// Moves that were given up.
    public var abortedMoveCount: Int
    /// Replicas that the worker has now.
    public var replicaCount: Int

    public init(abortedMoveCount: Int, replicaCount: Int) {
      self.abortedMoveCount = abortedMoveCount
      self.replicaCount = replicaCount
    }
  }
}

/// Forgets a worker that holds nothing that is needed.
public struct RemoveWorker: AdminOperation {
  public typealias Result = NoResult
  public static let name = AdminOperationName.removeWorker

  public var worker: WorkerName

  public init(worker: WorkerName) { self.worker = worker }
}

/// Ends a move; what was copied is dropped, the source keeps serving.
public struct AbortMove: AdminOperation {
  public typealias Result = NoResult
  public static let name = AdminOperationName.abortMove

  public var move: UInt64

  public init(move: UInt64) { self.move = move }
}

/// Bounds the bytes a second of each copy.
public struct SetBandwidth: AdminOperation {
  public typealias Result = NoResult
  public static let name = AdminOperationName.setBandwidth

  /// 0 for no bound.
  public var byteRate: Int

  public init(byteRate: Int) { self.byteRate = byteRate }
}
