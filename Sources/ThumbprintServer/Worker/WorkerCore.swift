import Logging
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
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
  /// Replicas that are being opened, with what was ordered meanwhile.
  private var opening: [ShardKey: Opening] = [:]
  /// Why the coordinator did not take this worker, as it was last logged.
  private var lastRefusal: String?
  /// Why there was no connection to it, likewise.
  private var lastFailure: String?

  private static let sweepInterval: Duration = .seconds(1)

  private struct Opening {
    var listing: ReplicaStore.Listing
    var orders: [WorkerAction] = []
  }

  /// Begins to open the replicas that are on the disk; each takes part as soon as it is open.
  init(context: WorkerContext, clusterID: ClusterID?, loop: Loop) {
    self.context = context
    self.loop = loop
    machine = WorkerStateMachine(
      session: SessionID(UInt64.random(in: 1...UInt64.max)), clusterID: clusterID,
      settings: context.settings.worker)
    do {
      let listings = try context.store.replicas()
      for listing in listings where !listing.isComplete {
        try drive(listing.key, nil, hasUnfinishedCopy: true)
      }
      for listing in listings where listing.isComplete {
        opening[listing.key] = Opening(listing: listing)
      }
    } catch {
      context.logger.error("cannot list the replicas", metadata: ["error": "\(error)"])
    }
    open(opening.values.map(\.listing))
  }

  /// Opens replicas on some threads, the smallest first, and then warms them.
  private func open(_ listings: [ReplicaStore.Listing]) {
    if listings.isEmpty { return }
    var keys = Fifo<ShardKey>()
    let sorted = listings.sorted { ($0.byteCount, $0.key) < ($1.byteCount, $1.key) }
    for listing in sorted { keys.push(listing.key) }
    let waiting = Monitor(keys)
    for _ in 0..<min(context.settings.openingThreadCount, listings.count) {
      OwnThread.start("open") { [context, loop] in
        var opened: [Shard] = []
        while true {
          let next: ShardKey? = waiting.change { $0.pop() }
          guard let key = next else { break }
          let result = Result { try context.store.shard(key) }
          if case .success(let shard) = result { opened.append(shard) }
          loop.submit { $0.opened(key, result) }
        }
        for shard in opened {
          // Not worth a word: what is wrong with it is found by whoever reads it.
          try? shard.warm()
          if let index = try? shard.index() { IndexSnapshot.prepare([index]) }
        }
      }
    }
  }

  private func opened(_ key: ShardKey, _ result: Result<Shard, any Error>) {
    guard let opening = opening.removeValue(forKey: key) else { return }
    do {
      try drive(
        key, try result.get(), hasUnfinishedCopy: opening.listing.isBeingCopied)
    } catch {
      // As if it were not here: the coordinator has it copied anew, and what is good is kept.
      context.logger.error(
        "a replica cannot be opened", metadata: ["shard": "\(key)", "error": "\(error)"])
      _ = try? drive(key, nil, hasUnfinishedCopy: true)
    }
    perform(opening.orders)
    perform(machine.reportWanted(now: .now))
  }

  @discardableResult
  private func drive(
    _ key: ShardKey, _ shard: Shard?, hasUnfinishedCopy: Bool = false
  ) throws -> ReplicaDriver {
    lastLife += 1
    let driver = try ReplicaDriver(
      key: key, life: lastLife, shard: shard, hasUnfinishedCopy: hasUnfinishedCopy,
      context: context, loop: loop)
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

  var allDrivers: [ReplicaDriver] { Array(drivers.values) }

  /// Replicas that are still being opened.
  var openingKeys: [ShardKey] { opening.keys.sorted() }

  /// Whether the coordinator knows this worker.
  var isRegistered: Bool { machine.isRegistered }

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
    if let key = action.shard, opening[key] != nil {
      // What it holds decides what it may do: it waits.
      opening[key]?.orders.append(action)
      return true
    }
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
        context.membership.join(cluster)
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
      noteRefusal(text)
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
    case .received(let message):
      if case .assignments = message { (lastRefusal, lastFailure) = (nil, nil) }
      perform(machine.messageReceived(message, now: .now))
    case .closed(let error):
      if error.code == .wrongCluster || error.code == .refused {
        noteRefusal(error.message)
      } else {
        context.logger.log(
          level: lastFailure == error.message ? .debug : .warning,
          "no connection to the coordinator", metadata: ["error": "\(error.message)"])
        lastFailure = error.message
      }
      connection = nil
      perform(machine.disconnected(now: .now))
    }
  }

  /// Said again and again by the coordinator, and once here.
  private func noteRefusal(_ text: String) {
    guard lastRefusal != text else { return }
    lastRefusal = text
    context.logger.error("the coordinator refuses this worker", metadata: ["why": "\(text)"])
  }

  private func reports() -> [ReplicaReport] {
    let unknown = opening.values.sorted { $0.listing.key < $1.listing.key }.map { opening in
      ReplicaReport(
        shard: opening.listing.key, role: .opening, term: Term(0), promisedTerm: Term(0),
        summary: .empty, byteCount: opening.listing.byteCount)
    }
    return unknown
      + drivers.keys.sorted().compactMap { key in
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
