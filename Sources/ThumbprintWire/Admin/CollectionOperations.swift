import ThumbprintCodes

/// What an operation gives back that has nothing to say but that it is done.
public struct NoResult: Codable, Sendable, Hashable {
  public init() {}
}

/// What a collection is.
public struct CollectionDescription: Codable, Sendable, Hashable {
  public var name: String
  public var id: CollectionID
  public var shardCount: Int
  /// How many replicas each shard should have.
  public var replicationFactor: Int
  /// Hash tables of each segment: 0, 64 or 128.
  public var tableCount: Int
  /// The coder of its codes; `nil` until known.
  public var coder: CoderIdentity?
  /// Seconds since 1970.
  public var created: UInt64
  /// Live records, as the primaries last reported.
  public var recordCount: Int

  public init(
    name: String, id: CollectionID, shardCount: Int, replicationFactor: Int, tableCount: Int,
    coder: CoderIdentity?, created: UInt64, recordCount: Int
  ) {
    self.name = name
    self.id = id
    self.shardCount = shardCount
    self.replicationFactor = replicationFactor
    self.tableCount = tableCount
    self.coder = coder
    self.created = created
    self.recordCount = recordCount
  }
}

/// All collections, in the order of their names.
public struct ListCollections: AdminOperation {
  public typealias Result = [CollectionDescription]
  public static let name = AdminOperationName.listCollections

  public init() {}
}

/// Makes an empty collection. What is `nil` the coordinator chooses: 8 shards, 2 replicas of each (1
/// where there is one worker), 128 tables.
public struct CreateCollection: AdminOperation {
  public typealias Result = CollectionDescription
  public static let name = AdminOperationName.createCollection

  public var collection: String
  public var shardCount: Int?
  public var replicationFactor: Int?
  public var tableCount: Int?
  public var coder: CoderIdentity?

  public init(
    collection: String, shardCount: Int? = nil, replicationFactor: Int? = nil,
    tableCount: Int? = nil, coder: CoderIdentity?
  ) {
    self.collection = collection
    self.shardCount = shardCount
    self.replicationFactor = replicationFactor
    self.tableCount = tableCount
    self.coder = coder
  }
}

public struct DropCollection: AdminOperation {
  public typealias Result = NoResult
  public static let name = AdminOperationName.dropCollection

  public var collection: String

  public init(collection: String) { self.collection = collection }
}

public struct DescribeCollection: AdminOperation {
  public typealias Result = CollectionDescription
  public static let name = AdminOperationName.describeCollection

  public var collection: String

  public init(collection: String) { self.collection = collection }
}

/// Changes how many replicas each shard of a collection should have; copies are made or dropped
/// afterwards.
public struct SetReplicas: AdminOperation {
  public typealias Result = NoResult
  public static let name = AdminOperationName.setReplicas

  public var collection: String
  public var replicationFactor: Int

  public init(collection: String, replicationFactor: Int) {
    self.collection = collection
    self.replicationFactor = replicationFactor
  }
}

/// The state of a collection, asked of its primaries.
public struct CollectionStatsOperation: AdminOperation {
  public static let name = AdminOperationName.collectionStats

  public var collection: String

  public init(collection: String) { self.collection = collection }

  public struct Result: Codable, Sendable, Hashable {
    public var collection: CollectionDescription
    /// In the order of their numbers.
    public var shards: [ShardReport]

    public init(collection: CollectionDescription, shards: [ShardReport]) {
      self.collection = collection
      self.shards = shards
    }

    /// The digest of all records, whatever the number of shards.
    public var digest: RecordDigest {
      shards.reduce(into: RecordDigest()) { $0.add($1.digest) }
    }
  }
}

/// The state of one shard at its primary.
public struct ShardReport: Codable, Sendable, Hashable {
  public var number: Int
  public var worker: WorkerName
  public var position: LogPosition
  public var recordCount: Int
  /// Rows deleted or replaced that still take space.
  public var deadRowCount: Int
  public var segmentCount: Int
  /// Rows in no segment yet.
  public var recentRowCount: Int
  public var fileByteCount: Int
  /// Bytes of the file that are free to be used again.
  public var freeByteCount: Int
  public var indexByteCount: Int
  /// The first operation that the log still holds.
  public var logStart: UInt64
  public var digest: RecordDigest

  public init(
    number: Int, worker: WorkerName, position: LogPosition, recordCount: Int, deadRowCount: Int,
    segmentCount: Int, recentRowCount: Int, fileByteCount: Int, freeByteCount: Int,
    indexByteCount: Int, logStart: UInt64, digest: RecordDigest
  ) {
    self.number = number
    self.worker = worker
    self.position = position
    self.recordCount = recordCount
    self.deadRowCount = deadRowCount
    self.segmentCount = segmentCount
    self.recentRowCount = recentRowCount
    self.fileByteCount = fileByteCount
    self.freeByteCount = freeByteCount
    self.indexByteCount = indexByteCount
    self.logStart = logStart
    self.digest = digest
  }
}
