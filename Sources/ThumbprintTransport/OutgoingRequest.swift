import NIOCore
import Synchronization
import ThumbprintWire

/// A request to a peer: completed once, with the frame that answers or why there is none.
public final class OutgoingRequest: Sendable {
  public typealias Completion = @Sendable (Result<Frame, ServiceError>) -> Void

  public let type: MessageType
  public let body: [UInt8]
  public let traceID: UInt64
  /// After which nobody waits for the answer.
  public let deadline: NIODeadline
  private let state: Mutex<State>

  private struct State {
    var completion: Completion?
    /// Where it was sent, and as what.
    var sent: (connection: WireConnection, id: UInt64)?
  }

  public init(
    type: MessageType, body: [UInt8], traceID: UInt64 = 0, timeout: TimeAmount,
    completion: @escaping Completion
  ) {
    self.type = type
    self.body = body
    self.traceID = traceID
    deadline = .now() + min(timeout, .milliseconds(Int64(WireLimits.deadlineMillisecondsMax)))
    state = Mutex(State(completion: completion))
  }

  /// A request whose answer is read.
  public convenience init<Request: WireRequest>(
    _ request: Request, traceID: UInt64 = 0, timeout: TimeAmount,
    completion: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void
  ) {
    self.init(
      type: Request.type, body: request.encoded(), traceID: traceID, timeout: timeout
    ) { result in
      completion(
        result.flatMap { frame in
          Result { () throws(ServiceError) in try frame.message(as: Request.Reply.self) }
        })
    }
  }

  var isComplete: Bool { state.withLock { $0.completion == nil } }

  /// The frame that asks, with the time that is left.
  func frame(id: UInt64, now: NIODeadline) -> Frame {
    let left = max(1, (deadline - now).nanoseconds / 1_000_000)
    return Frame(
      header: FrameHeader(
        type: type, requestID: id, traceID: traceID,
        deadlineMilliseconds: UInt32(
          clamping: min(left, Int64(WireLimits.deadlineMillisecondsMax)))),
      body: body)
  }

  /// - Returns: Whether anybody still waits for the answer.
  func wasSent(on connection: WireConnection, as id: UInt64) -> Bool {
    state.withLock { state in
      if state.completion == nil { return false }
      state.sent = (connection, id)
      return true
    }
  }

  /// Completes it if nothing did yet.
  func complete(_ result: Result<Frame, ServiceError>) {
    let completion = state.withLock { state in
      state.sent = nil
      defer { state.completion = nil }
      return state.completion
    }
    completion?(result)
  }

  /// Completes a request that cannot be sent.
  public func fail(_ error: ServiceError) { complete(.failure(error)) }

  /// Takes the request back: it is completed as `cancelled`, and its peer told.
  public func cancel() {
    let sent = state.withLock { $0.sent }
    complete(.failure(ServiceError(.cancelled, "the request was taken back")))
    sent?.connection.forget(sent?.id ?? 0)
  }

  func expire() {
    let sent = state.withLock { $0.sent }
    complete(.failure(ServiceError(.deadlineExceeded, "no answer in time")))
    sent?.connection.forget(sent?.id ?? 0)
  }
}
