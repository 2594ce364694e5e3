import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// Makes the copy of a shard from its primary, on a thread of its own, no faster than it may.
///
/// Several pieces are asked for before the first is there, so that a copy without a bound is as
/// fast as disk and network are.
final class CopyReceiver: Sendable {
  enum Event: Sendable {
    case progressed(CopyProgress)
    /// All items are there; the copy has still to be finished.
    case received(Counts)
    case failed(any Error)
  }

  /// What one attempt took.
  struct Counts: Sendable, Hashable {
    /// Bytes that came over the network.
    var receivedByteCount = 0
    /// Bytes that were here already, from an earlier attempt or from a stale replica.
    var keptByteCount = 0
  }

  private struct State {
    var isStopped = false
    var bucket: TokenBucket<MonotonicInstant>
    /// Counts changes of the rate, so that who waits by the old one notices.
    var rateNumber = 0
  }

  /// Bytes that were asked for.
  private struct Piece: Sendable {
    var item: Int
    var offset: Int
    var byteCount: Int
    var answer: Monitor<Result<CopyReadReply, ServiceError>?>
  }

  private let key: ShardKey
  private let term: Term
  private let source: WorkerAddress
  private let context: WorkerContext
  private let state: Monitor<State>

  /// How often what has arrived is made safe from a crash, at least.
  private static let flushInterval: Duration = .milliseconds(500)
  private static let progressInterval: Duration = .milliseconds(50)

  /// - Parameter byteRate: Bytes a second; 0 for no bound.
  init(
    key: ShardKey, term: Term, source: WorkerAddress, byteRate: Int, context: WorkerContext
  ) {
    self.key = key
    self.term = term
    self.source = source
    self.context = context
    state = Monitor(State(bucket: TokenBucket(byteRate: byteRate, now: .now)))
  }

  /// No event comes any more, but for one that is on its way.
  func stop() { state.change { $0.isStopped = true } }

  var isStopped: Bool { state.change { $0.isStopped } }

  /// The copy may take so many bytes a second from now on.
  func limit(byteRate: Int) {
    state.change { state in
      guard state.bucket.byteRate != byteRate else { return }
      state.bucket.setRate(byteRate, now: .now)
      state.rateNumber += 1
    }
  }

  /// Begins, or goes on with, the copy in `target`.
  func start(_ target: ShardCopyTarget, _ event: @escaping @Sendable (Event) -> Void) {
    OwnThread.start("copy") { [self] in
      do {
        let counts = try receive(target, event)
        if let counts { event(.received(counts)) }
      } catch {
        // What has come so far need not come again.
        try? target.flush()
        if !isStopped { event(.failed(error)) }
      }
    }
  }

  /// - Returns: `nil` if it was stopped.
  private func receive(
    _ target: ShardCopyTarget, _ event: @Sendable (Event) -> Void
  ) throws -> Counts? {
    var opened = try ask(CopyOpenRequest(shard: key, term: term))
    let session = opened.session
    defer { close(session) }
    while let next = opened.manifestRead {
      if isStopped { return nil }
      try opened.add(try ask(next))
    }
    var steps = CopySteps(items: try target.begin(opened.manifest))
    var counts = Counts(keptByteCount: target.progress.doneByteCount)
    var open = Fifo<Piece>()
    var (lastFlush, lastProgress) = (MonotonicInstant.now, MonotonicInstant.now)
    event(.progressed(CopyProgress(target)))
    while true {
      while open.count < context.settings.copyWindowCount, !steps.isEmpty {
        if !open.isEmpty, !isFree { break }
        guard waitUntilFree() else { return nil }
        if let step = steps.next(byteCountMax: stepByteCount) {
          open.push(send(step, session: session))
        }
      }
      guard let piece = open.pop() else { break }
      let bytes = try bytes(of: piece)
      if isStopped { return nil }
      try target.put(item: piece.item, offset: piece.offset, bytes)
      counts.receivedByteCount += bytes.count
      context.metrics.copied(received: bytes.count)
      let now = MonotonicInstant.now
      if lastFlush.advanced(by: Self.flushInterval) <= now {
        try target.flush()
        lastFlush = now
      }
      if lastProgress.advanced(by: Self.progressInterval) <= now {
        event(.progressed(CopyProgress(target)))
        lastProgress = now
      }
    }
    event(.progressed(CopyProgress(target)))
    return isStopped ? nil : counts
  }

  // MARK: The rate

  private var isFree: Bool {
    let now = MonotonicInstant.now
    return state.change { $0.bucket.nextMoment(now: now) <= now }
  }

  /// Small steps where the rate is small, so that bytes flow evenly.
  private var stepByteCount: Int {
    let rate = state.change { $0.bucket.byteRate }
    let most = context.settings.copyStepByteCount
    return rate == 0 ? most : min(most, max(4 << 10, rate / 10))
  }

  /// - Returns: Whether to go on.
  private func waitUntilFree() -> Bool {
    while true {
      let now = MonotonicInstant.now
      let (moment, number) = state.change { ($0.bucket.nextMoment(now: now), $0.rateNumber) }
      if moment <= now { return !isStopped }
      let isStopped: Bool? = state.wait(until: moment) { state in
        if state.isStopped { return true }
        return state.rateNumber == number ? nil : false
      }
      if isStopped == true { return false }
    }
  }

  // MARK: Requests

  private func send(
    _ step: (item: Int, offset: Int, byteCount: Int), session: UInt64
  ) -> Piece {
    let now = MonotonicInstant.now
    state.change { $0.bucket.take(step.byteCount, now: now) }
    let answer = Monitor<Result<CopyReadReply, ServiceError>?>(nil)
    context.peers.send(
      CopyReadRequest(
        session: session, item: UInt32(step.item), offset: UInt64(step.offset),
        byteCountMax: step.byteCount),
      to: source, timeout: context.settings.copyStepTimeout
    ) { result in
      answer.change { $0 = result }
    }
    return Piece(item: step.item, offset: step.offset, byteCount: step.byteCount, answer: answer)
  }

  private func bytes(of piece: Piece) throws -> [UInt8] {
    let bytes = try wait(for: piece.answer).bytes
    guard bytes.count == piece.byteCount else {
      throw ServiceError(
        .malformed,
        "item \(piece.item) of a copy: \(bytes.count) bytes came at \(piece.offset), not "
          + "\(piece.byteCount)")
    }
    return bytes
  }

  private func ask<Request: WireRequest>(_ request: Request) throws -> Request.Reply {
    let answer = Monitor<Result<Request.Reply, ServiceError>?>(nil)
    context.peers.send(request, to: source, timeout: context.settings.copyStepTimeout) { result in
      answer.change { $0 = result }
    }
    return try wait(for: answer)
  }

  private func wait<Reply: Sendable>(
    for answer: Monitor<Result<Reply, ServiceError>?>
  ) throws -> Reply {
    // The network keeps time itself; should it forget to, nothing is stuck for ever.
    let timeout = context.settings.copyStepTimeout
    let latest = MonotonicInstant.now.advanced(by: timeout + .seconds(5))
    let result: Result<Reply, ServiceError>? = answer.wait(until: latest) { $0 }
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

/// The pieces of items, in the order in which they are asked for.
private struct CopySteps {
  private let items: [ShardCopyItem]
  private var index = 0
  private var offset = 0

  /// - Parameter items: None of them empty: those need not be sent.
  init(items: [ShardCopyItem]) {
    self.items = items
  }

  var isEmpty: Bool { index == items.count }

  mutating func next(byteCountMax: Int) -> (item: Int, offset: Int, byteCount: Int)? {
    guard index < items.count else { return nil }
    let item = items[index]
    let step = (
      item: item.index, offset: offset, byteCount: min(byteCountMax, item.byteCount - offset)
    )
    offset += step.byteCount
    if offset == item.byteCount { (index, offset) = (index + 1, 0) }
    return step
  }
}

extension CopyProgress {
  init(_ target: ShardCopyTarget) {
    let progress = target.progress
    self.init(
      byteCountDone: progress.doneByteCount, byteCountTotal: progress.byteCount)
  }
}
