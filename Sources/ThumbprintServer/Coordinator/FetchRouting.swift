import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Records that are collected from several workers.
private final class OpenFetch {
  let fetch: FetchRequest
  let request: ServerRequest
  let deadline: MonotonicInstant
  let shardCount: Int
  var found: [ItemID: SearchRouting.Content] = [:]
  /// Shards that were not looked into, and how often that was tried.
  var open: [Int: Int] = [:]
  var isEnded = false

  init(
    _ fetch: FetchRequest, _ request: ServerRequest, deadline: MonotonicInstant, shardCount: Int
  ) {
    self.fetch = fetch
    self.request = request
    self.deadline = deadline
    self.shardCount = shardCount
    for id in fetch.ids { open[ShardHash.shard(of: id, count: shardCount)] = 0 }
  }
}

extension CoordinatorCore {
  func fetch(_ fetch: FetchRequest, _ request: ServerRequest) throws(ServiceError) {
    let entry = try collection(fetch.collection)
    let open = OpenFetch(
      fetch, request, deadline: deadline(of: request), shardCount: entry.shardCount)
    ask(open, for: Set(open.open.keys))
  }

  /// Asks for the ids of some shards, each of a replica in sync: all have what was acknowledged.
  private func ask(_ fetch: OpenFetch, for shards: Set<Int>) {
    var byWorker: [WorkerName: Set<Int>] = [:]
    for number in shards {
      let key = ShardKey(collection: fetch.fetch.collection, number: number)
      guard let entry = map.shards[key] else {
        return fetch.end(.failure(ServiceError(.notFound, "the collection was dropped")))
      }
      // The primary first, then the others in turn.
      let replicas = [entry.primary] + entry.inSync.filter { $0 != entry.primary }
      byWorker[replicas[fetch.open[number, default: 0] % replicas.count], default: []]
        .insert(number)
    }
    for (worker, numbers) in byWorker {
      let ids = fetch.fetch.ids.filter {
        numbers.contains(ShardHash.shard(of: $0, count: fetch.shardCount))
      }
      send(
        FetchRequest(collection: fetch.fetch.collection, ids: ids, parts: fetch.fetch.parts),
        fetch, to: worker, numbers)
    }
  }

  private func send(
    _ message: FetchRequest, _ fetch: OpenFetch, to worker: WorkerName, _ numbers: Set<Int>
  ) {
    let left = MonotonicInstant.now.duration(to: fetch.deadline)
    guard left > .zero else {
      return fetch.end(.failure(ServiceError(.deadlineExceeded, "no answer in time")))
    }
    guard let address = address(of: worker) else {
      return fetched(
        fetch, numbers,
        .failure(ServiceError(.unavailable, "worker '\(worker)' has no address", isRetryable: true))
      )
    }
    let bound = NIOLoopBound(fetch, eventLoop: loop)
    let received = receiver { (core: CoordinatorCore, result: Result<FetchReply, ServiceError>) in
      core.fetched(bound.value, numbers, result)
    }
    // Another replica is asked when one keeps us waiting.
    let patience = min(left, .seconds(2))
    network.start(
      OutgoingRequest(
        message, traceID: fetch.request.traceID, timeout: patience.timeAmount,
        completion: received), to: address)
  }

  private func fetched(
    _ fetch: OpenFetch, _ numbers: Set<Int>, _ result: Result<FetchReply, ServiceError>
  ) {
    if fetch.isEnded { return }
    switch result {
    case .success(let reply):
      for row in 0..<reply.rows.rowCount {
        fetch.found[reply.rows.id(row)] = .init(rows: reply.rows, row: row)
      }
      for number in numbers { fetch.open[number] = nil }
      if fetch.open.isEmpty { fetch.end(.success(fetch.reply)) }
    case .failure(let error):
      guard error.isRetryable || error.code == .corrupt || error.code == .io else {
        return fetch.end(.failure(error))
      }
      let bound = NIOLoopBound(fetch, eventLoop: loop)
      for number in numbers { fetch.open[number, default: 0] += 1 }
      after(settings.retryPause) { core in
        let fetch = bound.value
        guard !fetch.isEnded else { return }
        if MonotonicInstant.now >= fetch.deadline || fetch.request.isCancelled {
          fetch.end(.failure(error))
        } else {
          core.ask(fetch, for: numbers)
        }
      }
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
    guard let address = address(of: replicas[tried % replicas.count]) else {
      if request.isCancelled { return }
      after(settings.retryPause) {
        $0.scan(scan, request, until: deadline, tried: tried + 1)
      }
      return
    }
    let received = receiver { (core: CoordinatorCore, result: Result<Frame, ServiceError>) in
      do throws(ServiceError) {
        let frame = try result.get()
        if frame.header.type == .error { throw try ErrorMessage.decoded(frame.body).error }
        request.answer(type: frame.header.type, body: frame.body)
      } catch {
        guard error.isRetryable, !request.isCancelled else { return request.fail(error) }
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
  var reply: FetchReply {
    var rows = RowColumnsBuilder(parts: fetch.parts, capacity: found.count)
    for id in fetch.ids {
      if let content = found[id] { rows.append(row: content.row, of: content.rows) }
    }
    return FetchReply(rows: rows.columns())
  }

  func end(_ result: Result<FetchReply, ServiceError>) {
    if isEnded { return }
    isEnded = true
    switch result {
    case .success(let reply): request.answer(reply)
    case .failure(let error): request.fail(error)
    }
  }
}
