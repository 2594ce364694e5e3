import Logging
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintTransport
import ThumbprintWire

/// Runs the machine of one replica: brings it what happens, and does what it says.
///
/// Lives on the loop of its worker.
final class ReplicaDriver {
  /// A write that came, until its writer is answered.
  struct PendingWrite {
    var prepared: PreparedWrite
    var reply: ReplyHandler
    var receipt = WriteReceipt()
    var failure: ServiceError?
  }

  /// A pull that a follower sent, until it is answered.
  struct PendingPull {
    var reply: ReplyHandler
    var entries: [[UInt8]] = []
  }

  typealias Loop = EventLoopThread<WorkerCore>

  let key: ShardKey
  /// Tells it from others that had the same shard before.
  let life: UInt64
  var machine: ReplicaStateMachine
  let context: WorkerContext
  let disk: ReplicaDisk
  let loop: Loop
  var logger: Logger
  /// `nil` while there are no whole files, or while they may be replaced.
  var shard: Shard?
  /// Whether the coordinator should hear of it soon.
  var isReportWanted = false
  var writes: [WriteID: PendingWrite] = [:]
  var pulls: [RequestID: PendingPull] = [:]
  /// What the primary sent, until it is on the disk.
  var pulled: [RequestID: [[UInt8]]] = [:]
  var copy: CopyReceiver?
  /// Failures of copies in a row.
  var copyFailureCount = 0
  /// What every write can run into, with a disk that is full, fills no log.
  private var limiter = LineLimiter(lineCountMax: 5, window: 10_000_000_000)
  /// The files that know of which coder the codes are.
  private weak var codedShard: Shard?
  private var lastWrite: UInt64 = 0
  private var lastPull: UInt64 = 0

  /// - Parameters:
  ///   - shard: What was found on the disk.
  ///   - hasUnfinishedCopy: Whether a copy was found there, or something that is no shard.
  init(
    key: ShardKey, life: UInt64, shard: Shard?, hasUnfinishedCopy: Bool, context: WorkerContext,
    loop: Loop
  ) throws {
    self.key = key
    self.life = life
    self.shard = shard
    self.context = context
    self.loop = loop
    logger = context.logger
    logger[metadataKey: "shard"] = "\(key)"
    let status = try shard?.replicaStatus()
    machine = ReplicaStateMachine(
      shard: key, worker: context.settings.name,
      stored: status.map { (promisedTerm: $0.promisedTerm, summary: ReplicaSummary($0)) },
      hasUnfinishedCopy: hasUnfinishedCopy, settings: context.settings.replica)
    disk = ReplicaDisk(name: "disk-\(key.number)", metrics: context.metrics) {
      [store = context.store] in
      try store.shard(key)
    }
    publish()
  }

  // MARK: Events

  func perform(_ actions: [ReplicaAction]) {
    for action in actions { perform(action) }
    publish()
  }

  func writeReceived(_ prepared: PreparedWrite, _ reply: @escaping ReplyHandler) {
    lastWrite += 1
    let id = WriteID(lastWrite)
    writes[id] = PendingWrite(prepared: prepared, reply: reply)
    perform(machine.writeReceived(id, now: .now))
  }

  func pullReceived(_ pull: FollowerPull, _ reply: @escaping ReplyHandler) {
    lastPull += 1
    let id = RequestID(lastPull)
    pulls[id] = PendingPull(reply: reply)
    perform(machine.pullReceived(pull, request: id, now: .now))
  }

  /// Tells the threads of queries what this replica is.
  private func publish() {
    let report = machine.report
    let handle = ReplicaTable.Handle(
      shard: shard, refusal: machine.queryRefusal,
      primaryTerm: report.role == .primary ? report.term : nil)
    context.replicas.set(key, machine.isReported ? handle : nil)
    keepCoder()
  }

  /// Writes down the coder that the collection took after the replica was made, so that snapshots
  /// and copies of the files name it, and the worker too refuses codes of another.
  private func keepCoder() {
    guard let coder = machine.assignment?.coder, let shard, codedShard !== shard else { return }
    codedShard = shard
    disk.submit { [logger] in
      do {
        try shard.adopt(coder)
      } catch {
        logger.warning("the coder was not written down", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Answers all that wait, since nobody will.
  func abandon(_ error: ServiceError) {
    for write in writes.values { write.reply(.failure(error)) }
    for pull in pulls.values { pull.reply(.failure(error)) }
    writes = [:]
    pulls = [:]
  }

  /// Logs what failed, some of it in a while; of the rest the number with the next line.
  func complain(_ message: Logger.Message, _ error: any Error) {
    let now = MonotonicInstant.now.nanoseconds
    if limiter.deadline <= now {
      for (kind, count) in limiter.summary(now: now) {
        logger.warning("more of the same", metadata: ["lines": "\(kind): \(count)"])
      }
    }
    guard limiter.add("\(message)", now: now) == .write else { return }
    logger.warning(message, metadata: ["error": "\(error)"])
  }

  // MARK: Actions

  private func perform(_ action: ReplicaAction) {
    switch action {
    case .createReplica(let assignment): create(assignment)
    case .persistPromise(let term): persistPromise(term)
    case .beginTerm(let term): begin(term)
    case .write(let id, let term): write(id, term)
    case .acknowledge(let id, let position):
      guard let write = writes.removeValue(forKey: id) else { return }
      write.reply(.success(AppendReply(write.receipt, position)))
    case .refuse(let id, let refusal):
      guard let write = writes.removeValue(forKey: id) else { return }
      write.reply(.failure(write.failure ?? error(refusal)))
    case .readLog(let request, let position, let byteCountMax):
      readLog(request, after: position, byteCountMax: byteCountMax)
    case .replyToPull(let request, let reply):
      guard let pull = pulls.removeValue(forKey: request) else { return }
      pull.reply(answer(reply, pull.entries))
    case .pull(let request, _, let address, let pull): send(request, pull, to: address)
    case .apply(let request, let term): apply(request, term)
    case .startCopy(let request, _, let address, let term, let byteRate):
      startCopy(request, from: address, term: term, byteRate: byteRate)
    case .limitCopy(_, let byteRate): copy?.limit(byteRate: byteRate)
    case .stopCopy: stopCopy()
    case .reportSoon: isReportWanted = true
    case .dropReplica: drop()
    }
  }

  func error(_ refusal: ReplicaRefusal) -> ServiceError {
    ServiceError(refusal, shard: key, worker: context.settings.name)
  }

  private func answer(
    _ reply: PullReply, _ entries: [[UInt8]]
  ) -> Result<any WireMessage, ServiceError> {
    let state = reply.summary.map {
      LogReply.State(recordCount: UInt64($0.recordCount), digest: $0.digest)
    }
    switch reply.outcome {
    case .entries(let last):
      return .success(
        LogReply(content: .entries(entries), term: reply.term, last: last, state: state))
    case .diverged:
      return .success(LogReply(content: .diverged, term: reply.term, last: .start))
    case .truncated:
      return .success(LogReply(content: .truncated, term: reply.term, last: .start))
    case .refused(let refusal): return .failure(error(refusal))
    }
  }

  private func readLog(_ request: RequestID, after position: LogPosition, byteCountMax: Int) {
    let shard = shard
    let tell: @Sendable (LogReadOutcome, [[UInt8]]) -> Void = {
      [loop, key, life] outcome, entries in
      loop.submit { core in
        core.withReplica(key, life: life) { driver in
          driver.pulls[request]?.entries = entries
          driver.perform(driver.machine.logRead(request, outcome, now: .now))
        }
      }
    }
    let logger = logger
    _ = context.logReaders.submit(.query) { _ in
      do {
        guard let shard else { return tell(.failed, []) }
        let tail = try shard.logTail(
          after: position, byteCountMax: byteCountMax, entryCountMax: WireLimits.logEntryCountMax)
        switch tail.read {
        case .entries(let entries):
          tell(.entries(last: tail.last, summary: tail.end.map { ReplicaSummary($0) }), entries)
        case .diverged: tell(.diverged, [])
        case .truncated: tell(.truncated, [])
        }
      } catch {
        logger.error("cannot read the log", metadata: ["error": "\(error)"])
        tell(.failed, [])
      }
    }
  }

  private func send(_ request: RequestID, _ pull: FollowerPull, to address: WorkerAddress) {
    context.peers.send(
      LogPullRequest(pull), to: address, timeout: context.settings.replica.pullTimeout
    ) { [loop, key, life] result in
      loop.submit { core in
        core.withReplica(key, life: life) { $0.pullAnswered(request, result) }
      }
    }
  }

  private func pullAnswered(_ request: RequestID, _ result: Result<LogReply, ServiceError>) {
    switch result {
    case .success(let reply):
      let outcome: PullReply.Outcome
      switch reply.content {
      case .entries(let entries):
        outcome = .entries(last: reply.last)
        // The entries of earlier requests are not asked for any more.
        pulled = [request: entries]
      case .diverged: outcome = .diverged
      case .truncated: outcome = .truncated
      }
      let summary = reply.state.map {
        ReplicaSummary(
          position: reply.last, recordCount: Int($0.recordCount), digest: $0.digest)
      }
      perform(
        machine.pullReplied(
          request, PullReply(term: reply.term, outcome: outcome, summary: summary), now: .now))
    case .failure(let error):
      logger.debug("a pull was not answered", metadata: ["error": "\(error.message)"])
      perform(machine.pullFailed(request, now: .now))
    }
  }
}

extension ReplicaSummary {
  init(_ status: ThumbprintStorage.ReplicaStatus) {
    self.init(
      position: status.position, recordCount: status.recordCount, digest: status.digest)
  }
}

extension LogPullRequest {
  init(_ pull: FollowerPull) {
    self.init(
      shard: pull.shard, follower: pull.follower, term: pull.term, since: pull.since,
      after: pull.after, isVerified: pull.isVerified,
      byteCountMax: min(max(1, pull.byteCountMax), WireLimits.payloadByteCountMax))
  }

  var pull: FollowerPull {
    FollowerPull(
      shard: shard, follower: follower, term: term, since: since, after: after,
      isVerified: isVerified, byteCountMax: byteCountMax)
  }
}

extension AppendReply {
  init(_ receipt: WriteReceipt, _ position: LogPosition) {
    self.init(
      position: position, added: UInt32(receipt.added), replaced: UInt32(receipt.replaced),
      unchanged: UInt32(receipt.unchanged), deleted: UInt32(receipt.deleted),
      absent: UInt32(receipt.absent))
  }
}
