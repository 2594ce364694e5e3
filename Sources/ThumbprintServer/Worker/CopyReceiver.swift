import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// Makes the copy of a shard from its primary, on a thread of its own, no faster than it may.
final class CopyReceiver: Sendable {
  enum Event: Sendable {
    case progressed(CopyProgress)
    /// All items are there; the copy has still to be finished.
    case received
    case failed(any Error)
  }

  private struct State {
    var isStopped = false
  }

  private let key: ShardKey
  private let term: Term
  private let source: WorkerAddress
  private let byteRate: Int
  private let context: WorkerContext
  private let state = Monitor(State())

  /// - Parameter byteRate: Bytes a second; 0 for no bound.
  init(
    key: ShardKey, term: Term, source: WorkerAddress, byteRate: Int, context: WorkerContext
  ) {
    self.key = key
    self.term = term
    self.source = source
    self.byteRate = byteRate
    self.context = context
  }

  /// No event comes any more, but for one that is on its way.
  func stop() { state.change { $0.isStopped = true } }

  var isStopped: Bool { state.change { $0.isStopped } }

  /// Begins, or goes on with, the copy in `target`.
  func start(_ target: ShardCopyTarget, _ event: @escaping @Sendable (Event) -> Void) {
    OwnThread.start("copy") { [self] in
      do {
        try receive(target, event)
        if !isStopped { event(.received) }
      } catch {
        if !isStopped { event(.failed(error)) }
      }
    }
  }

  private func receive(
    _ target: ShardCopyTarget, _ event: @Sendable (Event) -> Void
  ) throws {
    let opened = try ask(CopyOpenRequest(shard: key, term: term))
    defer { close(opened.session) }
    var throttle = Throttle(byteRate: byteRate)
    for item in try target.begin(opened.manifest) {
      var offset = 0
      repeat {
        guard wait(until: throttle.next) else { return }
        let count = min(context.settings.copyStepByteCount, item.byteCount - offset)
        let bytes = try ask(
          CopyReadRequest(
            session: opened.session, item: UInt32(item.index), offset: UInt64(offset),
            byteCountMax: max(1, count))
        ).bytes
        guard bytes.count == count else {
          throw ServiceError(
            .malformed,
            "item \(item.index) of a copy: \(bytes.count) bytes came at \(offset), not \(count)")
        }
        try target.put(item: item.index, offset: offset, bytes)
        throttle.took(bytes.count)
        offset += count
        let progress = target.progress
        event(
          .progressed(
            CopyProgress(
              byteCountDone: progress.doneByteCount, byteCountTotal: progress.byteCount)))
      } while offset < item.byteCount
    }
  }

  /// - Returns: Whether to go on.
  private func wait(until moment: MonotonicInstant) -> Bool {
    let isStopped: Bool? = state.wait(until: moment) { $0.isStopped ? true : nil }
    return isStopped == nil
  }

  private func ask<Request: WireRequest>(_ request: Request) throws -> Request.Reply {
    let answer = Monitor<Result<Request.Reply, ServiceError>?>(nil)
    let timeout = context.settings.copyStepTimeout
    context.peers.send(request, to: source, timeout: timeout) { result in
      answer.change { $0 = result }
    }
    // The network keeps time itself; should it forget to, nothing is stuck for ever.
    let latest = MonotonicInstant.now.advanced(by: timeout + .seconds(5))
    let result: Result<Request.Reply, ServiceError>? = answer.wait(until: latest) { $0 }
    guard let result else {
      throw ServiceError(.deadlineExceeded, "\(source) did not answer within \(timeout)")
    }
    return try result.get()
  }

  private func close(_ session: UInt64) {
    context.peers.send(
      CopyCloseRequest(session: session), to: source, timeout: context.settings.copyStepTimeout
    ) { _ in }
  }
}

/// Spaces steps so that they do not exceed a rate.
private struct Throttle {
  let byteRate: Int
  private(set) var next = MonotonicInstant.now

  init(byteRate: Int) { self.byteRate = byteRate }

  mutating func took(_ byteCount: Int) {
    guard byteRate > 0 else { return }
    // What was not used earlier is not made up for.
    let start = max(next, .now)
    next = start.advanced(by: .seconds(Double(byteCount) / Double(byteRate)))
  }
}
