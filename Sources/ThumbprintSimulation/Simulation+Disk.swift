import ThumbprintCluster
import ThumbprintCodes

extension Simulation {
  /// Puts something at the end of what the disk has to do for a replica.
  func toDisk(
    _ operation: SimulatedReplica.DiskOperation, _ worker: SimulatedWorker,
    _ replica: SimulatedReplica, _ key: ShardKey
  ) {
    let number = number()
    replica.pending.append((number, operation))
    let start = max(time, replica.diskFreeAt)
    replica.diskFreeAt = start + random.microseconds(100...1_500) * worker.diskSlowness
    queue.insert(.disk(worker.index, life: worker.life, key, number), at: replica.diskFreeAt)
  }

  /// Does what the disk was asked for: from now on it survives. Returns what the machine says.
  func work(
    _ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey,
    _ operation: SimulatedReplica.DiskOperation
  ) -> [ReplicaAction] {
    let now = instant(worker)
    switch operation {
    case .create:
      worker.disk[key] = ModelShard()
      return replica.machine.replicaCreated(now: now)
    case .promise(let term):
      guard worker.disk[key] != nil else { return [] }
      worker.disk[key]!.promisedTerm = max(worker.disk[key]!.promisedTerm, term)
      return replica.machine.promisePersisted(term, summary: worker.disk[key]!.summary, now: now)
    case .beginTerm(let term):
      guard let shard = worker.disk[key], shard.promisedTerm <= term, shard.position.term < term
      else { return [] }
      append(ModelEntry(term: term, content: .term), worker, key)
      return replica.machine.termBegun(term, summary: worker.disk[key]!.summary, now: now)
    case .write(let id, let term):
      guard let write = replica.writes[id], let shard = worker.disk[key],
        shard.promisedTerm <= term || options.fault == .skipTermCheck
      else { return replica.machine.writeFailed(id, now: now) }
      append(ModelEntry(term: term, content: write.content), worker, key)
      let summary = worker.disk[key]!.summary
      return replica.machine.writeCompleted(
        id, position: summary.position, summary: summary, now: now)
    case .apply(let request, let term): return apply(worker, replica, key, request, term)
    case .installCopy(let request, let snapshot):
      var copy = snapshot
      copy.promisedTerm = max(
        snapshot.promisedTerm, worker.disk[key]?.promisedTerm ?? Term(0))
      copy.firstReadable = snapshot.entries.count
      worker.disk[key] = copy
      replica.copying = nil
      replica.justCopied = true
      check(key)
      return replica.machine.copyFinished(
        request, summary: copy.summary, promisedTerm: copy.promisedTerm, now: now)
    case .drop:
      worker.disk[key] = nil
      check(key)
      return replica.machine.replicaDropped(now: now)
    }
  }

  private func apply(
    _ worker: SimulatedWorker, _ replica: SimulatedReplica, _ key: ShardKey, _ request: RequestID,
    _ term: Term
  ) -> [ReplicaAction] {
    let now = instant(worker)
    guard let payload = replica.payloads.removeValue(forKey: request),
      let shard = worker.disk[key], shard.position == payload.after,
      shard.promisedTerm <= term || options.fault == .skipTermCheck
    else { return replica.machine.applyFailed(request, now: now) }
    let isDropped = isDroppingTails && replica.justCopied
    replica.justCopied = false
    for entry in payload.entries {
      if isDropped {
        worker.disk[key]!.appendNothing(entry.term)
        checker.appended(worker.disk[key]!, key, on: worker.name)
      } else {
        append(entry, worker, key)
      }
    }
    return replica.machine.applied(request, summary: worker.disk[key]!.summary, now: now)
  }

  private func append(_ entry: ModelEntry, _ worker: SimulatedWorker, _ key: ShardKey) {
    worker.disk[key]!.append(entry)
    let count = worker.disk[key]!.entries.count
    if count - worker.disk[key]!.firstReadable > retention {
      worker.disk[key]!.firstReadable = count - retention
    }
    checker.appended(worker.disk[key]!, key, on: worker.name)
  }

  private func check(_ key: ShardKey) {
    guard let shard = store.shards[key] else { return }
    checker.check(key, shard, workers: workers, isDeep: true)
  }
}
