import ThumbprintCluster
import ThumbprintCodes

/// A copy on its way.
struct SimulatedCopy {
  var worker: Int
  var life: Int
  var shard: ShardKey
  var request: RequestID
  var source: Int
  var sourceLife: Int
  var term: Term
  var step = 0
  var stepCount = 0
  var snapshot: UInt64 = 0
}

extension Simulation {
  func handleAtReplica(_ event: Event) {
    switch event {
    case .replicaTimer(let index, let life, let key):
      guard let worker = alive(index, life) else { return }
      worker.replicas[key]?.timerAt = nil
      withReplica(worker, key) { $0.machine.deadlineFired(now: instant(worker)) }
    case .disk(let index, let life, let key, let number):
      guard let worker = alive(index, life), let replica = worker.replicas[key],
        let position = replica.pending.firstIndex(where: { $0.number == number })
      else { return }
      let operation = replica.pending.remove(at: position).operation
      trace(30, number, "\(worker.name) \(key.number) disk: \(describe(operation))")
      let actions = work(worker, replica, key, operation)
      perform(actions, worker, replica, key)
    case .diskRead(let index, let life, let key, let request, let after, let countMax):
      guard let worker = alive(index, life) else { return }
      withReplica(worker, key) { read(worker, $0, key, request, after, countMax) }
    case .pull(let index, let from, let life, let request, let pull):
      receivePull(workers[index], from: from, life: life, request, pull)
    case .pullReply(let index, let life, let key, let request, let reply, let payload):
      guard let worker = alive(index, life) else { return }
      trace(31, request.rawValue, "\(worker.name) \(key.number) gets \(reply)")
      withReplica(worker, key) {
        $0.payloads[request] = payload
        return $0.machine.pullReplied(request, reply, now: instant(worker))
      }
    case .pullFailed(let index, let life, let key, let request):
      guard let worker = alive(index, life) else { return }
      withReplica(worker, key) { $0.machine.pullFailed(request, now: instant(worker)) }
    case .copyStep(let copy): continueCopy(copy)
    default: break
    }
  }

  private func describe(_ operation: SimulatedReplica.DiskOperation) -> String {
    if case .installCopy(let request, let shard) = operation {
      return "install copy \(request) at \(shard.position)"
    }
    return "\(operation)"
  }

  // MARK: Actions

  func perform(
    _ actions: [ReplicaAction], _ worker: SimulatedWorker, _ replica: SimulatedReplica,
    _ key: ShardKey
  ) {
    var wantsReport = false
    for action in actions {
      switch action {
      case .createReplica: toDisk(.create, worker, replica, key)
      case .persistPromise(let term): toDisk(.promise(term), worker, replica, key)
      case .beginTerm(let term): toDisk(.beginTerm(term), worker, replica, key)
      case .write(let id, let term): toDisk(.write(id, term), worker, replica, key)
      case .apply(let request, let term): toDisk(.apply(request, term), worker, replica, key)
      case .dropReplica: toDisk(.drop, worker, replica, key)
      case .acknowledge(let id, let position):
        acknowledge(worker, replica, key, id, position)
      case .refuse(let id, let refusal):
        guard let write = replica.writes.removeValue(forKey: id) else { continue }
        trace(32, write.token, "\(worker.name) \(key.number) refuses \(write.token): \(refusal)")
        reply(worker, write, isAcknowledged: false, isUnknown: refusal == .outcomeUnknown)
      case .readLog(let request, let after, let countMax):
        queue.insert(
          .diskRead(worker.index, life: worker.life, key, request, after, countMax),
          at: time + random.microseconds(20...200) * worker.diskSlowness)
      case .replyToPull(let request, let reply): answerPull(worker, replica, key, request, reply)
      case .pull(let request, let source, _, let pull):
        sendPull(worker, key, request, to: source, pull)
      case .startCopy(let request, let source, _, let term, _):
        startCopy(worker, key, request, from: source, term)
      case .limitCopy: break
      case .stopCopy:
        replica.copying = nil
        replica.pending.removeAll {
          if case .installCopy = $0.operation { true } else { false }
        }
      case .reportSoon: wantsReport = true
      }
    }
    let isServing = replica.machine.queryRefusal == nil
    replica.servingSince = isServing ? replica.servingSince ?? time : nil
    schedule(worker, replica, key)
    if wantsReport { reportSoon(worker) }
  }

  private func acknowledge(
    _ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey, _ id: WriteID,
    _ position: LogPosition
  ) {
    guard let write = replica.writes.removeValue(forKey: id) else { return }
    trace(33, write.token, "\(worker.name) \(key.number) acknowledges \(write.token) \(position)")
    checker.acknowledged(key, position, by: worker.index, log: worker.disk[key])
    if let shard = store.shards[key] {
      checker.check(key, shard, workers: workers, isDeep: false)
    }
    if let lost = primaryLostAt {
      primaryLostAt = nil
      result.failOverMilliseconds = Int((time - lost) / 1_000_000)
    }
    reply(worker, write, isAcknowledged: true, isUnknown: false)
  }

  func reply(
    _ worker: SimulatedWorker, _ write: SimulatedWrite, isAcknowledged: Bool, isUnknown: Bool
  ) {
    sendOnce(
      .writeReply(write, isAcknowledged: isAcknowledged, isUnknown: isUnknown),
      from: network.worker(worker.index), to: network.client(write.client))
  }

  // MARK: Pulls

  private func sendPull(
    _ worker: SimulatedWorker, _ key: ShardKey, _ request: RequestID, to source: WorkerName,
    _ pull: FollowerPull
  ) {
    guard let other = workers.first(where: { $0.name == source }) else { return }
    let (from, to) = (network.worker(worker.index), network.worker(other.index))
    if !other.isUp, network.isOpen(from: from, to: to), network.isOpen(from: to, to: from) {
      queue.insert(
        .pullFailed(worker.index, life: worker.life, key, request),
        at: time + random.microseconds(100...900))
      return
    }
    send(
      .pull(other.index, from: worker.index, life: worker.life, request, pull), from: from, to: to)
  }

  private func receivePull(
    _ worker: SimulatedWorker, from: Int, life: Int, _ request: RequestID, _ pull: FollowerPull
  ) {
    guard worker.isUp else { return }
    guard let replica = worker.replicas[pull.shard] else {
      let refusal = PullReply(term: Term(0), outcome: .refused(.notReady))
      sendOnce(
        .pullReply(from, life: life, pull.shard, request, refusal, nil),
        from: network.worker(worker.index), to: network.worker(from))
      return
    }
    let own = RequestID(number())
    replica.pulls[own] = (from, life, request)
    perform(
      replica.machine.pullReceived(pull, request: own, now: instant(worker)), worker, replica,
      pull.shard)
  }

  private func answerPull(
    _ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey, _ request: RequestID,
    _ reply: PullReply
  ) {
    let payload = replica.readings.removeValue(forKey: request)
    guard let asker = replica.pulls.removeValue(forKey: request) else {
      checker.fail("\(worker.name): a pull was answered twice")
      return
    }
    send(
      .pullReply(asker.worker, life: asker.life, key, asker.request, reply, payload),
      from: network.worker(worker.index), to: network.worker(asker.worker))
  }

  private func read(
    _ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey, _ request: RequestID,
    _ after: LogPosition, _ countMax: Int
  ) -> [ReplicaAction] {
    let outcome: LogReadOutcome
    if let shard = worker.disk[key] {
      let comparingTerms = options.fault != .skipTermCheck
      switch shard.read(after: after, countMax: countMax, comparingTerms: comparingTerms) {
      case .diverged: outcome = .diverged
      case .truncated: outcome = .truncated
      case .entries(let entries):
        let last = entries.last.map {
          LogPosition(term: $0.term, sequence: SequenceNumber(UInt64(entries.endIndex)))
        }
        let isEnd = entries.isEmpty || entries.endIndex == shard.entries.count
        replica.readings[request] = SimulatedReplica.Payload(after: after, entries: entries)
        outcome = .entries(last: last ?? after, summary: isEnd ? shard.summary : nil)
      }
    } else {
      outcome = .failed
    }
    return replica.machine.logRead(request, outcome, now: instant(worker))
  }

  // MARK: Copies

  private func startCopy(
    _ worker: SimulatedWorker, _ key: ShardKey, _ request: RequestID, from source: WorkerName,
    _ term: Term
  ) {
    guard let other = workers.first(where: { $0.name == source }) else { return }
    worker.replicas[key]?.copying = request
    let copy = SimulatedCopy(
      worker: worker.index, life: worker.life, shard: key, request: request, source: other.index,
      sourceLife: other.life, term: term, stepCount: random.int(1...6))
    queue.insert(.copyStep(copy), at: time + random.microseconds(200...2_000))
  }

  private func continueCopy(_ old: SimulatedCopy) {
    var copy = old
    guard let worker = alive(copy.worker, copy.life), let replica = worker.replicas[copy.shard]
    else {
      snapshots[copy.snapshot] = nil
      return
    }
    let (own, other) = (network.worker(copy.worker), network.worker(copy.source))
    let isOpen = network.isOpen(from: own, to: other) && network.isOpen(from: other, to: own)
    let source = alive(copy.source, copy.sourceLife)
    if copy.step == 0, let source, source.replicas[copy.shard]?.machine.report.role == .primary,
      source.replicas[copy.shard]?.machine.report.term == copy.term
    {
      copy.snapshot = number()
      snapshots[copy.snapshot] = source.disk[copy.shard]
    }
    guard isOpen, source != nil, let snapshot = snapshots[copy.snapshot] else {
      snapshots[copy.snapshot] = nil
      perform(
        replica.machine.copyFailed(copy.request, now: instant(worker)), worker, replica, copy.shard)
      return
    }
    copy.step += 1
    trace(34, copy.snapshot, "\(worker.name) \(copy.shard.number) copies \(copy.step)")
    _ = replica.machine.copyProgressed(
      copy.request, CopyProgress(byteCountDone: copy.step, byteCountTotal: copy.stepCount))
    guard copy.step < copy.stepCount else {
      snapshots[copy.snapshot] = nil
      guard replica.copying == copy.request else { return }
      toDisk(.installCopy(copy.request, snapshot), worker, replica, copy.shard)
      return
    }
    queue.insert(.copyStep(copy), at: time + random.milliseconds(1...60))
  }
}
