import NIOCore
import Synchronization
import ThumbprintWire

/// A server at an address: connects when something is to be asked, and again after a failure, but
/// not at once.
public final class WirePeer: Sendable {
  public let host: String
  public let port: Int
  private let hello: @Sendable () -> Hello
  private let group: any EventLoopGroup
  private let limits: TransportLimits
  private let security: PeerSecurity?
  private let onChange: @Sendable (Bool) -> Void
  private let state = Mutex(State.idle(until: .uptimeNanoseconds(0), failures: 0, nil))

  private enum State {
    /// No connection; none is tried before a moment, after so many failures.
    case idle(until: NIODeadline, failures: Int, ServiceError?)
    case connecting([OutgoingRequest], failures: Int)
    case connected(WireConnection)
    case closed
  }

  /// - Parameters:
  ///   - security: `nil` for a server without TLS.
  ///   - hello: What is said on each connection.
  ///   - onChange: Called with `true` when a connection was made, `false` when it ended.
  public init(
    host: String, port: Int, group: any EventLoopGroup,
    limits: TransportLimits = TransportLimits(), security: PeerSecurity? = nil,
    onChange: @escaping @Sendable (Bool) -> Void = { _ in },
    hello: @escaping @Sendable () -> Hello
  ) {
    self.host = host
    self.port = port
    self.group = group
    self.limits = limits
    self.security = security
    self.onChange = onChange
    self.hello = hello
  }

  /// Sends a request over the connection that is there or is made. Soon after a failure it is
  /// completed with that failure.
  public func start(_ request: OutgoingRequest) {
    enum Next {
      case send(WireConnection)
      case fail(ServiceError)
      case connect
      case wait
    }
    let next: Next = state.withLock { state in
      switch state {
      case .connected(let connection):
        if connection.failure == nil { return .send(connection) }
        state = .connecting([request], failures: 0)
        return .connect
      case .connecting(var waiting, let failures):
        guard waiting.count < 4 * WireLimits.inFlightCountMax else {
          return .fail(ServiceError(.busy, "too many requests wait for \(host):\(port)"))
        }
        waiting.append(request)
        state = .connecting(waiting, failures: failures)
        return .wait
      case .idle(let until, let failures, let error):
        if until > .now(), let error { return .fail(error) }
        state = .connecting([request], failures: failures)
        return .connect
      case .closed:
        return .fail(ServiceError(.shuttingDown, "this process is about to end"))
      }
    }
    switch next {
    case .send(let connection): connection.start(request)
    case .fail(let error): request.complete(.failure(error))
    case .connect:
      expireInTime(request)
      connect()
    case .wait: expireInTime(request)
    }
  }

  /// Whether there is no connection, and none is made or waited for.
  package var isIdle: Bool {
    state.withLock { state in
      if case .idle(let until, _, _) = state { until <= .now() } else { false }
    }
  }

  /// A connection keeps the time of what was sent on it, and an attempt to make one ends by itself;
  /// this is for what cannot wait so long.
  private func expireInTime(_ request: OutgoingRequest) {
    guard request.deadline < .now() + limits.handshakeTimeout else { return }
    group.next().scheduleTask(deadline: request.deadline) { [weak request] in request?.expire() }
  }

  /// Sends a request and waits for its answer.
  public func ask<Request: WireRequest>(
    _ request: Request, traceID: UInt64 = 0, timeout: TimeAmount
  ) async throws(ServiceError) -> Request.Reply {
    try await WireConnection.waiting(request, traceID: traceID, timeout: timeout, start)
  }

  private func connect() {
    WireConnection.open(
      host: host, port: port, hello: hello(), group: group, limits: limits, security: security
    ).whenComplete { result in
      switch result {
      case .success(let connection): self.connected(connection)
      case .failure(let error):
        self.failed(error as? ServiceError ?? ServiceError(.unavailable, "\(error)"))
      }
    }
  }

  private func connected(_ connection: WireConnection) {
    let waiting = state.withLock { state -> [OutgoingRequest]? in
      guard case .connecting(let waiting, _) = state else { return nil }
      state = .connected(connection)
      return waiting
    }
    guard let waiting else { return connection.close() }
    onChange(true)
    connection.onClose { _ in
      self.state.withLock { state in
        if case .connected(let current) = state, current === connection {
          state = .idle(until: .now(), failures: 0, nil)
        }
      }
      self.onChange(false)
    }
    for request in waiting where !request.isComplete { connection.start(request) }
  }

  private func failed(_ error: ServiceError) {
    let waiting = state.withLock { state -> [OutgoingRequest] in
      guard case .connecting(let waiting, let failures) = state else { return [] }
      // 50 ms, then twice as long each time, up to 2 s.
      let pause = TimeAmount.milliseconds(50 << Int64(min(failures, 5)))
      state = .idle(until: .now() + min(pause, .seconds(2)), failures: failures + 1, error)
      return waiting
    }
    for request in waiting { request.complete(.failure(error)) }
  }

  /// The server was heard of by another way: whatever failed before, the next request connects.
  public func forgetFailures() {
    state.withLock { state in
      switch state {
      case .idle: state = .idle(until: .uptimeNanoseconds(0), failures: 0, nil)
      // Should this attempt have come too early, the next one comes soon.
      case .connecting(let waiting, _): state = .connecting(waiting, failures: 0)
      case .connected, .closed: break
      }
    }
  }

  /// Ends the connection and asks no more.
  public func close() {
    let old = state.withLock { state in
      defer { state = .closed }
      return state
    }
    switch old {
    case .connected(let connection): connection.close()
    case .connecting(let waiting, _):
      let error = ServiceError(.shuttingDown, "this process is about to end")
      for request in waiting { request.complete(.failure(error)) }
    case .idle, .closed: break
    }
  }
}
