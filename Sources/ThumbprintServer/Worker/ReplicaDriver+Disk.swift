import Glibc
import Logging
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

/// A replica as an operation on its disk left it.
private struct DiskState: Sendable {
  var shard: Shard
  var summary: ReplicaSummary
  var promisedTerm: Term

  init(_ shard: Shard) throws {
    let status = try shard.replicaStatus()
    self.shard = shard
    summary = ReplicaSummary(status)
    promisedTerm = status.promisedTerm
  }
}

// What goes to the disk of a replica, in the order in which its machine says it.
extension ReplicaDriver {
  /// Runs `work` on the thread of the disk, then `event` on the loop.
  private func onDisk<T: Sendable>(
    _ work: @escaping @Sendable () throws -> T,
    _ event: @escaping @Sendable (ReplicaDriver, Result<T, any Error>) -> Void
  ) {
    disk.submit { [loop, key, life] in
      let result = Result { try work() }
      loop.submit { core in core.withReplica(key, life: life) { event($0, result) } }
    }
  }

  func create(_ assignment: ReplicaAssignment) {
    let meta = ShardMeta(
      key: key, shardCount: assignment.shardCount, tableCount: assignment.tableCount,
      permutationSeed: assignment.permutationSeed, created: UInt64(max(0, time(nil))),
      coder: assignment.coder)
    onDisk { [store = context.store] in
      try store.create(meta)
    } _: { driver, result in
      driver.settle("cannot make the replica", result) { shard in
        driver.shard = shard
        return driver.machine.replicaCreated(now: .now)
      }
    }
  }

  func persistPromise(_ term: Term) {
    onDisk { [store = context.store, key] in
      let shard = try store.shard(key)
      do {
        try shard.promise(term)
      } catch let error as StoreError where error.code == .staleTerm {
        // A later promise, already on the disk, says more.
      }
      return try DiskState(shard)
    } _: { driver, result in
      driver.settle("cannot promise term \(term)", result) { state in
        if driver.copy == nil { driver.shard = state.shard }
        return driver.machine.promisePersisted(term, summary: state.summary, now: .now)
      }
    }
  }

  func begin(_ term: Term) {
    onDisk { [store = context.store, key] in
      let shard = try store.shard(key)
      _ = try shard.beginTerm(term)
      return try DiskState(shard)
    } _: { driver, result in
      driver.settle("cannot begin term \(term)", result) { state in
        driver.shard = state.shard
        return driver.machine.termBegun(term, summary: state.summary, now: .now)
      }
    }
  }

  /// Brings the machine the outcome of what it cannot do without.
  private func settle<T>(
    _ failure: String, _ result: Result<T, any Error>, _ event: (T) -> [ReplicaAction]
  ) {
    switch result {
    case .success(let value): perform(event(value))
    case .failure(let error):
      logger.error("\(failure)", metadata: ["error": "\(error)"])
      perform(machine.diskFailed(now: .now))
    }
  }

  func write(_ id: WriteID, _ term: Term) {
    guard let prepared = writes[id]?.prepared else { return }
    let shard = shard
    disk.submit(
      ReplicaDisk.Write(prepared: prepared, term: term) { [loop, key, life] result in
        let summary = Result {
          guard let shard else { throw StoreError(.closed, "the shard \(key) is not open") }
          return ReplicaSummary(try shard.replicaStatus())
        }
        loop.submit { core in
          core.withReplica(key, life: life) { $0.written(id, result, summary) }
        }
      })
  }

  private func written(
    _ id: WriteID,
    _ result: Result<(receipt: WriteReceipt, position: LogPosition), any Error>,
    _ summary: Result<ReplicaSummary, any Error>
  ) {
    do {
      let (receipt, position) = try result.get()
      writes[id]?.receipt = receipt
      perform(
        machine.writeCompleted(id, position: position, summary: try summary.get(), now: .now))
    } catch {
      writes[id]?.failure = ServiceError(any: error)
      complain("a write failed", error)
      perform(machine.writeFailed(id, now: .now))
      if (error as? StoreError)?.code == .corrupt { perform(machine.diskFailed(now: .now)) }
    }
  }

  func apply(_ request: RequestID, _ term: Term) {
    guard let entries = pulled.removeValue(forKey: request) else {
      return perform(machine.applyFailed(request, now: .now))
    }
    onDisk { [store = context.store, key] in
      let shard = try store.shard(key)
      _ = try shard.apply(entries, primaryTerm: term)
      return try DiskState(shard)
    } _: { driver, result in
      switch result {
      case .success(let state):
        driver.perform(driver.machine.applied(request, summary: state.summary, now: .now))
      case .failure(let error):
        driver.complain("entries were not applied", error)
        let code = (error as? StoreError)?.code
        driver.perform(
          code == .corrupt
            ? driver.machine.diskFailed(now: .now)
            : driver.machine.applyFailed(request, isDiverged: code == .diverged, now: .now))
      }
    }
  }

  func drop() {
    shard = nil
    context.copies.close(of: key)
    onDisk { [store = context.store, key] in
      try store.drop(key)
    } _: { driver, result in
      driver.settle("cannot drop the replica", result) { driver.machine.replicaDropped(now: .now) }
    }
  }

  // MARK: Copies

  func startCopy(_ request: RequestID, from address: WorkerAddress, term: Term, byteRate: Int) {
    let receiver = CopyReceiver(
      key: key, term: term, source: address, byteRate: byteRate, context: context)
    copy?.stop()
    copy = receiver
    shard = nil
    context.copies.close(of: key)
    let event: @Sendable (CopyReceiver.Event) -> Void = { [loop, key, life] event in
      loop.submit { core in
        core.withReplica(key, life: life) { $0.copyChanged(request, receiver, event) }
      }
    }
    disk.submit { [store = context.store, key] in
      if receiver.isStopped { return }
      do {
        receiver.start(try store.copy(of: key), event)
      } catch {
        event(.failed(error))
      }
    }
  }

  func stopCopy() {
    copy?.stop()
    copy = nil
    disk.submit { [store = context.store, key] in store.pauseCopy(of: key) }
  }

  private func copyChanged(
    _ request: RequestID, _ receiver: CopyReceiver, _ event: CopyReceiver.Event
  ) {
    guard copy === receiver else { return }
    switch event {
    case .progressed(let progress): perform(machine.copyProgressed(request, progress))
    case .failed(let error):
      noteCopyFailure(error)
      copy = nil
      perform(machine.copyFailed(request, now: .now))
    case .received(let counts):
      onDisk { [store = context.store, key] () throws -> DiskState? in
        if receiver.isStopped { return nil }
        let shard = try store.finishCopy(of: key)
        // Here, so that its first queries are no slower than others.
        try shard.warm()
        IndexSnapshot.prepare([try shard.index()])
        return try DiskState(shard)
      } _: { driver, result in
        driver.copyFinished(request, receiver, counts, result)
      }
    }
  }

  /// That a primary is not there yet, or no more, is nothing to worry about, unless it stays so.
  private func noteCopyFailure(_ error: any Error) {
    copyFailureCount += 1
    let isExpected = (error as? ServiceError)?.isRetryable ?? false
    let level: Logger.Level =
      isExpected && copyFailureCount % Self.toleratedCopyFailureCount != 0 ? .info : .warning
    logger.log(
      level: level, "a copy was interrupted",
      metadata: ["error": "\(error)", "attempt": "\(copyFailureCount)"])
  }

  private static let toleratedCopyFailureCount = 10

  private func copyFinished(
    _ request: RequestID, _ receiver: CopyReceiver, _ counts: CopyReceiver.Counts,
    _ result: Result<DiskState?, any Error>
  ) {
    switch result {
    case .success(.none): return
    case .success(.some(let state)):
      if copy === receiver { copy = nil }
      // Another copy may have been ordered meanwhile.
      if copy == nil { shard = state.shard }
      copyFailureCount = 0
      logger.notice(
        "copied",
        metadata: [
          "position": "\(state.summary.position)", "records": "\(state.summary.recordCount)",
          "received": "\(counts.receivedByteCount)", "kept": "\(counts.keptByteCount)",
        ])
      perform(
        machine.copyFinished(
          request, summary: state.summary, promisedTerm: state.promisedTerm, now: .now))
    case .failure(let error):
      logger.warning("a copy was not complete", metadata: ["error": "\(error)"])
      guard copy === receiver else { return }
      copy = nil
      perform(machine.copyFailed(request, now: .now))
    }
  }
}
