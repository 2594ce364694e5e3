import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Records that are collected from several workers.
///
/// Lives on the loop of its coordinator.
private final class OpenFetch {
  let fetch: FetchRequest
  let request: ServerRequest
  let deadline: MonotonicInstant
  let shardCount: Int
  var plan: FetchPlan
  var found: [ItemID: SearchRouting.Content] = [:]
  /// What workers were asked, and when they are late with it.
  var sent: [OutgoingRequest] = []
  var timers: [Scheduled<Void>] = []
  var isEnded = false

  init(
    _ fetch: FetchRequest, _ request: ServerRequest, deadline: MonotonicInstant, shardCount: Int
  ) {
    self.fetch = fetch
    self.request = request
    self.deadline = deadline
    self.shardCount = shardCount
    plan = FetchPlan(shards: fetch.ids.lazy.map { ShardHash.shard(of: $0, count: shardCount) })
  }
}

extension CoordinatorCore {
  func fetch(_ fetch: FetchRequest, _ request: ServerRequest) throws(ServiceError) {
    let entry = try collection(fetch.collection)
    let open = OpenFetch(
      fetch, request, deadline: deadline(of: request), shardCount: entry.shardCount)
    let bound = NIOLoopBound(open, eventLoop: loop)
    request.onCancel(onLoop { _ in bound.value.end(.failure(.takenBack)) })
    let replicas = replicas(of: fetch.collection)
    ask(open, open.plan.ask(open.plan.waiting, of: replicas))
  }

  /// Who has what was acknowledged of a shard: the primary, then the others in sync.
  private func replicas(of collection: CollectionID) -> (Int) -> [WorkerName] {
    { [map] number in
      guard let shard = map.shards[ShardKey(collection: collection, number: number)] else {
        return []
      }
      return [shard.primary] + shard.inSync.filter { $0 != shard.primary }
    }
  }

  /// Asks workers for the ids of some shards.
  private func ask(_ fetch: OpenFetch, _ chosen: [WorkerName: [Int]]) {
    for (worker, numbers) in chosen {
      let wanted = Set(numbers)
      let ids = fetch.fetch.ids.filter {
        wanted.contains(ShardHash.shard(of: $0, count: fetch.shardCount))
      }
      send(
        FetchRequest(collection: fetch.fetch.collection, ids: ids, parts: fetch.fetch.parts),
        fetch, to: worker, numbers)
    }
  }

  private func send(
    _ message: FetchRequest, _ fetch: OpenFetch, to worker: WorkerName, _ numbers: [Int]
  ) {
    if fetch.isEnded { return }
    let left = MonotonicInstant.now.duration(to: fetch.deadline)
    guard left > .zero else {
      return fetch.end(.failure(ServiceError(.deadlineExceeded, "no answer in time")))
    }
    guard let address = address(of: worker) else {
      return failed(
        fetch, numbers,
        ServiceError(.unavailable, "worker '\(worker)' has no address", isRetryable: true))
    }
    let bound = NIOLoopBound(fetch, eventLoop: loop)
    let received = receiver { (core: CoordinatorCore, result: Result<FetchReply, ServiceError>) in
      switch result {
      case .success(let reply): core.fetched(bound.value, numbers, reply)
      case .failure(let error): core.failed(bound.value, numbers, error)
      }
    }
    let outgoing = OutgoingRequest(
      message, traceID: fetch.request.traceID, timeout: left.timeAmount, completion: received)
    fetch.sent.append(outgoing)
    fetch.timers.append(
      after(settings.fetchPatience) { core in
        let fetch = bound.value
        if fetch.isEnded { return }
        let replicas = core.replicas(of: fetch.fetch.collection)
        core.ask(fetch, fetch.plan.join(numbers, with: replicas))
      })
    network.start(outgoing, to: address)
  }

  private func fetched(_ fetch: OpenFetch, _ numbers: [Int], _ reply: FetchReply) {
    if fetch.isEnded { return }
    guard reply.rows.has(fetch.fetch.parts) else {
      return fetch.end(
        .failure(ServiceError(.malformed, "a worker sent records without what was asked for")))
    }
    for row in 0..<reply.rows.rowCount {
      fetch.found[reply.rows.id(row)] = .init(rows: reply.rows, row: row)
    }
    fetch.plan.answered(numbers)
    guard fetch.plan.waiting.isEmpty else { return }
    fetch.end(Result { () throws(ServiceError) in try fetch.reply() })
  }

  private func failed(_ fetch: OpenFetch, _ numbers: [Int], _ error: ServiceError) {
    if fetch.isEnded { return }
    guard error.isRetryable || error.code == .corrupt || error.code == .io else {
      return fetch.end(.failure(error))
    }
    let rest = fetch.plan.failed(numbers)
    if rest.isEmpty { return }
    let bound = NIOLoopBound(fetch, eventLoop: loop)
    after(settings.retryPause) { core in
      let fetch = bound.value
      if fetch.isEnded { return }
      guard MonotonicInstant.now < fetch.deadline else { return fetch.end(.failure(error)) }
      let collection = fetch.fetch.collection
      guard core.map.collections[collection] != nil else {
        return fetch.end(.failure(ServiceError(.notFound, "the collection was dropped")))
      }
      core.ask(fetch, fetch.plan.ask(rest, of: core.replicas(of: collection)))
    }
  }

  /// Passes a scan on to a replica in sync.
  func scan(_ scan: ScanRequest, _ request: ServerRequest) {
    self.scan(scan, request, until: deadline(of: request), tried: 0)
  }

  private func scan(
    _ scan: ScanRequest, _ request: ServerRequest, until deadline: MonotonicInstant, tried: Int
  ) {
    guard let entry = map.shards[scan.shard] else {
      return request.fail(ServiceError(.notFound, "there is no shard \(scan.shard)"))
    }
    let replicas = [entry.primary] + entry.inSync.filter { $0 != entry.primary }
    let left = MonotonicInstant.now.duration(to: deadline)
    guard left > .zero else {
      return request.fail(ServiceError(.deadlineExceeded, "no answer in time"))
    }
    if request.isCancelled { return request.fail(.takenBack) }
    guard let address = address(of: replicas[tried % replicas.count]) else {
      after(settings.retryPause) { $0.scan(scan, request, until: deadline, tried: tried + 1) }
      return
    }
    let received = receiver { (core: CoordinatorCore, result: Result<Frame, ServiceError>) in
      do throws(ServiceError) {
        let frame = try result.get()
        if frame.header.type == .error { throw try ErrorMessage.decoded(frame.body).error }
        request.answer(type: frame.header.type, body: frame.body)
      } catch {
        guard error.isRetryable else { return request.fail(error) }
        core.after(core.settings.retryPause) {
          $0.scan(scan, request, until: deadline, tried: tried + 1)
        }
      }
    }
    network.start(
      OutgoingRequest(
        type: .scan, body: request.frame.body, traceID: request.frame.header.traceID,
        timeout: left.timeAmount, completion: received), to: address)
  }
}

extension OpenFetch {
  /// The rows in the order of the ids that were asked for.
  func reply() throws(ServiceError) -> FetchReply {
    var rows = RowColumnsBuilder(parts: fetch.parts, capacity: found.count)
    for id in fetch.ids {
      guard let content = found[id] else { continue }
      rows.append(row: content.row, of: content.rows)
      try rows.checkSize()
    }
    return FetchReply(rows: rows.columns())
  }

  func end(_ result: Result<FetchReply, ServiceError>) {
    if isEnded { return }
    isEnded = true
    for timer in timers { timer.cancel() }
    for outgoing in sent { outgoing.cancel() }
    (timers, sent) = ([], [])
    switch result {
    case .success(let reply): request.answer(reply)
    case .failure(let error): request.fail(error)
    }
  }
}
