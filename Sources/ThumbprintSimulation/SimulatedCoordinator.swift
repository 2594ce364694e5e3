import ThumbprintCluster
import ThumbprintCodes

/// The coordinator's process; what it knows is lost with it, but for the map in the store.
final class SimulatedCoordinator {
  var isUp = false
  var life = 0
  var machine: ControllerStateMachine
  var timerAt: Int64?
  var clockOffset: Int64 = 0
  /// What operators will ask for at the next occasion.
  var requests: [ControllerRequest] = []
  var lastRequest: UInt64 = 0
  /// What was asked for and is not answered.
  var asked: [RequestID: ControllerRequest] = [:]
  /// Routes the queries of clients.
  var router = SimulatedRouter()

  init(map: ClusterMap) {
    machine = ControllerStateMachine(map: map, now: MonotonicInstant(nanoseconds: 0))
  }
}

extension Simulation {
  var coordinatorNow: MonotonicInstant {
    MonotonicInstant(nanoseconds: time + coordinator.clockOffset)
  }

  func startCoordinator() {
    guard !coordinator.isUp else { return }
    coordinator.isUp = true
    coordinator.life += 1
    coordinator.clockOffset = random.milliseconds(0...100_000)
    coordinator.timerAt = nil
    coordinator.asked = [:]
    coordinator.machine = ControllerStateMachine(map: store, now: coordinatorNow)
    startRouter()
    trace(1, 0, "coordinator starts")
    scheduleCoordinator()
  }

  func stopCoordinator() {
    guard coordinator.isUp else { return }
    coordinator.isUp = false
    trace(2, 0, "coordinator stops")
    for worker in workers where worker.isUp && worker.connection != 0 {
      let from = SimulatedNetwork.coordinator
      sendOnce(
        .disconnected(worker.index, life: worker.life, connection: worker.connection), from: from,
        to: network.worker(worker.index))
    }
  }

  func scheduleCoordinator() {
    let at = max(coordinator.machine.nextDeadline.nanoseconds - coordinator.clockOffset, time)
    if let old = coordinator.timerAt, old <= at { return }
    coordinator.timerAt = at
    queue.insert(.coordinatorTimer(life: coordinator.life), at: at)
  }

  func handleAtCoordinator(_ event: Event) {
    switch event {
    case .storeMap(let map, let expected, let life):
      replaceMap(map, expected: expected, life: life)
      return
    case .heartbeat(_, let name, let life, let connection) where life != coordinator.life:
      resetConnection(of: name, connection)
      return
    case .registration(let new, let life, let connection) where life != coordinator.life:
      resetConnection(of: new.name, connection)
      return
    default: break
    }
    guard coordinator.isUp else { return }
    let now = coordinatorNow
    switch event {
    case .coordinatorTimer(let life):
      guard life == coordinator.life else { return }
      coordinator.timerAt = nil
      trace(3, 0, "coordinator looks around")
      perform(coordinator.machine.deadlineFired(now: now))
      askForRequests(now: now)
      reconnectRouter()
    case .registration(let registration, _, _):
      trace(4, registration.session.rawValue, "\(registration.name) registers")
      perform(coordinator.machine.workerRegistered(registration, now: now))
    case .heartbeat(let beat, let name, _, _):
      trace(5, beat.number, "heartbeat of \(name)")
      perform(coordinator.machine.heartbeatReceived(beat, from: name, now: now))
    case .sessionClosed(let name, let session, let life):
      guard life == coordinator.life else { return }
      perform(coordinator.machine.workerDisconnected(name, session: session, now: now))
      route { $0.connectionChanged(name, isConnected: false, now: $1) }
    case .storeReply(let reply, let life):
      guard life == coordinator.life else { return }
      trace(6, store.version.rawValue, "store answers \(reply)")
      switch reply {
      case .stored: perform(coordinator.machine.mapStored(now: now))
      case .conflict(let map): perform(coordinator.machine.mapConflicted(map, now: now))
      case .unknown: perform(coordinator.machine.mapStoreFailed(now: now))
      case .read(let map): perform(coordinator.machine.mapRead(map, now: now))
      }
    default: break
    }
    scheduleCoordinator()
  }

  /// The process to which a connection led is gone.
  private func resetConnection(of name: WorkerName, _ connection: Int) {
    guard coordinator.isUp, let worker = workers.first(where: { $0.name == name }) else { return }
    sendOnce(
      .disconnected(worker.index, life: worker.life, connection: connection),
      from: SimulatedNetwork.coordinator, to: network.worker(worker.index))
  }

  private func askForRequests(now: MonotonicInstant) {
    if store.collections.isEmpty, !coordinator.requests.contains(where: \.isCreation) {
      coordinator.requests.append(.createCollection(newCollection()))
    }
    // A collection needs workers; so it is asked for until it is there.
    for request in coordinator.requests {
      if case .createCollection = request {
        guard workers.allSatisfy({ coordinator.machine.map.workers[$0.name] != nil }) else {
          continue
        }
      }
      coordinator.lastRequest += 1
      var generator = SplitMix64(seed: random.next())
      let id = RequestID(coordinator.lastRequest)
      coordinator.asked[id] = request
      perform(
        coordinator.machine.requested(request, id: id, now: now, random: &generator))
    }
    coordinator.requests.removeAll { !$0.isCreation || !store.collections.isEmpty }
  }

  private func replaceMap(_ map: ClusterMap, expected: MapVersion, life: Int) {
    // Someone else may write the map too, now and then.
    if !isHealing, random.chance(0.01),
      let other = try? store.applying([.setSettings(store.settings)])
    {
      store = other
      noteStored()
    }
    let reply: StoreReply
    if store.version == expected {
      let old = store
      store = map
      for (id, entry) in map.collections { shardCounts[id] = entry.shardCount }
      trace(7, map.version.rawValue, "map \(map.version) is stored")
      noteStored()
      for (key, shard) in map.shards.sorted(by: { $0.key < $1.key })
      where old.shards[key] != shard {
        trace(8, shard.term.rawValue, "  \(key.number): \(describe(shard))")
        checker.check(key, shard, workers: workers, isDeep: true)
      }
      for (id, move) in map.moves.sorted(by: { $0.key < $1.key }) where old.moves[id] != move {
        trace(9, id.rawValue, "  move \(id): \(describe(move))")
      }
      reply = .stored
    } else {
      reply = .conflict(store)
    }
    let isUnknown = !isHealing && random.chance(0.03)
    queue.insert(
      .storeReply(isUnknown ? .unknown : reply, coordinatorLife: life),
      at: time + random.microseconds(100...2_000))
  }

  private func noteStored() {
    checker.mapStored(store) { name in
      workers.first { $0.name == name }?.machine.session
    }
  }

  func describe(_ shard: ShardEntry) -> String {
    "term \(shard.term) primary \(shard.primary) in sync \(shard.inSync) syncing \(shard.syncing) "
      + "changed \(shard.changed)"
  }

  func describe(_ move: MoveEntry) -> String {
    "shard \(move.shard.number) \(move.source?.text ?? "-") to \(move.target) \(move.phase)"
  }

  func perform(_ actions: [ControllerAction]) {
    for action in actions {
      switch action {
      case .storeMap(let map, let expected):
        // A slow store keeps it for a while; the coordinator may be gone by then.
        let delay =
          random.chance(0.05) && !isHealing
          ? random.milliseconds(1...300) : random.microseconds(100...3_000)
        queue.insert(
          .storeMap(map, expected: expected, coordinatorLife: coordinator.life), at: time + delay)
      case .readMap:
        queue.insert(
          .storeReply(.read(store), coordinatorLife: coordinator.life),
          at: time + random.microseconds(100...2_000))
      case .send(let message, let name, let session):
        guard
          let worker = workers.first(where: { $0.name == name && $0.machine.session == session })
        else { continue }
        send(
          .toWorker(worker.index, life: worker.life, message),
          from: SimulatedNetwork.coordinator, to: network.worker(worker.index))
      case .mapChanged(let map): mapChanged(map)
      case .answer(let id, let answer):
        let asked = coordinator.asked.removeValue(forKey: id)
        if case .pinCoder(let collection, let coder) = asked, case .success = answer {
          checker.pinned(coder, collection)
        }
      case .notice(let notice): noticed(notice)
      }
    }
  }

  private func noticed(_ notice: ControllerNotice) {
    trace(10, 0, "notice: \(notice)")
    switch notice {
    case .failedOver: result.failOverCount += 1
    case .moveEnded(_, let move, let proof):
      result.moveCount += 1
      guard let proof, let target = workers.first(where: { $0.name == move.target }),
        let log = target.disk[move.shard], log.position == proof.position
      else { return }
      if log.summary != proof || !log.isConsistent {
        checker.fail("move to \(move.target) ended with a proof that does not hold")
      }
    case .moveAborted: result.abortedMoveCount += 1
    default: break
    }
  }
}

extension ControllerRequest {
  fileprivate var isCreation: Bool {
    if case .createCollection = self { true } else { false }
  }
}
