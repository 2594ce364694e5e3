import ThumbprintCodes

/// One step from a cluster map to the next. Each says what it assumes; where that does not hold
/// (any longer), applying it throws and changes nothing.
public enum ClusterMapChange: Hashable, Sendable {
  /// A worker came, or came back with another address or capacity.
  case registerWorker(WorkerName, address: WorkerAddress, capacityByteCount: Int)
  case setWorkerState(WorkerName, WorkerEntry.State)
  /// Forgets a worker that has no replica and no part in a move. Its process of now, if it is
  /// known, may not come back by itself.
  case removeWorker(WorkerName, session: SessionID?)
  /// A new collection, with the replicas of each of its shards, the first of them primary.
  case createCollection(
    CollectionID, CollectionEntry, placement: [[WorkerName]], permutationSeeds: [UInt64])
  case dropCollection(CollectionID)
  /// No worker holds a piece of a dropped collection any more.
  case forgetDropped(CollectionID)
  case setReplicationFactor(CollectionID, Int)
  /// A collection that was made without a coder takes one, once and for all.
  case pinCoder(CollectionID, CoderIdentity)
  case setSettings(ClusterSettings)

  /// The primary of `term` has said that its replica exists: writes may begin.
  case establish(ShardKey, term: Term)
  /// A shard that was never established is begun anew elsewhere, in the next term.
  case beginAnew(ShardKey, term: Term, primary: WorkerName)
  /// A worker begins to copy.
  case addReplica(ShardKey, WorkerName)
  /// A worker gives its replica up. Neither the primary nor, by that, the last in sync.
  case removeReplica(ShardKey, WorkerName)
  /// The primary of `term` waits for `worker` since it saw the shard at `basis`: it is in sync.
  case join(ShardKey, term: Term, basis: MapVersion, worker: WorkerName)
  /// `worker` lags or is lost: it is no longer in sync. Not the primary. If it was not in sync, it
  /// begins a new stay, so that what its primary asked for before cannot happen any more.
  case leave(ShardKey, term: Term, basis: MapVersion, worker: WorkerName)
  /// `primary` begins `term` with `inSync`, all of which were in sync at `basis` and have promised
  /// `term`; the others that were in sync begin to catch up.
  case failOver(
    ShardKey, basis: MapVersion, term: Term, primary: WorkerName, inSync: Set<WorkerName>)

  case queueMove(MoveEntry)
  /// A move goes on, or back, to `phase`. Going to `copying` makes the replica of the target.
  case setMovePhase(MoveID, MoveEntry.Phase)
  /// Source and target of a move were found equal.
  case proveMove(MoveID, ReplicaSummary)
  /// A move ended or was given up.
  case endMove(MoveID)
}

extension ClusterMap {
  /// The next version of the map, after all `changes` in their order.
  ///
  /// - Throws: ``ClusterError`` of the first change that does not hold; nothing is changed then.
  public func applying(_ changes: [ClusterMapChange]) throws(ClusterError) -> ClusterMap {
    var draft = nextVersion()
    for change in changes { try draft.apply(change) }
    return draft
  }

  /// This map with the next version number, to which changes are then applied one by one.
  func nextVersion() -> ClusterMap {
    var draft = self
    draft.version = version.next
    return draft
  }

  /// Applies one change to a draft made by ``nextVersion()``; throws before anything is changed.
  mutating func apply(_ change: ClusterMapChange) throws(ClusterError) {
    switch change {
    case .registerWorker(let name, let address, let capacity):
      try registerWorker(name, address: address, capacityByteCount: capacity)
    case .setWorkerState(let name, let state):
      try requireWorker(name)
      workers[name]?.state = state
    case .removeWorker(let name, let session): try removeWorker(name, session)
    case .createCollection(let id, let entry, let placement, let seeds):
      try createCollection(id, entry, placement: placement, permutationSeeds: seeds)
    case .dropCollection(let id): try dropCollection(id)
    case .forgetDropped(let id): dropped.remove(id)
    case .setReplicationFactor(let id, let count):
      var entry = try requireCollection(id)
      entry.replicationFactor = count
      try entry.validate()
      collections[id] = entry
    case .pinCoder(let id, let coder): try pinCoder(id, coder)
    case .setSettings(let new):
      try new.validate()
      settings = new
    case .establish, .beginAnew, .addReplica, .removeReplica, .join, .leave, .failOver:
      try applyToShard(change)
    case .queueMove(let move): try queueMove(move)
    case .setMovePhase(let id, let phase): try setMovePhase(id, phase)
    case .proveMove(let id, let proof):
      guard moves[id] != nil else { throw ClusterError(.notFound, "there is no move \(id)") }
      moves[id]?.proof = proof
    case .endMove(let id):
      guard moves[id] != nil else { throw ClusterError(.notFound, "there is no move \(id)") }
      moves[id] = nil
    }
  }

  private mutating func registerWorker(
    _ name: WorkerName, address: WorkerAddress, capacityByteCount: Int
  ) throws(ClusterError) {
    guard capacityByteCount >= 0 else {
      throw ClusterError(.invalid, "worker \(name): capacity of \(capacityByteCount) bytes")
    }
    let count = workers.count + (workers[name] == nil ? 1 : 0)
    try Self.require(count, 0...ClusterLimits.workerCountMax, "workers")
    let state = workers[name]?.state ?? .active
    workers[name] = WorkerEntry(
      address: address, capacityByteCount: capacityByteCount, state: state)
  }

  private mutating func removeWorker(
    _ name: WorkerName, _ session: SessionID?
  ) throws(ClusterError) {
    try requireWorker(name)
    let held = shards.count { $0.value.replicas[name] != nil }
    guard held == 0 else {
      throw ClusterError(
        .busy, "worker \(name) still has \(held) replicas", hint: "drain it first")
    }
    if let move = moves.first(where: { $0.value.source == name || $0.value.target == name }) {
      throw ClusterError(.busy, "worker \(name) still has a part in move \(move.key)")
    }
    workers[name] = nil
    guard let session else { return }
    removed[name] = RemovedWorker(session: session, since: version)
    while removed.count > ClusterLimits.removedWorkerCountMax,
      let oldest = removed.min(by: { ($0.value.since, $0.key) < ($1.value.since, $1.key) })
    {
      removed[oldest.key] = nil
    }
  }

  private mutating func pinCoder(
    _ id: CollectionID, _ coder: CoderIdentity
  ) throws(ClusterError) {
    var entry = try requireCollection(id)
    guard entry.coder == nil || entry.coder == coder else {
      throw ClusterError(
        .coderMismatch,
        "the codes are of coder '\(coder)', those of collection '\(entry.name)' of "
          + "'\(entry.coder?.name ?? "")'",
        hint: "codes of two coders cannot be compared: use another collection")
    }
    entry.coder = coder
    collections[id] = entry
  }

  private mutating func createCollection(
    _ id: CollectionID, _ entry: CollectionEntry, placement: [[WorkerName]],
    permutationSeeds: [UInt64]
  ) throws(ClusterError) {
    try entry.validate()
    guard collections[id] == nil, !dropped.contains(id), collection(named: entry.name) == nil
    else { throw ClusterError(.exists, "collection '\(entry.name)' exists already") }
    try Self.require(
      collections.count + 1, 0...ClusterLimits.collectionCountMax, "collections")
    try Self.require(
      shards.count + entry.shardCount, 0...ClusterLimits.totalShardCountMax, "shards in all")
    guard placement.count == entry.shardCount, permutationSeeds.count == entry.shardCount else {
      throw ClusterError(
        .invalid,
        "collection '\(entry.name)': \(placement.count) placements and "
          + "\(permutationSeeds.count) seeds for \(entry.shardCount) shards")
    }
    for replicas in placement {
      guard !replicas.isEmpty, Set(replicas).count == replicas.count else {
        throw ClusterError(.invalid, "collection '\(entry.name)': a shard on no or equal workers")
      }
      for name in replicas { try requireWorker(name) }
    }
    collections[id] = entry
    for (number, replicas) in placement.enumerated() {
      shards[ShardKey(collection: id, number: number)] = ShardEntry(
        primary: replicas[0], others: replicas.dropFirst(), version: version,
        permutationSeed: permutationSeeds[number])
    }
  }

  private mutating func dropCollection(_ id: CollectionID) throws(ClusterError) {
    _ = try requireCollection(id)
    for key in shardKeys(of: id) { shards[key] = nil }
    for (move, entry) in moves where entry.shard.collection == id { moves[move] = nil }
    collections[id] = nil
    dropped.insert(id)
  }

  private mutating func queueMove(_ move: MoveEntry) throws(ClusterError) {
    let shard = try requireShard(move.shard)
    try requireWorker(move.target)
    guard move.phase == .queued, shard.replicas[move.target] == nil else {
      throw ClusterError(.conflict, "\(move.target) has a replica of \(move.shard) already")
    }
    if let source = move.source, shard.replicas[source] == nil {
      throw ClusterError(.conflict, "\(source) has no replica of \(move.shard)")
    }
    if let other = self.move(of: move.shard) {
      throw ClusterError(.busy, "shard \(move.shard) is in move \(other.id) already")
    }
    moves[nextMove] = move
    nextMove = nextMove.next
  }

  private mutating func setMovePhase(
    _ id: MoveID, _ phase: MoveEntry.Phase
  ) throws(ClusterError) {
    guard var move = moves[id] else { throw ClusterError(.notFound, "there is no move \(id)") }
    switch (move.phase, phase) {
    case (.queued, .copying): try apply(.addReplica(move.shard, move.target))
    case (.copying, .verifying), (.verifying, .handingOver), (.verifying, .copying),
      (.handingOver, .copying):
      break
    case (.verifying, .removing), (.handingOver, .removing):
      guard let source = move.source else { break }
      if shards[move.shard]?.replicas[source] != nil {
        try apply(.removeReplica(move.shard, source))
      }
    default:
      throw ClusterError(.conflict, "move \(id) cannot go from \(move.phase) to \(phase)")
    }
    move.phase = phase
    moves[id] = move
  }

  private func requireWorker(_ name: WorkerName) throws(ClusterError) {
    guard workers[name] != nil else { throw ClusterError(.notFound, "there is no worker \(name)") }
  }

  private func requireCollection(_ id: CollectionID) throws(ClusterError) -> CollectionEntry {
    guard let entry = collections[id] else {
      throw ClusterError(.notFound, "there is no collection \(id)")
    }
    return entry
  }

  func requireShard(_ key: ShardKey) throws(ClusterError) -> ShardEntry {
    guard let entry = shards[key] else { throw ClusterError(.notFound, "there is no shard \(key)") }
    return entry
  }
}
