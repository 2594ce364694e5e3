import Logging
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// What a worker decides with: its machine and those of its replicas. Lives on one loop.
final class WorkerCore: EventLoopCore {
  typealias Loop = EventLoopThread<WorkerCore>

  private let context: WorkerContext
  private let loop: Loop
  private var machine: WorkerStateMachine
  private var drivers: [ShardKey: ReplicaDriver] = [:]
  private var lastLife: UInt64 = 0
  private var connection: (any CoordinatorConnection)?
  private var connectionNumber: UInt64 = 0
  private var nextSweep = MonotonicInstant.now

  private static let sweepInterval: Duration = .seconds(1)

  /// Opens the replicas that are on the disk.
  init(context: WorkerContext, clusterID: ClusterID?, loop: Loop) {
    self.context = context
    self.loop = loop
    machine = WorkerStateMachine(
      session: SessionID(UInt64.random(in: 1...UInt64.max)), clusterID: clusterID,
      settings: context.settings.worker)
    do {
      for listing in try context.store.replicas() where listing.isComplete { open(listing.key) }
    } catch {
      context.logger.error("cannot list the replicas", metadata: ["error": "\(error)"])
    }
  }

  private func open(_ key: ShardKey) {
    do {
      try drive(key, try context.store.shard(key))
    } catch {
      // As if it were not here: the coordinator has it copied anew, and what is good is kept.
      context.logger.error(
        "a replica cannot be opened", metadata: ["shard": "\(key)", "error": "\(error)"])
    }
  }

  @discardableResult
  private func drive(_ key: ShardKey, _ shard: Shard?) throws -> ReplicaDriver {
    lastLife += 1
    let driver = try ReplicaDriver(
      key: key, life: lastLife, shard: shard, context: context, loop: loop)
    drivers[key] = driver
    return driver
  }

  // MARK: Replicas

  /// Brings an event to a replica; to none if it is another than the one that asked for it.
  func withReplica(_ key: ShardKey, life: UInt64, _ event: (ReplicaDriver) -> Void) {
    guard let driver = drivers[key], driver.life == life else { return }
    event(driver)
    settle(driver)
  }

  /// Brings a request to a replica.
  ///
  /// - Returns: Whether there is one.
  @discardableResult
  func withReplica(_ key: ShardKey, _ request: (ReplicaDriver) -> Void) -> Bool {
    guard let driver = drivers[key] else { return false }
    request(driver)
    settle(driver)
    return true
  }

  /// After every event of a replica.
  private func settle(_ driver: ReplicaDriver) {
    if driver.isReportWanted {
      driver.isReportWanted = false
      perform(machine.reportWanted(now: .now))
    }
  }

  /// Answers all that wait: the worker ends.
  func abandon(_ error: ServiceError) {
    for driver in drivers.values { driver.abandon(error) }
    connection?.close()
  }

  /// The threads of the disks; they outlive the loop.
  var disks: [ReplicaDisk] { drivers.values.map(\.disk) }

  /// Gives up copies that are being made; what has arrived stays.
  func stopCopies() {
    for driver in drivers.values { driver.copy?.stop() }
  }

  // MARK: The coordinator

  private func perform(_ actions: [WorkerAction]) {
    for action in actions {
      guard perform(action) else { return }
    }
  }

  /// - Returns: Whether those after it may be done.
  private func perform(_ action: WorkerAction) -> Bool {
    switch action {
    case .connect: connect()
    case .register(let number):
      let settings = context.settings
      connection?.send(
        .registration(
          WorkerRegistration(
            name: settings.name, session: machine.session, address: settings.address,
            capacityByteCount: settings.capacityByteCount, clusterID: machine.clusterID,
            number: number, reports: reports())))
    case .heartbeat(let number, let version):
      connection?.send(
        .heartbeat(
          WorkerHeartbeat(
            session: machine.session, number: number, assignmentVersion: version,
            reports: reports())))
    case .adopt(let cluster):
      do {
        try context.store.adopt(cluster)
      } catch {
        context.logger.error("cannot join the cluster", metadata: ["error": "\(error)"])
        return false
      }
    case .assign(let assignment): assign(assignment)
    case .drop(let key):
      withReplica(key) { $0.perform($0.machine.dropOrdered()) }
    case .fence(let key, let term):
      withReplica(key) { $0.perform($0.machine.fenceReceived(term, now: .now)) }
    case .handOver(let key, let term, let target):
      withReplica(key) {
        $0.perform($0.machine.handOverRequested(term: term, target: target, now: .now))
      }
    case .refused(let text):
      context.logger.error("the coordinator refuses this worker", metadata: ["why": "\(text)"])
      connection?.close()
    }
    return true
  }

  private func assign(_ assignment: ReplicaAssignment) {
    if drivers[assignment.shard] == nil {
      do {
        try drive(assignment.shard, nil)
      } catch {
        context.logger.error("cannot take a replica on", metadata: ["error": "\(error)"])
      }
    }
    withReplica(assignment.shard) { $0.perform($0.machine.assigned(assignment, now: .now)) }
  }

  private func connect() {
    connectionNumber += 1
    let number = connectionNumber
    connection = context.coordinator.connect { [loop] event in
      loop.submit { $0.coordinatorEvent(event, of: number) }
    }
  }

  private func coordinatorEvent(_ event: CoordinatorEvent, of number: UInt64) {
    guard number == connectionNumber else { return }
    switch event {
    case .opened: perform(machine.connected(now: .now))
    case .received(let message): perform(machine.messageReceived(message, now: .now))
    case .closed(let error):
      context.logger.warning(
        "no connection to the coordinator", metadata: ["error": "\(error.message)"])
      connection = nil
      perform(machine.disconnected(now: .now))
    }
  }

  private func reports() -> [ReplicaReport] {
    drivers.keys.sorted().compactMap { key in
      guard let driver = drivers[key], driver.machine.isReported else { return nil }
      driver.machine.byteCount = (try? driver.shard?.replicaStatus().byteCount) ?? 0
      return driver.machine.report
    }
  }

  // MARK: Time

  var nextDeadline: MonotonicInstant? {
    var deadline = nextSweep
    if let next = machine.nextDeadline { deadline = min(deadline, next) }
    for driver in drivers.values {
      if let next = driver.machine.nextDeadline { deadline = min(deadline, next) }
    }
    return deadline
  }

  func deadlineFired(now: MonotonicInstant) {
    for driver in drivers.values {
      guard let deadline = driver.machine.nextDeadline, deadline <= now else { continue }
      driver.perform(driver.machine.deadlineFired(now: now))
      settle(driver)
    }
    perform(machine.deadlineFired(now: now))
    guard nextSweep <= now else { return }
    nextSweep = now.advanced(by: Self.sweepInterval)
    let copies = context.copies
    let idleTime = context.settings.copyIdleTime
    _ = context.pool.submit(.bulk) { _ in
      copies.closeIdle(since: MonotonicInstant.now.advanced(by: .zero - idleTime))
    }
    removeDropped()
  }

  /// A replica that is gone needs no thread.
  private func removeDropped() {
    for (key, driver) in drivers where !driver.machine.isReported && driver.copy == nil {
      drivers[key] = nil
      context.replicas.set(key, nil)
      driver.abandon(.notHere(key, worker: context.settings.name))
      driver.disk.close()
    }
  }
}
