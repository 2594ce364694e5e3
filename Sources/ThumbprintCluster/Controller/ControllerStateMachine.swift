import ThumbprintCodes

/// What the coordinator decides: who is alive, who is primary, what moves.
///
/// All that must survive is in the map; the rest (who was heard of when, who promised what) is
/// learned anew from the reports of workers. After every event the map is compared with what the
/// reports say, and what should change is put into the store, one compare-and-swap at a time. So a
/// coordinator that starts again goes on wherever the last one stopped.
///
/// Time decides only when to suspect a worker; a wrong suspicion costs a fail-over and never a
/// write. Not for several threads at once.
public struct ControllerStateMachine: Sendable {
  public let settings: ControllerSettings
  /// As it is in the store, as far as known.
  public internal(set) var map: ClusterMap

  var workers: [WorkerName: WorkerState] = [:]
  var fences: [ShardKey: Fence] = [:]
  var storing: Storing?
  var requests: [PendingRequest] = []
  /// Since when a primary has been there without being one.
  var idleSince: [ShardKey: MonotonicInstant] = [:]
  var unavailable: Set<ShardKey> = []
  /// Moves that waited for an answer of their source were asked at this time.
  var handOverSent: [ShardKey: MonotonicInstant] = [:]
  var nextTick: MonotonicInstant
  let began: MonotonicInstant

  /// What is known of a worker beside the map.
  struct WorkerState: Sendable {
    var session: SessionID
    var number: UInt64
    var lastHeard: MonotonicInstant
    var disconnectedAt: MonotonicInstant?
    var assignmentVersion = MapVersion(0)
    var reports: [ShardKey: ReplicaReport]
    var sent: WorkerAssignments?
    var sentAt: MonotonicInstant
    /// Whether its loss was noticed.
    var isLost = false
    var lostAt: MonotonicInstant?

    /// Whether it works by what it was last told; what does not concern it is not told.
    var hasHeard: Bool { sent.map { assignmentVersion >= $0.version } ?? false }
  }

  /// A new term on its way: who was in sync is asked for promises.
  struct Fence: Sendable {
    var term: Term
    var deadline: MonotonicInstant
    var sentAt: [WorkerName: MonotonicInstant] = [:]
    /// Who should become primary if it has as much as anyone.
    var preferred: WorkerName?
  }

  /// A map on its way to the store.
  struct Storing: Sendable {
    var map: ClusterMap
    var answers: [(RequestID, ControllerReply)]
    var notices: [ControllerNotice]
    /// The store did not say what became of it.
    var isUnknown = false
    var askAgainAt: MonotonicInstant?
  }

  struct PendingRequest: Sendable {
    var id: RequestID
    var request: ControllerRequest
    var collection: CollectionID
    var seed: UInt64
  }

  /// A controller that begins with the map as it is stored.
  public init(
    map: ClusterMap, settings: ControllerSettings = ControllerSettings(), now: MonotonicInstant
  ) {
    self.map = map
    self.settings = settings
    began = now
    nextTick = now.advanced(by: settings.tick)
  }

  // MARK: Workers

  /// A worker said who it is, on a new connection.
  public mutating func workerRegistered(
    _ new: WorkerRegistration, now: MonotonicInstant
  ) -> [ControllerAction] {
    func refuse(_ text: String) -> [ControllerAction] {
      [
        .send(.refused(text), to: new.name, session: new.session),
        .notice(.workerRefused(new.name, text)),
      ]
    }
    if let id = new.clusterID, id != map.clusterID {
      return refuse("worker \(new.name) holds replicas of cluster \(id), this is \(map.clusterID)")
    }
    guard map.removed[new.name]?.session != new.session else {
      return refuse(
        "worker \(new.name) was removed from the cluster; start it again to have it back")
    }
    guard new.capacityByteCount >= 0, new.reports.allSatisfy(\.isPlausible) else {
      return refuse("worker \(new.name) reports numbers that no worker reaches")
    }
    guard hasRoom(for: new.name) else {
      return refuse(
        "there are \(ClusterLimits.workerCountMax) workers, as many as a cluster may have")
    }
    if let old = workers[new.name], old.session != new.session, isLive(new.name, now: now),
      old.disconnectedAt == nil, map.workers[new.name]?.address != new.address
    {
      return refuse("another worker is called \(new.name); names are unique in a cluster")
    }
    if let old = workers[new.name], old.session == new.session, new.number < old.number {
      return []
    }
    var actions: [ControllerAction] = []
    if workers[new.name]?.isLost != false { actions.append(.notice(.workerJoined(new.name))) }
    var worker = WorkerState(
      session: new.session, number: new.number, lastHeard: now,
      reports: Dictionary(new.reports.map { ($0.shard, $0) }, uniquingKeysWith: { $1 }),
      sentAt: now)
    if let old = workers[new.name], old.session == new.session, old.hasHeard {
      (worker.assignmentVersion, worker.sent) = (old.assignmentVersion, old.sent)
    }
    workers[new.name] = worker
    let entry = map.workers[new.name]
    if entry?.address != new.address || entry?.capacityByteCount != new.capacityByteCount {
      registrations[new.name] = (new.address, new.capacityByteCount)
    }
    return actions + sendAssignments(now: now) + settle(now: now)
  }

  /// Whether the map can take a worker, with those that are on their way into it.
  private func hasRoom(for name: WorkerName) -> Bool {
    if map.workers[name] != nil || registrations[name] != nil { return true }
    let newCount = registrations.keys.count { map.workers[$0] == nil }
    return map.workers.count + newCount < ClusterLimits.workerCountMax
  }

  /// Whether this life of a worker was let in, and is the one that counts.
  public func isKnown(_ session: SessionID, of name: WorkerName) -> Bool {
    workers[name]?.session == session
  }

  /// Addresses and capacities that are not in the map yet.
  var registrations: [WorkerName: (address: WorkerAddress, capacityByteCount: Int)] = [:]

  /// A worker said how it is.
  public mutating func heartbeatReceived(
    _ beat: WorkerHeartbeat, from name: WorkerName, now: MonotonicInstant
  ) -> [ControllerAction] {
    guard var worker = workers[name], worker.session == beat.session, beat.number > worker.number,
      beat.reports.allSatisfy(\.isPlausible)
    else { return [] }
    worker.number = beat.number
    worker.lastHeard = now
    worker.disconnectedAt = nil
    worker.assignmentVersion = max(worker.assignmentVersion, beat.assignmentVersion)
    let old = worker.reports
    worker.reports = Dictionary(beat.reports.map { ($0.shard, $0) }, uniquingKeysWith: { $1 })
    workers[name] = worker
    let isNews =
      worker.isLost || old.count != worker.reports.count
      || worker.reports.contains { old[$0.key].map($0.value.isNews) ?? true }
    return isNews ? settle(now: now) : []
  }

  /// The connection of this life of a worker closed.
  public mutating func workerDisconnected(
    _ name: WorkerName, session: SessionID, now: MonotonicInstant
  ) -> [ControllerAction] {
    guard workers[name]?.session == session, workers[name]?.disconnectedAt == nil else { return [] }
    workers[name]?.disconnectedAt = now
    return []
  }

  /// Whether a worker has been heard of lately.
  public func isLive(_ name: WorkerName, now: MonotonicInstant) -> Bool {
    guard let worker = workers[name] else { return false }
    if worker.lastHeard.advanced(by: settings.silenceMax) <= now { return false }
    guard let closed = worker.disconnectedAt else { return true }
    return closed.advanced(by: settings.reconnectTime) > now
  }

  /// Shards of a new collection where nobody says how many: enough to spread over some hosts.
  public static let usualShardCount = 8

  /// Replicas of each shard of a new collection where nobody says how many: 2, so that one worker
  /// may be lost, or 1 where there is no second one that takes shards and is not lost.
  public func usualReplicationFactor(now: MonotonicInstant) -> Int {
    let count = map.workers.count {
      $0.value.state == .active && lostSince($0.key, now: now) == nil
    }
    return min(2, max(1, count))
  }

  /// Since when a worker has been lost; `nil` if it is live or not yet given up.
  func lostSince(_ name: WorkerName, now: MonotonicInstant) -> MonotonicInstant? {
    guard !isLive(name, now: now) else { return nil }
    guard let worker = workers[name] else {
      let start = began.advanced(by: settings.silenceMax)
      return start <= now ? start : nil
    }
    return worker.lostAt ?? now
  }

  /// What a live worker reports of its replica.
  func report(_ shard: ShardKey, _ name: WorkerName, now: MonotonicInstant) -> ReplicaReport? {
    isLive(name, now: now) ? workers[name]?.reports[shard] : nil
  }

  /// What a worker last reported of its replica, whether it is live or not; for people.
  public func lastReport(_ shard: ShardKey, _ name: WorkerName) -> ReplicaReport? {
    workers[name]?.reports[shard]
  }

  /// When a worker last said something; `nil` if not since this controller began.
  public func lastHeard(_ name: WorkerName) -> MonotonicInstant? { workers[name]?.lastHeard }

  // MARK: The store

  /// The map on its way is stored.
  public mutating func mapStored(now: MonotonicInstant) -> [ControllerAction] {
    guard let done = storing, !done.isUnknown else { return [] }
    return finishStoring(done, now: now)
  }

  /// Someone else changed the map; this one is stored now.
  public mutating func mapConflicted(
    _ current: ClusterMap, now: MonotonicInstant
  ) -> [ControllerAction] {
    adopt(current, now: now)
  }

  /// The store did not answer: the map may be stored or not.
  public mutating func mapStoreFailed(now: MonotonicInstant) -> [ControllerAction] {
    guard storing != nil else { return [] }
    storing?.isUnknown = true
    storing?.askAgainAt = now.advanced(by: settings.resendTime)
    return []
  }

  /// The store was read after it had not answered.
  public mutating func mapRead(
    _ current: ClusterMap, now: MonotonicInstant
  ) -> [ControllerAction] {
    if let storing, storing.map == current { return finishStoring(storing, now: now) }
    return adopt(current, now: now)
  }

  private mutating func adopt(
    _ current: ClusterMap, now: MonotonicInstant
  ) -> [ControllerAction] {
    let isNewer = current.version > map.version
    if isNewer { map = current }
    let answers = storing?.answers ?? []
    storing = nil
    let error = ClusterError(
      .conflict, "the cluster map was changed by someone else", hint: "ask again")
    return answers.map { .answer($0.0, .failure(error)) }
      + (isNewer ? [.mapChanged(map)] : []) + sendAssignments(now: now) + settle(now: now)
  }

  private mutating func finishStoring(
    _ done: Storing, now: MonotonicInstant
  ) -> [ControllerAction] {
    for name in map.workers.keys where done.map.workers[name] == nil {
      workers[name] = nil
      registrations[name] = nil
    }
    map = done.map
    storing = nil
    for (name, new) in registrations
    where map.workers[name]?.address == new.address
      && map.workers[name]?.capacityByteCount == new.capacityByteCount
    { registrations[name] = nil }
    for (key, fence) in fences where map.shards[key].map({ $0.term >= fence.term }) ?? true {
      fences[key] = nil
    }
    return [.mapChanged(map)] + done.notices.map { .notice($0) }
      + done.answers.map { .answer($0.0, .success($0.1)) }
      + sendAssignments(now: now) + settle(now: now)
  }

  // MARK: Requests and time

  /// An operator asked for something; the answer comes when it is stored.
  public mutating func requested(
    _ request: ControllerRequest, id: RequestID, now: MonotonicInstant,
    random: inout some RandomNumberGenerator
  ) -> [ControllerAction] {
    requests.append(
      PendingRequest(
        id: id, request: request, collection: .random(using: &random), seed: random.next()))
    return settle(now: now)
  }

  /// When ``deadlineFired(now:)`` wants to be called.
  public var nextDeadline: MonotonicInstant { nextTick }

  /// The moment of ``nextDeadline`` has passed. Harmless at any other.
  public mutating func deadlineFired(now: MonotonicInstant) -> [ControllerAction] {
    guard nextTick <= now else { return [] }
    nextTick = now.advanced(by: settings.tick)
    var actions: [ControllerAction] = []
    for name in workers.keys.sorted() {
      let isLost = !isLive(name, now: now)
      if isLost, workers[name]?.isLost == false {
        workers[name]?.lostAt = now
        actions.append(.notice(.workerLost(name)))
      } else if !isLost, workers[name]?.isLost == true {
        workers[name]?.lostAt = nil
        actions.append(.notice(.workerJoined(name)))
      }
      workers[name]?.isLost = isLost
    }
    if let at = storing?.askAgainAt, at <= now {
      storing?.askAgainAt = now.advanced(by: settings.resendTime)
      actions.append(.readMap)
    }
    return actions + sendAssignments(now: now) + settle(now: now)
  }
}

extension ReplicaSummary {
  fileprivate var isPlausible: Bool {
    max(position.term.rawValue, position.sequence.rawValue) < ClusterLimits.numberMax
      && (0...ClusterLimits.replicaRecordCountMax).contains(recordCount)
  }
}

extension ReplicaReport {
  /// Whether its numbers are such that counting could have reached them: sums are made of them.
  var isPlausible: Bool {
    let bytes = 0...ClusterLimits.replicaByteCountMax
    let isCopyPlausible =
      copy.map { bytes.contains($0.byteCountDone) && bytes.contains($0.byteCountTotal) } ?? true
    return max(term.rawValue, promisedTerm.rawValue) < ClusterLimits.numberMax
      && summary.isPlausible && verified?.isPlausible ?? true && bytes.contains(byteCount)
      && isCopyPlausible
  }

  /// Whether something in it may call for an action that `old` did not.
  func isNews(_ old: ReplicaReport) -> Bool {
    role != old.role || term != old.term || promisedTerm != old.promisedTerm
      || proposals != old.proposals || handOverReady != old.handOverReady
      || (verified == nil) != (old.verified == nil)
  }
}
