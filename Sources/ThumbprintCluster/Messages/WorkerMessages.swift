import ThumbprintCodes

/// What a worker says first on a new connection to the coordinator.
public struct WorkerRegistration: Hashable, Sendable, Codable {
  public var name: WorkerName
  /// This life of its process.
  public var session: SessionID
  public var address: WorkerAddress
  /// Bytes that it offers for replicas.
  public var capacityByteCount: Int
  /// The cluster to which its replicas belong; `nil` if it never had one.
  public var clusterID: ClusterID?
  /// Heartbeats of this session are numbered on from here.
  public var number: UInt64
  public var reports: [ReplicaReport]

  public init(
    name: WorkerName, session: SessionID, address: WorkerAddress, capacityByteCount: Int,
    clusterID: ClusterID?, number: UInt64, reports: [ReplicaReport]
  ) {
    self.name = name
    self.session = session
    self.address = address
    self.capacityByteCount = capacityByteCount
    self.clusterID = clusterID
    self.number = number
    self.reports = reports
  }
}

/// What a worker says every 0.3 s, and at once when something changed that others wait for.
public struct WorkerHeartbeat: Hashable, Sendable, Codable {
  public var session: SessionID
  /// Counts the heartbeats of the session, so that one that comes late is passed over.
  public var number: UInt64
  /// The version of the assignments that it works by; 0 if it has none yet.
  public var assignmentVersion: MapVersion
  /// All of its replicas.
  public var reports: [ReplicaReport]

  public init(
    session: SessionID, number: UInt64, assignmentVersion: MapVersion, reports: [ReplicaReport]
  ) {
    self.session = session
    self.number = number
    self.assignmentVersion = assignmentVersion
    self.reports = reports
  }
}

/// What the coordinator tells a worker.
public enum ControllerMessage: Hashable, Sendable, Codable {
  case assignments(WorkerAssignments)
  /// Promise `term`: take no order of an earlier one, and say so in a report.
  case fence(ShardKey, term: Term)
  /// Stop taking writes in `term` and say when `target` has caught up. Lapses after a while.
  case handOver(ShardKey, term: Term, target: WorkerName)
  /// The coordinator does not take this worker; the text says why.
  case refused(String)
}

/// All that a worker has to do, as the map of one version has it.
public struct WorkerAssignments: Hashable, Sendable, Codable {
  public var clusterID: ClusterID
  public var version: MapVersion
  public var assignments: [ReplicaAssignment]
  /// Replicas to delete; nothing else is ever deleted.
  public var drops: [ShardKey]

  public init(
    clusterID: ClusterID, version: MapVersion, assignments: [ReplicaAssignment], drops: [ShardKey]
  ) {
    self.clusterID = clusterID
    self.version = version
    self.assignments = assignments
    self.drops = drops
  }
}

/// The part that one worker has in one shard.
public struct ReplicaAssignment: Hashable, Sendable, Codable {
  public var shard: ShardKey
  /// The term of the primary.
  public var term: Term
  public var primary: WorkerName
  public var primaryAddress: WorkerAddress
  /// All replicas of the shard; the worker itself is among them.
  public var replicas: [WorkerName: ReplicaEntry]
  public var isEstablished: Bool
  /// The version at which the shard's entry last changed.
  public var changed: MapVersion
  public var permutationSeed: UInt64
  /// Hash tables of each segment.
  public var tableCount: Int
  /// The coder of the collection, if it has one.
  public var coder: CoderIdentity?
  /// The shard's number is in its key; how many the collection has is here.
  public var shardCount: Int
  /// Bytes a second that this worker may take for copying this shard; 0 for no bound.
  public var copyByteRate: Int

  public init(
    shard: ShardKey, entry: ShardEntry, primaryAddress: WorkerAddress,
    collection: CollectionEntry, copyByteRate: Int
  ) {
    self.shard = shard
    self.term = entry.term
    self.primary = entry.primary
    self.primaryAddress = primaryAddress
    self.replicas = entry.replicas
    self.isEstablished = entry.isEstablished
    self.changed = entry.changed
    self.permutationSeed = entry.permutationSeed
    self.tableCount = collection.tableCount
    self.coder = collection.coder
    self.shardCount = collection.shardCount
    self.copyByteRate = copyByteRate
  }
}
