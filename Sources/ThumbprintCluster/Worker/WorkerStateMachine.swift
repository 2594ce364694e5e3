import ThumbprintCodes

/// What the shell of a worker must do.
public enum WorkerAction: Hashable, Sendable {
  /// Open a connection to the coordinator. Then `connected` or `disconnected`.
  case connect
  /// Say who this is, with the reports of all replicas.
  case register(number: UInt64)
  /// Say how its replicas are, all of them.
  case heartbeat(number: UInt64, assignmentVersion: MapVersion)
  /// Write down to which cluster this worker belongs, before anything that follows is done.
  case adopt(ClusterID)
  /// Give the replica its order; make its machine if there is none.
  case assign(ReplicaAssignment)
  case drop(ShardKey)
  case fence(ShardKey, term: Term)
  case handOver(ShardKey, term: Term, target: WorkerName)
  /// The coordinator does not take this worker; the text is for the log.
  case refused(String)
}

extension WorkerAction {
  /// The replica that it is an order for.
  public var shard: ShardKey? {
    switch self {
    case .assign(let assignment): assignment.shard
    case .drop(let key), .fence(let key, _), .handOver(let key, _, _): key
    case .connect, .register, .heartbeat, .adopt, .refused: nil
    }
  }
}

/// A worker's side of its connection to the coordinator: registration, heartbeats, orders.
///
/// What a replica does is decided by its own ``ReplicaStateMachine``; this one passes orders on,
/// in the order in which the map changed.
public struct WorkerStateMachine: Sendable {
  public struct Settings: Hashable, Sendable {
    public var heartbeatInterval: Duration = .milliseconds(300)
    /// The shortest time between two heartbeats, when replicas have news.
    public var reportIntervalMin: Duration = .milliseconds(5)
    public var reconnectMin: Duration = .milliseconds(50)
    public var reconnectMax: Duration = .milliseconds(1_000)

    public init() {}
  }

  /// Every so many heartbeats one is a registration.
  private static let registrationInterval: UInt64 = 10

  public let session: SessionID
  /// The cluster to which its replicas belong.
  public private(set) var clusterID: ClusterID?
  /// The version of the last orders.
  public private(set) var assignmentVersion = MapVersion(0)

  private let settings: Settings
  private var number: UInt64 = 0
  private var link = Link.down(until: MonotonicInstant(nanoseconds: .min))
  private var failureCount = 0
  /// Whether the coordinator has answered on this connection.
  private var isKnown = false
  private var lastBeat = MonotonicInstant(nanoseconds: .min)
  private var nextBeat = MonotonicInstant(nanoseconds: .min)

  private enum Link: Sendable {
    case down(until: MonotonicInstant)
    case connecting
    case up
  }

  /// - Parameters:
  ///   - session: A random number for this life of the process.
  ///   - clusterID: What `adopt` wrote down earlier.
  public init(session: SessionID, clusterID: ClusterID?, settings: Settings = Settings()) {
    self.session = session
    self.clusterID = clusterID
    self.settings = settings
  }

  /// Whether the coordinator knows this worker, as far as it can tell.
  public var isRegistered: Bool {
    if case .up = link { isKnown } else { false }
  }

  /// The connection is open.
  public mutating func connected(now: MonotonicInstant) -> [WorkerAction] {
    link = .up
    isKnown = false
    number += 1
    lastBeat = now
    nextBeat = now.advanced(by: settings.heartbeatInterval)
    return [.register(number: number)]
  }

  /// The connection failed or was closed.
  public mutating func disconnected(now: MonotonicInstant) -> [WorkerAction] {
    let pause = min(
      settings.reconnectMin * (1 << min(failureCount, 10)), settings.reconnectMax)
    failureCount += 1
    link = .down(until: now.advanced(by: pause))
    return []
  }

  /// A replica has something to say that others wait for.
  public mutating func reportWanted(now: MonotonicInstant) -> [WorkerAction] {
    guard case .up = link else { return [] }
    nextBeat = min(nextBeat, max(now, lastBeat.advanced(by: settings.reportIntervalMin)))
    return deadlineFired(now: now)
  }

  /// The coordinator said something.
  public mutating func messageReceived(
    _ message: ControllerMessage, now: MonotonicInstant
  ) -> [WorkerAction] {
    switch message {
    case .assignments(let new):
      if let clusterID, clusterID != new.clusterID {
        return [.refused("the coordinator is of cluster \(new.clusterID), not \(clusterID)")]
      }
      failureCount = 0
      isKnown = true
      guard new.version >= assignmentVersion else { return [] }
      var actions: [WorkerAction] = []
      if clusterID == nil { actions.append(.adopt(new.clusterID)) }
      clusterID = new.clusterID
      assignmentVersion = new.version
      let wanted = Set(new.assignments.map(\.shard))
      actions += new.assignments.map { .assign($0) }
      actions += new.drops.filter { !wanted.contains($0) }.map { .drop($0) }
      return actions + reportWanted(now: now)
    case .fence(let shard, let term): return [.fence(shard, term: term)]
    case .handOver(let shard, let term, let target):
      return [.handOver(shard, term: term, target: target)]
    case .refused(let text): return [.refused(text)]
    }
  }

  /// When ``deadlineFired(now:)`` wants to be called; `nil` while a connection is being made.
  public var nextDeadline: MonotonicInstant? {
    switch link {
    case .down(let until): until
    case .connecting: nil
    case .up: nextBeat
    }
  }

  /// The moment of ``nextDeadline`` has passed. Harmless at any other.
  public mutating func deadlineFired(now: MonotonicInstant) -> [WorkerAction] {
    switch link {
    case .down(let until) where until <= now:
      link = .connecting
      return [.connect]
    case .up where nextBeat <= now:
      number += 1
      lastBeat = now
      nextBeat = now.advanced(by: settings.heartbeatInterval)
      // Until it is answered, a registration is said again, and now and then after that: if one of
      // an earlier life arrived late, the coordinator takes that for this worker.
      return isKnown && number % Self.registrationInterval != 0
        ? [.heartbeat(number: number, assignmentVersion: assignmentVersion)]
        : [.register(number: number)]
    default: return []
    }
  }
}
