import ThumbprintCodes

extension ControllerStateMachine {
  /// Puts what operators asked for into the draft; what cannot be is answered at once.
  mutating func settleRequests(
    _ draft: inout Draft, now: MonotonicInstant
  ) -> [ControllerAction] {
    var actions: [ControllerAction] = []
    for pending in requests {
      do throws(ClusterError) {
        let reply = try apply(pending, &draft, now: now)
        draft.answers.append((pending.id, reply))
      } catch {
        actions.append(.answer(pending.id, .failure(error)))
      }
    }
    requests = []
    return actions
  }

  private mutating func apply(
    _ pending: PendingRequest, _ draft: inout Draft, now: MonotonicInstant
  ) throws(ClusterError) -> ControllerReply {
    switch pending.request {
    case .createCollection(let entry):
      return try create(entry, pending, &draft, now: now)
    case .dropCollection(let name):
      let id = try collection(name, draft.map).id
      try draft.require([.dropCollection(id)])
    case .setReplicationFactor(let name, let count):
      let id = try collection(name, draft.map).id
      try draft.require([.setReplicationFactor(id, count)])
    case .rebalance(let isDryRun):
      var placement = placement(draft.map, now: now)
      let plan = placement.rebalance()
      if !isDryRun { try draft.require(plan.steps.map { .queueMove($0.move) }) }
      return .plan(plan)
    case .drain(let name, let isDryRun):
      guard draft.map.workers[name] != nil else {
        throw ClusterError(.notFound, "there is no worker '\(name)'")
      }
      var placement = placement(draft.map, now: now)
      let plan = placement.drain(name)
      if !isDryRun {
        try draft.require(
          [.setWorkerState(name, .draining)] + plan.steps.map { .queueMove($0.move) })
      }
      return .plan(plan)
    case .undrain(let name): return try undrain(name, &draft)
    case .pinCoder(let id, let coder):
      // Of many writes at once only the first changes anything.
      guard draft.map.collections[id]?.coder != coder else { break }
      try draft.require([.pinCoder(id, coder)])
    case .removeWorker(let name):
      guard !isLive(name, now: now) || map.workers[name]?.state == .draining else {
        throw ClusterError(
          .conflict, "worker \(name) is there and takes replicas", hint: "drain it first")
      }
      try draft.require([.removeWorker(name, session: workers[name]?.session)])
    case .abortMove(let id):
      guard let move = draft.map.moves[id] else {
        throw ClusterError(.notFound, "there is no move \(id)")
      }
      try draft.abort(id, move)
      draft.notices.append(.moveAborted(id, move, "asked for"))
    case .setSettings(let new):
      try draft.require([.setSettings(new)])
    }
    return .done
  }

  /// A move that was compared goes on: to end it there and then would leave a replica too many.
  private func undrain(
    _ name: WorkerName, _ draft: inout Draft
  ) throws(ClusterError) -> ControllerReply {
    guard let worker = draft.map.workers[name] else {
      throw ClusterError(.notFound, "there is no worker '\(name)'")
    }
    if worker.state != .active { try draft.require([.setWorkerState(name, .active)]) }
    var count = 0
    for (id, move) in draft.map.moves.sorted(by: { $0.key < $1.key })
    where move.source == name && move.reason == .drain && move.phase <= .copying {
      try draft.abort(id, move)
      draft.notices.append(.moveAborted(id, move, "the drain of \(name) was taken back"))
      count += 1
    }
    return .undrained(abortedMoveCount: count)
  }

  private func collection(
    _ name: String, _ map: ClusterMap
  ) throws(ClusterError) -> (id: CollectionID, entry: CollectionEntry) {
    guard let found = map.collection(named: name) else {
      throw ClusterError(.notFound, "there is no collection '\(name)'")
    }
    return found
  }

  private func create(
    _ entry: CollectionEntry, _ pending: PendingRequest, _ draft: inout Draft,
    now: MonotonicInstant
  ) throws(ClusterError) -> ControllerReply {
    try entry.validate()
    var placement = placement(draft.map, now: now)
    let workers = try placement.placeNew(
      shardCount: entry.shardCount, replicationFactor: entry.replicationFactor)
    guard workers.allSatisfy({ $0.count == entry.replicationFactor }) else {
      let count = workers.map(\.count).min() ?? 0
      throw ClusterError(
        .unavailable,
        "\(entry.replicationFactor) replicas need as many workers with room, "
          + "and there are \(count)", hint: "start more workers, or ask for fewer replicas")
    }
    var random = SplitMix64(seed: pending.seed)
    let change = ClusterMapChange.createCollection(
      pending.collection, entry, placement: workers,
      permutationSeeds: workers.map { _ in random.next() })
    try draft.require([change])
    return .created(pending.collection)
  }
}

extension ControllerStateMachine.Draft {
  /// Applies all changes or none.
  mutating func require(_ changes: [ClusterMapChange]) throws(ClusterError) {
    var copy = map
    for change in changes { try copy.apply(change) }
    isChanged = isChanged || !changes.isEmpty
    map = copy
  }
}
