import ThumbprintCodes

/// The one versioned value that says who holds what: workers, collections, replicas and moves.
///
/// It lives in a metadata store, is changed only by compare-and-swap on its version, and only by
/// ``applying(_:)``, whose changes check what they assume. A map that was decoded has been
/// validated. Heartbeats and progress never go into it.
public struct ClusterMap: Hashable, Sendable {
  /// Grows by one with every change.
  public internal(set) var version: MapVersion
  public let clusterID: ClusterID
  public internal(set) var workers: [WorkerName: WorkerEntry]
  public internal(set) var collections: [CollectionID: CollectionEntry]
  /// Every shard of every collection.
  public internal(set) var shards: [ShardKey: ShardEntry]
  /// Moves that have not ended; at most one for each shard.
  public internal(set) var moves: [MoveID: MoveEntry]
  /// The number of the next move.
  public internal(set) var nextMove: MoveID
  /// Collections that were dropped, until no worker holds a piece of them.
  public internal(set) var dropped: Set<CollectionID>
  /// Workers that were removed, and the process that each was then: it may not come back by itself.
  public internal(set) var removed: [WorkerName: RemovedWorker]
  public internal(set) var settings: ClusterSettings

  /// The map of a cluster that has nothing yet, version 0.
  public init(clusterID: ClusterID, settings: ClusterSettings = ClusterSettings()) {
    self.version = MapVersion(0)
    self.clusterID = clusterID
    self.workers = [:]
    self.collections = [:]
    self.shards = [:]
    self.moves = [:]
    self.nextMove = MoveID(1)
    self.dropped = []
    self.removed = [:]
    self.settings = settings
  }

  /// The collection called `name`.
  public func collection(named name: String) -> (id: CollectionID, entry: CollectionEntry)? {
    collections.first { $0.value.name == name }.map { ($0.key, $0.value) }
  }

  /// The shards of `collection` in the order of their numbers.
  public func shardKeys(of collection: CollectionID) -> [ShardKey] {
    (0..<(collections[collection]?.shardCount ?? 0)).map {
      ShardKey(collection: collection, number: $0)
    }
  }

  /// The move of `shard` that has not ended.
  public func move(of shard: ShardKey) -> (id: MoveID, entry: MoveEntry)? {
    moves.first { $0.value.shard == shard }.map { ($0.key, $0.value) }
  }
}

/// Named bounds of a map.
public enum ClusterLimits {
  public static let workerCountMax = 4_096
  public static let collectionCountMax = 4_096
  /// Removed workers that are remembered; beyond them the oldest is forgotten.
  public static let removedWorkerCountMax = 4_096
  /// Shards of one collection.
  public static let shardCountMax = 4_096
  /// Shards of all collections.
  public static let totalShardCountMax = 65_536
  public static let replicationFactorMax = 7
  public static let collectionNameByteCountMax = 64
  public static let tableCountMax = 4_096
  /// The greatest version, term and move number that is taken from anyone, far above what counting
  /// reaches, so that the next one is always a number.
  public static let numberMax: UInt64 = 0x4000_0000_0000_0000
  /// The most records, and bytes, of one replica that are believed. Sums over all replicas of a
  /// cluster stay far from the end of `Int`.
  public static let replicaRecordCountMax = 1 << 40
  public static let replicaByteCountMax = 1 << 43
}

/// A worker as the map knows it.
public struct WorkerEntry: Hashable, Sendable, Codable {
  public enum State: String, Hashable, Sendable, Codable {
    /// Takes replicas.
    case active
    /// Is being emptied, and takes none.
    case draining
  }

  public var address: WorkerAddress
  /// Bytes that it offers for replicas.
  public var capacityByteCount: Int
  public var state: State

  public init(address: WorkerAddress, capacityByteCount: Int, state: State = .active) {
    self.address = address
    self.capacityByteCount = capacityByteCount
    self.state = state
  }
}

/// A worker that was removed from the cluster.
public struct RemovedWorker: Hashable, Sendable, Codable {
  /// The life of its process at that time.
  public var session: SessionID
  /// The version of the map with which it went.
  public var since: MapVersion
}

/// A collection as the map knows it.
public struct CollectionEntry: Hashable, Sendable, Codable {
  /// Its name: 1 to 64 bytes of UTF-8 without control characters and slashes.
  public var name: String
  /// 1 to ``ClusterLimits/shardCountMax``; never changes.
  public var shardCount: Int
  /// How many replicas each shard should have, 1 to ``ClusterLimits/replicationFactorMax``.
  public var replicationFactor: Int
  /// Hash tables of each segment.
  public var tableCount: Int
  /// The coder whose codes it holds: named when it was made, or by the first write that names one;
  /// never another after that.
  public var coder: CoderIdentity?
  /// Seconds since 1970, as the coordinator's clock had it. For people; nothing depends on it.
  public var createdAt: Int64

  public init(
    name: String, shardCount: Int, replicationFactor: Int, tableCount: Int,
    coder: CoderIdentity? = nil, createdAt: Int64 = 0
  ) {
    self.name = name
    self.shardCount = shardCount
    self.replicationFactor = replicationFactor
    self.tableCount = tableCount
    self.coder = coder
    self.createdAt = createdAt
  }
}

/// A shard: who may write it, and who holds it.
public struct ShardEntry: Hashable, Sendable, Codable {
  /// The term of ``primary``.
  public internal(set) var term: Term
  /// Who orders writes in ``term``. Always in sync, whether it is alive or not.
  public internal(set) var primary: WorkerName
  /// Who holds a copy or makes one.
  public internal(set) var replicas: [WorkerName: ReplicaEntry]
  /// Whether the first primary has said that its replica exists. Before that nothing was written;
  /// after it a replica that should be there and is not was lost.
  public internal(set) var isEstablished: Bool
  /// The version of the map at which this entry last changed. What a primary asks for holds only
  /// as long as this stands (see `docs/cluster.md`).
  public internal(set) var changed: MapVersion
  /// From what the order of bits of its codes is made; the same for all replicas.
  public internal(set) var permutationSeed: UInt64

  /// Those who hold every acknowledged write, in the order of their names.
  public var inSync: [WorkerName] { replicas.filter(\.value.isInSync).keys.sorted() }
  /// Those who are still copying or catching up, in the order of their names.
  public var syncing: [WorkerName] { replicas.filter { !$0.value.isInSync }.keys.sorted() }
}

/// One copy of a shard.
public struct ReplicaEntry: Hashable, Sendable, Codable {
  /// Whether it holds every acknowledged write, so that it may answer queries and become primary.
  public internal(set) var isInSync: Bool
  /// The version of the map since which it is what it is: names one stay of a replica in the set
  /// of those that are syncing, so that a message from an earlier stay is not taken for one of
  /// this.
  public internal(set) var since: MapVersion
}

/// A replica on its way from one worker to another, or a new one.
public struct MoveEntry: Hashable, Sendable, Codable {
  public enum Reason: String, Hashable, Sendable, Codable {
    /// Workers are unevenly filled.
    case rebalance
    /// The source is being emptied.
    case drain
    /// There are too few replicas.
    case replicate
  }

  /// How far a move is. Each phase can be begun again by a coordinator that knows only the map.
  public enum Phase: String, Hashable, Sendable, Codable, Comparable, CaseIterable {
    /// Waits for others to end.
    case queued
    /// The target copies and catches up, until it is in sync.
    case copying
    /// The target is in sync; source and target are compared.
    case verifying
    /// The source is the primary and gives that to another.
    case handingOver
    /// The source is no longer a replica; waits until it has said that it dropped its copy.
    case removing

    public static func < (a: Phase, b: Phase) -> Bool {
      allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
    }
  }

  public var shard: ShardKey
  /// Who gives its replica up; nobody if a replica is added.
  public var source: WorkerName?
  /// Who gets a replica.
  public var target: WorkerName
  public var reason: Reason
  public var phase: Phase
  /// What source and target were both found to hold at one position; the last time that they were
  /// compared.
  public var proof: ReplicaSummary?

  public init(
    shard: ShardKey, source: WorkerName?, target: WorkerName, reason: Reason, phase: Phase = .queued
  ) {
    self.shard = shard
    self.source = source
    self.target = target
    self.reason = reason
    self.phase = phase
  }
}

/// What an operator can set for a cluster.
public struct ClusterSettings: Hashable, Sendable, Codable {
  /// Bytes a second that copies may take in all, divided among the targets of running moves; 0
  /// for no bound.
  public var copyByteRate: Int
  /// How many replicas a worker may receive at once, and give at once; 1 to 64.
  public var moveCountPerWorkerMax: Int
  /// Milliseconds after which the replicas of a lost worker are made anew elsewhere.
  public var replicateAfterMilliseconds: Int

  public init(
    copyByteRate: Int = 0, moveCountPerWorkerMax: Int = 2, replicateAfterMilliseconds: Int = 30_000
  ) {
    self.copyByteRate = copyByteRate
    self.moveCountPerWorkerMax = moveCountPerWorkerMax
    self.replicateAfterMilliseconds = replicateAfterMilliseconds
  }
}
