import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// A write that a client waits for, passed on to one primary after another until one has done it.
///
/// Lives on the loop of its coordinator.
final class OpenAppend {
  let id: UInt64
  let shard: ShardKey
  let request: ServerRequest
  let deadline: MonotonicInstant
  /// Where it is now, and in which term; `nil` while it waits to be sent again.
  var sent: (request: OutgoingRequest, term: Term)?
  var lastError: ServiceError?

  init(id: UInt64, shard: ShardKey, request: ServerRequest, deadline: MonotonicInstant) {
    self.id = id
    self.shard = shard
    self.request = request
    self.deadline = deadline
  }
}

extension CoordinatorCore {
  /// Passes a write on to the primary, as it came; again if it must, since a write that was
  /// carried out already does nothing the second time.
  func append(_ head: AppendHead, _ request: ServerRequest) throws(ServiceError) {
    let entry = try collection(head.shard.collection)
    let coder = head.coder ?? request.peer.hello.coder
    try check(coder, entry)
    guard head.shard.number < entry.shardCount else {
      throw ServiceError(
        .invalid, "'\(entry.name)' has \(entry.shardCount) shards, no shard \(head.shard.number)")
    }
    // The first write that names a coder decides of which all codes of the collection are.
    if let coder, entry.coder == nil, !head.isDelete { return pin(coder, head, request) }
    let byteCount = request.frame.body.count
    guard appends.isEmpty || appendByteCount + byteCount <= settings.writeByteCountMax else {
      throw ServiceError(
        .busy, "writes of \(appendByteCount) bytes wait for their primaries",
        hint: "workers are too slow, or gone: see 'thumbprint cluster status'")
    }
    appendByteCount += byteCount
    lastAppend += 1
    let append = OpenAppend(
      id: lastAppend, shard: head.shard, request: request, deadline: deadline(of: request))
    appends[append.id] = append
    send(append)
  }

  /// Has the map say of which coder the codes are, and only then passes the write on.
  private func pin(_ coder: CoderIdentity, _ head: AppendHead, _ request: ServerRequest) {
    self.request(.pinCoder(head.shard.collection, coder)) { [self] result in
      do throws(ServiceError) {
        switch result {
        case .success: try append(head, request)
        case .failure(let error) where error.code == .conflict:
          throw ServiceError(.unavailable, error.message, hint: error.hint)
        case .failure(let error): throw ServiceError(error)
        }
      } catch {
        request.fail(error)
      }
    }
  }

  private func send(_ append: OpenAppend) {
    if append.request.isCancelled { return end(append, .takenBack) }
    let left = MonotonicInstant.now.duration(to: append.deadline)
    guard left > .zero, !isStopped else {
      return end(
        append,
        append.lastError
          ?? ServiceError(
            .deadlineExceeded, "shard \(append.shard.number) was not written in time"))
    }
    guard let entry = map.shards[append.shard], let address = address(of: entry.primary) else {
      return end(append, ServiceError(.notFound, "the collection was dropped"))
    }
    let id = append.id
    let received = receiver { (core: CoordinatorCore, result: Result<Frame, ServiceError>) in
      guard let append = core.appends[id] else { return }
      append.sent = nil
      core.answered(append, result)
    }
    let frame = append.request.frame
    let outgoing = OutgoingRequest(
      type: .append, body: frame.body, traceID: append.request.traceID, timeout: left.timeAmount,
      completion: received)
    append.sent = (outgoing, entry.term)
    network.start(outgoing, to: address)
  }

  private func answered(_ append: OpenAppend, _ result: Result<Frame, ServiceError>) {
    let error: ServiceError
    do throws(ServiceError) {
      let frame = try result.get()
      let reply = try frame.message(as: AppendReply.self)
      forget(append)
      let time = NIODeadline.now() - append.request.received
      metrics.written(reply, nanoseconds: time.nanoseconds)
      return append.request.answer(type: frame.header.type, body: frame.body)
    } catch let failure {
      error = failure
    }
    // Taken back by ``redirectAppends()``, not by who asked.
    let isRedirected = error.code == .cancelled && !append.request.isCancelled
    guard error.isRetryable || isRedirected else { return end(append, error) }
    if !isRedirected { append.lastError = error }
    let id = append.id
    after(isRedirected ? .zero : settings.retryPause) { core in
      if let append = core.appends[id] { core.send(append) }
    }
  }

  private func end(_ append: OpenAppend, _ error: ServiceError) {
    forget(append)
    if error.code != .cancelled { metrics.writeFailed() }
    append.request.fail(error)
  }

  private func forget(_ append: OpenAppend) {
    guard appends.removeValue(forKey: append.id) != nil else { return }
    appendByteCount -= append.request.frame.body.count
  }

  /// Takes back what waits at primaries of earlier terms, and sends it to those of now: an old
  /// primary that nobody can reach would never answer.
  func redirectAppends() {
    for append in appends.values {
      guard let sent = append.sent, map.shards[append.shard]?.term != sent.term else { continue }
      sent.request.cancel()
    }
  }
}
