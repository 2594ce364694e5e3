import ThumbprintCodes

/// How long a controller waits for what.
public struct ControllerSettings: Hashable, Sendable {
  /// How often it looks around when nothing happens.
  public var tick: Duration = .milliseconds(100)
  /// A worker that says nothing for so long is lost.
  public var silenceMax: Duration = .milliseconds(1_500)
  /// A worker whose connection closed is lost after so long without a new one.
  public var reconnectTime: Duration = .milliseconds(500)
  /// How long it waits for the promises of all before it goes on with those it has.
  public var fenceTime: Duration = .milliseconds(500)
  /// How often it says again what was not answered.
  public var resendTime: Duration = .milliseconds(200)
  /// How long a primary may be there without beginning its term.
  public var idlePrimaryTime: Duration = .milliseconds(2_000)

  public init() {}
}

/// What the shell of the coordinator must do.
public enum ControllerAction: Hashable, Sendable {
  /// Put the map in the place of that of version `expected`. Then `mapStored`, `mapConflicted`, or
  /// `mapStoreFailed` if it may or may not have happened.
  case storeMap(ClusterMap, expected: MapVersion)
  /// Read the map. Then `mapRead`, or `mapStoreFailed` again.
  case readMap
  /// Send to this life of a worker, if it is connected; what is lost is said again.
  case send(ControllerMessage, to: WorkerName, session: SessionID)
  /// Route by this map from now on.
  case mapChanged(ClusterMap)
  case answer(RequestID, Result<ControllerReply, ClusterError>)
  /// Something that an operator wants to read in the log.
  case notice(ControllerNotice)
}

/// What happened, for the log.
public enum ControllerNotice: Hashable, Sendable {
  case workerJoined(WorkerName)
  case workerLost(WorkerName)
  case workerRefused(WorkerName, String)
  case failedOver(ShardKey, term: Term, primary: WorkerName, inSync: [WorkerName])
  /// No replica that is in sync is there; the shard waits until one returns.
  case shardUnavailable(ShardKey)
  case moveStarted(MoveID, MoveEntry)
  /// A move ended; the records of source and target were equal at one position.
  case moveEnded(MoveID, MoveEntry, proof: ReplicaSummary?)
  case moveAborted(MoveID, MoveEntry, String)
}

/// What an operator asks of the coordinator.
public enum ControllerRequest: Hashable, Sendable {
  case createCollection(CollectionEntry)
  case dropCollection(name: String)
  case setReplicationFactor(name: String, Int)
  /// Codes of a coder are about to be written to a collection: if that has none yet, it has this
  /// one from then on. Refused if it has another.
  case pinCoder(CollectionID, CoderIdentity)
  /// Plans moves, and begins them unless `isDryRun`.
  case rebalance(isDryRun: Bool)
  /// Plans what has to move for a worker to be empty, and begins it unless `isDryRun`. What could
  /// not be planned follows when it can.
  case drain(WorkerName, isDryRun: Bool)
  /// Lets a worker that is drained take replicas again, and gives up the moves away from it that
  /// have not come as far as the comparison. What has gone stays where it went.
  case undrain(WorkerName)
  /// Forgets a worker that has nothing any more.
  case removeWorker(WorkerName)
  case abortMove(MoveID)
  case setSettings(ClusterSettings)
}

/// What the coordinator answers when a request is stored.
public enum ControllerReply: Hashable, Sendable {
  case done
  case created(CollectionID)
  case plan(RebalancePlan)
  /// A worker takes replicas again; so many moves were given up.
  case undrained(abortedMoveCount: Int)
}
