import ThumbprintCluster
import ThumbprintCodes

/// How a fault ends.
enum EndOfFault {
  case startWorker(Int)
  case startCoordinator
  case unblock([(from: Int, to: Int)])
  case calmNetwork
  case speedUpDisk(Int)
  /// A worker that is drained is empty by now, perhaps.
  case removeDrained(Int)
}

extension Simulation {
  /// Makes something go wrong, or an operator do something.
  func makeFault() {
    guard !isHealing else { return }
    result.faultCount += 1
    let index = random.int(0...workers.count - 1)
    let worker = workers[index]
    switch random.int(0...99) {
    case 0..<26: stop(worker, for: random.milliseconds(20...4_000))
    case 26..<32:
      // Two at once.
      stop(worker, for: random.milliseconds(20...4_000))
      stop(workers[(index + 1) % workers.count], for: random.milliseconds(20...4_000))
    case 32..<44:
      stopCoordinator()
      endLater(.startCoordinator, after: random.milliseconds(5...3_000))
    case 44..<60: cutLinks(worker)
    case 60..<68:
      worker.diskSlowness = Int64(random.int(20...400))
      endLater(.speedUpDisk(index), after: random.milliseconds(200...3_000))
    case 68..<76:
      network.loss = Double(random.int(1...30)) / 100
      network.duplication = Double(random.int(0...20)) / 100
      network.extraDelay = random.int(0...600)
      endLater(.calmNetwork, after: random.milliseconds(500...4_000))
    case 76..<82:
      // A clock jumps, as after a pause of the whole machine.
      let jump = random.milliseconds(100...60_000)
      if random.chance(0.3) {
        coordinator.clockOffset += jump
        // Deadlines that it had set are over.
        calmSince = time
        coordinator.timerAt = nil
        if coordinator.isUp { scheduleCoordinator() }
      } else {
        worker.clockOffset += jump
        wake(worker)
      }
    case 82..<84: takeDisk(worker)
    default: operate(worker, index)
    }
    queue.insert(.fault, at: max(nextFault, time + random.milliseconds(50...1_500)))
  }

  private func wake(_ worker: SimulatedWorker) {
    guard worker.isUp else { return }
    worker.timerAt = nil
    schedule(worker)
    for (key, replica) in worker.replicas.sorted(by: { $0.key < $1.key }) {
      replica.timerAt = nil
      schedule(worker, replica, key)
    }
  }

  private func stop(_ worker: SimulatedWorker, for duration: Int64) {
    crash(worker)
    endLater(.startWorker(worker.index), after: duration)
  }

  private func cutLinks(_ worker: SimulatedWorker) {
    let own = network.worker(worker.index)
    let others = [SimulatedNetwork.coordinator] + workers.map { network.worker($0.index) }
    let cut: [Int]
    switch random.int(0...2) {
    case 0: cut = [SimulatedNetwork.coordinator]
    case 1: cut = [random.element(others)]
    default: cut = others
    }
    let direction = random.int(0...3)
    var links: [(from: Int, to: Int)] = []
    for other in cut where other != own {
      if direction != 1 { links.append((own, other)) }
      if direction != 2 { links.append((other, own)) }
    }
    trace(50, UInt64(worker.index), "links are cut: \(links)")
    for link in links { network.block(from: link.from, to: link.to, 1) }
    endLater(.unblock(links), after: random.milliseconds(50...5_000))
  }

  /// Replaces a worker's disk by an empty one, while all else is well and stays so until that was
  /// noticed: a disk and another replica lost within one heartbeat are two faults too many.
  private func takeDisk(_ worker: SimulatedWorker) {
    let isCalm =
      coordinator.isUp && workers.allSatisfy(\.isUp) && network.loss == 0
      && network.blocks.allSatisfy { $0 == 0 } && coordinator.machine.map == store
    guard isCalm, !store.shards.values.contains(where: { $0.primary == worker.name }) else {
      return
    }
    let isNeeded = store.shards.contains { key, shard in
      let others = shard.inSync.filter { name in
        guard name != worker.name, let other = workers.first(where: { $0.name == name }) else {
          return false
        }
        return other.disk[key] != nil && !checker.isWiped(other.index, key)
      }
      return shard.inSync.contains(worker.name) && others.isEmpty || !shard.isEstablished
    }
    guard !isNeeded else { return }
    crash(worker)
    trace(51, UInt64(worker.index), "\(worker.name) loses its disk")
    checker.diskWiped(worker)
    worker.disk = [:]
    worker.clusterID = nil
    endLater(.startWorker(worker.index), after: random.milliseconds(20...2_000))
    nextFault = time + 4_000_000_000
  }

  private func operate(_ worker: SimulatedWorker, _ index: Int) {
    guard let (id, collection) = store.collections.first else { return }
    let name = collection.name
    switch random.int(0...9) {
    case 0: coordinator.requests.append(.rebalance(isDryRun: false))
    case 1: coordinator.requests.append(.drain(worker.name, isDryRun: false))
    case 2: coordinator.requests.append(.undrain(worker.name))
    case 3:
      let count = random.int(1...min(3, workers.count))
      coordinator.requests.append(.setReplicationFactor(name: name, count))
    case 4:
      if let move = store.moves.keys.sorted().randomElement(using: &random) {
        coordinator.requests.append(.abortMove(move))
      }
    case 5:
      // Another of the same name is made then.
      if random.chance(0.5) { coordinator.requests.append(.dropCollection(name: name)) }
    case 6:
      coordinator.requests.append(.drain(worker.name, isDryRun: false))
      endLater(.removeDrained(index), after: random.milliseconds(300...5_000))
    case 7:
      // Two loads at once may name different coders.
      for coder in Self.coders where random.chance(0.6) {
        coordinator.requests.append(.pinCoder(id, coder))
      }
    default: join()
    }
  }

  private static let coders = ["coder-a", "coder-b"].compactMap { CoderIdentity($0) }

  /// The primary crashes, or nobody reaches it any more.
  func losePrimary() {
    guard let name = store.shards.values.first?.primary,
      let worker = workers.first(where: { $0.name == name }),
      store.shards.values.allSatisfy({ $0.isEstablished && $0.syncing.isEmpty })
    else {
      queue.insert(.losePrimary, at: time + 50_000_000)
      return
    }
    if random.chance(0.5) {
      crash(worker)
    } else {
      let own = network.worker(worker.index)
      for other in [SimulatedNetwork.coordinator] + workers.map({ network.worker($0.index) })
      where other != own {
        network.block(from: own, to: other, 1)
        network.block(from: other, to: own, 1)
      }
    }
    trace(53, UInt64(worker.index), "\(worker.name) is lost")
    primaryLostAt = time
  }

  /// A new worker comes, and some of the replicas move to it.
  private func join() {
    guard workers.count < 6 else { return }
    let worker = SimulatedWorker(index: workers.count, capacity: 1 << 30)
    workers.append(worker)
    startWorker(worker)
    coordinator.requests.append(.rebalance(isDryRun: false))
  }

  private func endLater(_ end: EndOfFault, after duration: Int64) {
    queue.insert(.endFault(end), at: time + duration)
  }

  func endFault(_ end: EndOfFault) {
    guard !isHealing else { return }
    switch end {
    case .startWorker(let index): startWorker(workers[index])
    case .startCoordinator: startCoordinator()
    case .unblock(let links):
      for link in links { network.block(from: link.from, to: link.to, -1) }
      for worker in workers { openSince[worker.index] = time }
    case .calmNetwork:
      network.calm()
      calmSince = time
    case .speedUpDisk(let index): workers[index].diskSlowness = 1
    case .removeDrained(let index):
      coordinator.requests.append(.removeWorker(workers[index].name))
    }
  }

  // MARK: Healing

  /// Everything works again from now on; then all has to be well before long.
  func heal() {
    isHealing = true
    trace(52, 0, "everything heals")
    network.calm()
    network.blocks = network.blocks.map { _ in 0 }
    calmSince = time
    for worker in workers { openSince[worker.index] = time }
    for worker in workers {
      worker.diskSlowness = 1
      startWorker(worker)
    }
    startCoordinator()
    for worker in workers { coordinator.requests.append(.undrain(worker.name)) }
    queue.insert(.checkHealed, at: time + 200_000_000)
  }

  func checkHealed() {
    // Who was removed comes back when somebody starts it again.
    for worker in workers
    where worker.isUp && store.removed[worker.name]?.session == worker.machine.session {
      crash(worker)
      startWorker(worker)
    }
    guard let problem = unhealed else {
      result.healedAfterMilliseconds = Int(time / 1_000_000) - options.faultMilliseconds
      hasEnded = true
      return
    }
    let since = Int(time / 1_000_000) - options.faultMilliseconds
    guard since < options.healMilliseconds else {
      checker.fail("not well \(since) ms after everything healed: \(problem)")
      return
    }
    queue.insert(.checkHealed, at: time + 200_000_000)
  }

  /// What is not well yet.
  private var unhealed: String? {
    guard let collection = store.collections.values.first else { return "no collection" }
    if let move = store.moves.first { return "move \(move.key): \(describe(move.value))" }
    if coordinator.machine.map != store { return "the coordinator has another map" }
    if !store.dropped.isEmpty { return "a dropped collection is not forgotten" }
    // Who was removed may come back with files of a collection that was dropped and forgotten since:
    // nobody deletes files of which the map does not know that they are needed no more.
    for worker in workers where !checker.everRemoved.contains(worker.name) {
      if let key = worker.disk.keys.first(where: { store.shards[$0] == nil }) {
        return "\(worker.name) has files of the dropped shard \(key.number)"
      }
    }
    for (key, shard) in store.shards.sorted(by: { $0.key < $1.key }) {
      let what = "shard \(key.number): \(describe(shard))"
      guard shard.isEstablished, shard.syncing.isEmpty,
        shard.inSync.count == collection.replicationFactor
      else { return what }
      guard clients.contains(where: { $0.healed.contains(key) }) else { return "no write: " + what }
      for worker in workers {
        let isMember = shard.replicas[worker.name] != nil
        guard isMember == (worker.disk[key] != nil) else {
          return "files on \(worker.name): " + what
        }
        guard isMember else { continue }
        let role = worker.replicas[key]?.machine.report.role
        guard role == (shard.primary == worker.name ? .primary : .follower) else {
          return "\(worker.name) is \(role.map { "\($0)" } ?? "nothing"): " + what
        }
      }
    }
    return nil
  }
}

extension SimulatedNetwork {
  mutating func calm() {
    loss = 0
    duplication = 0
    extraDelay = 0
  }
}
