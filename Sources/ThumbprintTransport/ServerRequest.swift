import NIOCore
import Synchronization
import ThumbprintWire

/// A request of a peer, to be answered once, by any thread. One that is let go unanswered is
/// answered with an internal error; as cancelled if nobody waits for it any more.
public final class ServerRequest: Sendable {
  public let frame: Frame
  /// Who asks.
  public let peer: Peer
  /// When the whole request was there.
  public let received: NIODeadline
  /// By which this request can be found in the logs of all processes that took part in it: that of
  /// the asker, if it has one.
  public let traceID: UInt64
  private let state = Mutex(State())
  private let finish: @Sendable (ByteBuffer) -> Void
  private let onAnswer: @Sendable (ServerRequest, ServiceError?) -> Void

  private struct State {
    var isAnswered = false
    var isCancelled = false
    var onCancel: (@Sendable () -> Void)?
  }

  /// - Parameters:
  ///   - finish: Takes the answer.
  ///   - onAnswer: Called after that, with the error if it is one; not for a request that was taken
  ///     back and ends as `cancelled`, which is neither a success nor a failure. Must not keep the
  ///     request.
  init(
    frame: Frame, peer: Peer, traceSeed: UInt64,
    finish: @escaping @Sendable (ByteBuffer) -> Void,
    onAnswer: @escaping @Sendable (ServerRequest, ServiceError?) -> Void
  ) {
    self.frame = frame
    self.peer = peer
    received = .now()
    let header = frame.header
    traceID =
      header.traceID != 0
      ? header.traceID : Self.trace(traceSeed, peer.connection, header.requestID)
    self.finish = finish
    self.onAnswer = onAnswer
  }

  deinit {
    fail(
      isCancelled
        ? ServiceError(.cancelled, "the request was taken back")
        : ServiceError(.internalError, "the request was forgotten"))
  }

  /// A number that no other request has, as good as surely: the finaliser of SplitMix64.
  private static func trace(_ seed: UInt64, _ connection: UInt64, _ request: UInt64) -> UInt64 {
    var z = seed ^ (connection << 32) ^ request
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return max(1, z ^ (z >> 31))
  }

  /// After which the peer does not wait for the answer; `nil` if it will.
  public var deadline: NIODeadline? {
    let milliseconds = frame.header.deadlineMilliseconds
    return milliseconds == 0 ? nil : received + .milliseconds(Int64(milliseconds))
  }

  /// Whether nobody waits for the answer any more.
  public var isExpired: Bool { deadline.map { $0 < .now() } ?? false }

  /// Whether the peer took the request back, or is gone.
  public var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Calls `body` when the request is taken back; at once if it was. Only the last one counts.
  public func onCancel(_ body: @escaping @Sendable () -> Void) {
    let isCancelled = state.withLock { state in
      if !state.isAnswered, !state.isCancelled { state.onCancel = body }
      return state.isCancelled
    }
    if isCancelled { body() }
  }

  /// Answers. Only the first answer counts.
  public func answer(_ message: some WireMessage) {
    answer(Frame(message, answering: frame.header), nil)
  }

  /// Answers with an error. Only the first answer counts.
  public func fail(_ error: ServiceError) {
    answer(Frame(ErrorMessage(error), answering: frame.header), error)
  }

  /// Answers with the body of another peer's answer. Only the first answer counts.
  public func answer(type: MessageType, body: [UInt8]) {
    answer(
      Frame(
        header: FrameHeader(
          type: type, requestID: frame.header.requestID, traceID: frame.header.traceID),
        body: body), nil)
  }

  private func answer(_ answer: Frame, _ error: ServiceError?) {
    let (isFirst, isCancelled) = state.withLock { state in
      state.onCancel = nil
      defer { state.isAnswered = true }
      return (!state.isAnswered, state.isCancelled)
    }
    guard isFirst else { return }
    var answer = answer
    var error = error
    if answer.body.count > WireLimits.bodyByteCountMax {
      let tooLarge = ServiceError(
        .tooLarge,
        "the answer has \(answer.body.count) bytes; the most is \(WireLimits.bodyByteCountMax)",
        hint: "ask for less at once")
      answer = Frame(ErrorMessage(tooLarge), answering: frame.header)
      error = tooLarge
    }
    finish(answer.buffer())
    if isCancelled, error?.code == .cancelled { return }
    onAnswer(self, error)
  }

  /// The peer does not want the answer any more.
  func cancel() {
    let onCancel = state.withLock { state in
      state.isCancelled = true
      defer { state.onCancel = nil }
      return state.onCancel
    }
    onCancel?()
  }
}

/// The other side of a connection, from its handshake on.
public struct Peer: Sendable {
  /// Different for every connection of this process.
  public let connection: UInt64
  /// `HOST:PORT` that it calls from.
  public let address: String
  public let hello: Hello
}

/// What answers the requests of all connections.
public protocol FrameService: Sendable {
  /// Decides about a new peer. Called on an event loop; must not wait.
  func greet(_ hello: Hello) throws(ServiceError) -> Welcome

  /// Takes a request, to be answered at once or later. Called on an event loop; must not wait.
  func handle(_ request: ServerRequest)

  /// The connection of a peer that was welcome has ended. Called on an event loop.
  func disconnected(_ peer: Peer)
}
