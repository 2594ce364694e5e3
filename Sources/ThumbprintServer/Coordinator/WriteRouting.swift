import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

extension CoordinatorCore {
  /// Passes a write on to the primary, as it came; again if it must, since a write that was
  /// carried out already does nothing the second time.
  func append(_ head: AppendHead, _ request: ServerRequest) throws(ServiceError) {
    let entry = try collection(head.shard.collection)
    try check(head.coder ?? request.peer.hello.coder, entry)
    guard head.shard.number < entry.shardCount else {
      throw ServiceError(
        .invalid, "'\(entry.name)' has \(entry.shardCount) shards, no shard \(head.shard.number)")
    }
    append(head.shard, request, until: deadline(of: request), last: nil)
  }

  private func append(
    _ shard: ShardKey, _ request: ServerRequest, until deadline: MonotonicInstant,
    last: ServiceError?
  ) {
    let left = MonotonicInstant.now.duration(to: deadline)
    guard left > .zero, !request.isCancelled, !isStopped else {
      return request.fail(
        last
          ?? ServiceError(.deadlineExceeded, "shard \(shard.number) was not written in time"))
    }
    guard let entry = map.shards[shard], let address = address(of: entry.primary) else {
      return request.fail(ServiceError(.notFound, "the collection was dropped"))
    }
    let received = receiver { (core: CoordinatorCore, result: Result<Frame, ServiceError>) in
      core.written(shard, request, until: deadline, result)
    }
    network.start(
      OutgoingRequest(
        type: .append, body: request.frame.body, traceID: request.frame.header.traceID,
        timeout: left.timeAmount, completion: received), to: address)
  }

  private func written(
    _ shard: ShardKey, _ request: ServerRequest, until deadline: MonotonicInstant,
    _ result: Result<Frame, ServiceError>
  ) {
    let error: ServiceError
    do throws(ServiceError) {
      let frame = try result.get()
      _ = try frame.message(as: AppendReply.self)
      return request.answer(type: frame.header.type, body: frame.body)
    } catch let failure {
      error = failure
    }
    guard error.isRetryable else { return request.fail(error) }
    after(settings.retryPause) { core in
      core.append(shard, request, until: deadline, last: error)
    }
  }
}
