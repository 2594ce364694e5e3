import ThumbprintCluster
import ThumbprintCodes

extension Simulation {
  func startWorker(_ worker: SimulatedWorker) {
    guard !worker.isUp else { return }
    worker.isUp = true
    worker.life += 1
    worker.connection = 0
    worker.clockOffset = random.milliseconds(0...100_000)
    worker.timerAt = nil
    worker.machine = WorkerStateMachine(
      session: SessionID(random.next()), clusterID: worker.clusterID)
    worker.replicas = [:]
    worker.opening = [:]
    openSince[worker.index] = time
    for key in worker.disk.keys.sorted() {
      worker.opening[key] = []
      let delay = random.chance(0.3) ? random.milliseconds(1...900) : 0
      if delay > 0 {
        queue.insert(.opened(worker.index, life: worker.life, key), at: time + delay)
      } else {
        open(worker, key)
      }
    }
    trace(20, UInt64(worker.index), "\(worker.name) starts")
    schedule(worker)
  }

  func machine(
    _ worker: SimulatedWorker, _ key: ShardKey,
    stored: (promisedTerm: Term, summary: ReplicaSummary)?
  ) -> ReplicaStateMachine {
    var settings = ReplicaSettings()
    settings.fault = options.fault
    settings.pullByteCountMax = 16
    return ReplicaStateMachine(shard: key, worker: worker.name, stored: stored, settings: settings)
  }

  /// Kills a worker's process: what is on its way to the disk is lost, or the first of it is not.
  func crash(_ worker: SimulatedWorker) {
    guard worker.isUp else { return }
    trace(21, UInt64(worker.index), "\(worker.name) crashes")
    for key in worker.replicas.keys.sorted() {
      guard let replica = worker.replicas[key], let first = replica.pending.first,
        random.chance(0.5)
      else { continue }
      _ = work(worker, replica, key, first.operation)
    }
    worker.isUp = false
    worker.replicas = [:]
    worker.opening = [:]
    let session = worker.machine.session
    sendOnce(
      .sessionClosed(worker.name, session, coordinatorLife: coordinator.life),
      from: network.worker(worker.index), to: SimulatedNetwork.coordinator)
    worker.connection = 0
  }

  func schedule(_ worker: SimulatedWorker) {
    guard let deadline = worker.machine.nextDeadline else { return }
    let at =
      deadline.nanoseconds == .min ? time : max(deadline.nanoseconds - worker.clockOffset, time)
    if let old = worker.timerAt, old <= at { return }
    worker.timerAt = at
    queue.insert(.workerTimer(worker.index, life: worker.life), at: at)
  }

  func schedule(_ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey) {
    guard let deadline = replica.machine.nextDeadline else { return }
    let at = max(deadline.nanoseconds - worker.clockOffset, time)
    if let old = replica.timerAt, old <= at { return }
    replica.timerAt = at
    queue.insert(.replicaTimer(worker.index, life: worker.life, key), at: at)
  }

  func handleAtWorker(_ event: Event) {
    switch event {
    case .workerTimer(let index, let life):
      guard let worker = alive(index, life) else { return }
      worker.timerAt = nil
      perform(worker.machine.deadlineFired(now: instant(worker)), at: worker)
    case .connectEnded(let index, let life, let connection, let coordinatorLife):
      guard let worker = alive(index, life) else { return }
      let isThere = coordinator.isUp && coordinator.life == coordinatorLife && connection != 0
      worker.connection = isThere ? connection : 0
      trace(23, UInt64(index), "\(worker.name) \(isThere ? "is" : "cannot get") connected")
      perform(
        isThere
          ? worker.machine.connected(now: instant(worker))
          : worker.machine.disconnected(now: instant(worker)), at: worker)
    case .disconnected(let index, let life, let connection):
      guard let worker = alive(index, life), worker.connection == connection, connection != 0
      else { return }
      worker.connection = 0
      trace(24, UInt64(index), "\(worker.name) loses its connection")
      perform(worker.machine.disconnected(now: instant(worker)), at: worker)
    case .toWorker(let index, let life, let message):
      guard let worker = alive(index, life) else { return }
      trace(22, UInt64(index), "\(worker.name) hears \(describe(message))")
      perform(worker.machine.messageReceived(message, now: instant(worker)), at: worker)
    case .opened(let index, let life, let key):
      guard let worker = alive(index, life) else { return }
      trace(25, UInt64(index), "\(worker.name) has opened \(key.number)")
      open(worker, key)
      reportSoon(worker)
    default: handleAtReplica(event)
    }
  }

  func alive(_ index: Int, _ life: Int) -> SimulatedWorker? {
    let worker = workers[index]
    return worker.isUp && worker.life == life ? worker : nil
  }

  private func describe(_ message: ControllerMessage) -> String {
    switch message {
    case .assignments(let new): "assignments of map \(new.version), drops \(new.drops.count)"
    default: "\(message)"
    }
  }

  private func perform(_ actions: [WorkerAction], at worker: SimulatedWorker) {
    for action in actions {
      if let key = action.shard, worker.opening[key] != nil {
        worker.opening[key]?.append(action)
        continue
      }
      switch action {
      case .connect: connect(worker)
      case .register(let number):
        let registration = WorkerRegistration(
          name: worker.name, session: worker.machine.session, address: worker.address,
          capacityByteCount: worker.capacity, clusterID: worker.clusterID, number: number,
          reports: reports(worker))
        sendOnce(
          .registration(
            registration, coordinatorLife: worker.connection >> 32, connection: worker.connection),
          from: network.worker(worker.index), to: SimulatedNetwork.coordinator)
      case .heartbeat(let number, let version):
        let beat = WorkerHeartbeat(
          session: worker.machine.session, number: number, assignmentVersion: version,
          reports: reports(worker))
        send(
          .heartbeat(
            beat, worker.name, coordinatorLife: worker.connection >> 32,
            connection: worker.connection),
          from: network.worker(worker.index), to: SimulatedNetwork.coordinator)
      case .adopt(let id): worker.clusterID = id
      case .assign(let assignment):
        let key = assignment.shard
        let replica =
          worker.replicas[key] ?? SimulatedReplica(machine: machine(worker, key, stored: nil))
        worker.replicas[key] = replica
        perform(
          replica.machine.assigned(assignment, now: instant(worker)), worker, replica, key)
      case .drop(let key):
        withReplica(worker, key) { $0.machine.dropOrdered() }
      case .fence(let key, let term):
        withReplica(worker, key) { $0.machine.fenceReceived(term, now: instant(worker)) }
      case .handOver(let key, let term, let target):
        withReplica(worker, key) {
          $0.machine.handOverRequested(term: term, target: target, now: instant(worker))
        }
      case .refused(let text):
        guard store.removed[worker.name]?.session == worker.machine.session else {
          checker.fail("\(worker.name) refused: \(text)")
          continue
        }
        queue.insert(
          .disconnected(worker.index, life: worker.life, connection: worker.connection), at: time)
      }
    }
    schedule(worker)
  }

  func withReplica(
    _ worker: SimulatedWorker, _ key: ShardKey, _ body: (SimulatedReplica) -> [ReplicaAction]
  ) {
    guard let replica = worker.replicas[key] else { return }
    perform(body(replica), worker, replica, key)
  }

  private func reports(_ worker: SimulatedWorker) -> [ReplicaReport] {
    let unknown = worker.opening.keys.map {
      ReplicaReport(
        shard: $0, role: .opening, term: Term(0), promisedTerm: Term(0), summary: .empty)
    }
    return
      (worker.replicas.values.compactMap { $0.machine.isReported ? $0.machine.report : nil }
      + unknown).sorted { $0.shard < $1.shard }
  }

  /// The files of a replica are open: what was ordered meanwhile is done.
  func open(_ worker: SimulatedWorker, _ key: ShardKey) {
    guard let orders = worker.opening.removeValue(forKey: key), let shard = worker.disk[key] else {
      return
    }
    worker.replicas[key] = SimulatedReplica(
      machine: machine(worker, key, stored: (shard.promisedTerm, shard.summary)))
    perform(orders, at: worker)
  }

  private func connect(_ worker: SimulatedWorker) {
    let own = network.worker(worker.index)
    let isOpen =
      coordinator.isUp && network.isOpen(from: own, to: SimulatedNetwork.coordinator)
      && network.isOpen(from: SimulatedNetwork.coordinator, to: own)
    let connection = isOpen ? coordinator.life << 32 | Int(number()) : 0
    queue.insert(
      .connectEnded(
        worker.index, life: worker.life, connection: connection,
        coordinatorLife: coordinator.life),
      at: time + (isOpen ? random.microseconds(100...900) : random.milliseconds(1...200)))
  }

  /// A replica wants the coordinator to hear of it.
  func reportSoon(_ worker: SimulatedWorker) {
    perform(worker.machine.reportWanted(now: instant(worker)), at: worker)
  }
}
