import Logging
import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// A worker of a cluster: keeps replicas of shards, searches them, and has part in writing them,
/// as its coordinator orders.
///
/// What it does is decided by the machines of ThumbprintCluster, on one thread; searches, disks and
/// copies have threads of their own. Nothing here waits on the thread of a caller.
package final class WorkerService: RequestHandler {
  private let context: WorkerContext
  private let loop: EventLoopThread<WorkerCore>
  private let isStopping = Atomic(false)
  /// Bytes of writes under way.
  private let writeByteCount = Atomic(0)

  /// Opens the folder of the replicas, and connects to the coordinator. The replicas are opened
  /// meanwhile.
  ///
  /// - Parameter membership: Told to which cluster the worker belongs.
  /// - Throws: ``StoreError``: `locked` if another process has the folder; `invalid`, `corrupt`,
  ///   `io`.
  package init(
    settings: WorkerSettings, peers: any PeerNetwork, coordinator: any CoordinatorNetwork,
    membership: ClusterMembership = ClusterMembership(), metrics: WorkerMetrics = WorkerMetrics(),
    logger: Logger
  ) throws {
    let store = try ReplicaStore(
      path: settings.path, limits: settings.maintenance, retention: settings.retention)
    let clusterID = try store.clusterID()
    membership.join(clusterID)
    var logger = logger
    logger[metadataKey: "worker"] = "\(settings.name)"
    let context = WorkerContext(
      settings: settings, store: store, peers: peers, coordinator: coordinator,
      membership: membership, metrics: metrics, logger: logger)
    self.context = context
    loop = EventLoopThread(name: "worker") { loop in
      WorkerCore(context: context, clusterID: clusterID, loop: loop)
    }
  }

  /// Ends the worker: refuses what comes from now on, answers what waits, and lets go of the
  /// files. Blocks until all threads have ended.
  package func stop() {
    end { $0.abandon(ServiceError(.shuttingDown, "the worker ends")) }
  }

  /// Ends the worker as a crash does: nobody gets an answer or a farewell.
  package func halt() {
    end { _ in }
  }

  private func end(_ farewell: @escaping @Sendable (WorkerCore) -> Void) {
    guard !isStopping.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let disks = Monitor<[ReplicaDisk]?>(nil)
    loop.submit { core in
      farewell(core)
      core.stopCopies()
      disks.change { $0 = core.disks }
    }
    let all: [ReplicaDisk]? = disks.wait { $0 }
    loop.close()
    for disk in all ?? [] { disk.close() }
    context.pool.close()
    context.logReaders.close()
    context.copies.close(of: nil)
    context.store.close()
  }

  /// Has the core say something of itself, on its thread. Never returns once the worker has ended.
  func asked<Value: Sendable>(_ body: @escaping @Sendable (WorkerCore) -> Value) async -> Value {
    await withUnsafeContinuation { continuation in
      loop.submit { continuation.resume(returning: body($0)) }
    }
  }

  // MARK: Requests

  package func handle(
    _ frame: Frame, deadline: MonotonicInstant?, reply: @escaping ReplyHandler
  ) {
    if isStopping.load(ordering: .acquiring) {
      return reply(.failure(ServiceError(.shuttingDown, "the worker ends")))
    }
    let context = context
    switch frame.header.type {
    case .search:
      let began = MonotonicInstant.now
      let counted: ReplyHandler = { result in
        let isAnswered = if case .success = result { true } else { false }
        context.metrics.searched(isAnswered: isAnswered, since: began)
        reply(result)
      }
      work(.query, frame, "a search", deadline, counted) { (request: SearchRequest) in
        try SearchWork.start(request, context, deadline, counted)
      }
    case .fetch:
      answer(.query, frame, "a fetch", deadline, reply) { (request: FetchRequest) in
        try RecordWork.fetch(request, context)
      }
    case .scan:
      answer(.bulk, frame, "a scan", deadline, reply) { (request: ScanRequest) in
        try RecordWork.scan(request, context)
      }
    case .append: append(frame, deadline, reply)
    case .logPull: pull(frame, reply)
    case .copyOpen:
      answer(.bulk, frame, "a copy", deadline, reply) { (request: CopyOpenRequest) in
        guard let handle = context.replicas[request.shard], let shard = handle.shard,
          handle.primaryTerm == request.term
        else {
          throw ServiceError(
            .notPrimary,
            "worker \(context.settings.name) is not the primary of shard \(request.shard) in term "
              + "\(request.term)")
        }
        return try context.copies.open(request.shard, try shard.copySource())
      }
    case .copyRead:
      answer(.bulk, frame, "a copy", deadline, reply) { (request: CopyReadRequest) in
        let reply = try context.copies.read(request)
        context.metrics.copied(sent: reply.bytes.count)
        return reply
      }
    case .copyClose:
      answer(.bulk, frame, "a copy", nil, reply) { (request: CopyCloseRequest) in
        context.copies.close(request.session)
        return CopyCloseReply()
      }
    case .control:
      answer(.query, frame, "a control message", deadline, reply) { (request: ControlRequest) in
        try RecordWork.control(request, context)
      }
    default:
      reply(
        .failure(
          ServiceError(.unknownMessage, "a worker does not answer a \(frame.header.type)")))
    }
  }

  /// Reads a request on a thread of the pool, and calls `body` there.
  private func work<Request: WireRequest>(
    _ lane: WorkPool.Lane, _ frame: Frame, _ what: String, _ deadline: MonotonicInstant?,
    _ reply: @escaping ReplyHandler, _ body: @escaping @Sendable (Request) throws -> Void
  ) {
    let isTaken = context.pool.submit(lane, deadline: deadline) { isInTime in
      guard isInTime else { return reply(.failure(.late(what))) }
      do {
        try body(try frame.message(as: Request.self))
      } catch {
        reply(.failure(ServiceError(any: error)))
      }
    }
    if !isTaken { reply(.failure(.tooMuch)) }
  }

  /// The same for what is answered there and then.
  private func answer<Request: WireRequest>(
    _ lane: WorkPool.Lane, _ frame: Frame, _ what: String, _ deadline: MonotonicInstant?,
    _ reply: @escaping ReplyHandler,
    _ body: @escaping @Sendable (Request) throws -> Request.Reply
  ) {
    work(lane, frame, what, deadline, reply) { (request: Request) in
      reply(.success(try body(request)))
    }
  }

  private func pull(_ frame: Frame, _ reply: @escaping ReplyHandler) {
    // A few bytes: read here, so that it waits for nothing but the loop.
    let request: LogPullRequest
    do {
      request = try frame.message()
    } catch {
      return reply(.failure(error))
    }
    let name = context.settings.name
    loop.submit { core in
      if !core.withReplica(request.shard, { $0.pullReceived(request.pull, reply) }) {
        reply(.failure(.notHere(request.shard, worker: name)))
      }
    }
  }

  /// What is smaller goes with the queries: its preparation takes no longer.
  private static let smallByteCount = 64 << 10

  private func append(
    _ frame: Frame, _ deadline: MonotonicInstant?, _ reply: @escaping ReplyHandler
  ) {
    let byteCount = frame.body.count
    let sum = writeByteCount.add(byteCount, ordering: .relaxed).newValue
    let counted: ReplyHandler = { [self] result in
      writeByteCount.subtract(byteCount, ordering: .relaxed)
      reply(result)
    }
    guard sum <= max(context.settings.writeByteCountMax, byteCount) else {
      return counted(
        .failure(ServiceError(.busy, "writes of \(sum) bytes are under way on this worker")))
    }
    let lane: WorkPool.Lane = byteCount <= Self.smallByteCount ? .query : .bulk
    work(lane, frame, "a write", deadline, counted) { [context, loop] (request: AppendRequest) in
      let name = context.settings.name
      guard let shard = context.replicas[request.shard]?.shard else {
        throw ServiceError.notHere(request.shard, worker: name)
      }
      try RecordWork.checkCoder(request.coder, of: shard)
      let prepared =
        switch request.operation {
        case .upsert(let rows): try shard.prepare(.rows(ReceivedRows(rows), threadCount: 1))
        case .delete(let ids): try shard.prepare(.delete(ids))
        }
      loop.submit { core in
        if !core.withReplica(request.shard, { $0.writeReceived(prepared, counted) }) {
          counted(.failure(.notHere(request.shard, worker: name)))
        }
      }
    }
  }
}
