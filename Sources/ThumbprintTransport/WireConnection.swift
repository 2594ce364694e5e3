import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import ThumbprintWire

/// A connection to a server: many requests at once, answered in any order.
public final class WireConnection: Sendable {
  /// `HOST:PORT` that was called.
  public let address: String
  /// What the server said of itself.
  public let welcome: Welcome
  private let channel: any Channel
  private let outbox: Outbox
  private let state = Mutex(State())

  private struct State {
    var sent: [UInt64: OutgoingRequest] = [:]
    /// Requests beyond what the server takes at once, first come first served.
    var waiting: [OutgoingRequest] = []
    var lastID: UInt64 = 1
    /// Why there will be no more answers.
    var failure: ServiceError?
    var onClose: [@Sendable (ServiceError) -> Void] = []
  }

  fileprivate init(address: String, welcome: Welcome, channel: any Channel, outbox: Outbox) {
    self.address = address
    self.welcome = welcome
    self.channel = channel
    self.outbox = outbox
  }

  // MARK: Asking

  /// Sends a request, or lets it wait for room. Completed at once if the connection has ended.
  public func start(_ request: OutgoingRequest) {
    if request.isComplete { return }
    guard request.body.count <= welcome.bodyByteCountMax else {
      return request.complete(
        .failure(
          ServiceError(
            .tooLarge,
            "a message of \(request.body.count) bytes; \(address) takes \(welcome.bodyByteCountMax)"
          )))
    }
    var failure: ServiceError?
    var id: UInt64?
    state.withLock { state in
      if let reason = state.failure {
        failure = reason
      } else if state.sent.count < welcome.inFlightCountMax, state.waiting.isEmpty {
        id = Self.register(request, &state)
      } else if state.waiting.count < 4 * WireLimits.inFlightCountMax {
        state.waiting.append(request)
      } else {
        failure = ServiceError(.busy, "too many requests wait for \(address)")
      }
    }
    if let failure { request.complete(.failure(failure)) }
    if let id { send(request, id) }
  }

  /// An id for a frame beside the requests.
  fileprivate func nextID() -> UInt64 {
    state.withLock { state in
      state.lastID += 1
      return state.lastID
    }
  }

  private static func register(_ request: OutgoingRequest, _ state: inout State) -> UInt64 {
    state.lastID += 1
    state.sent[state.lastID] = request
    return state.lastID
  }

  private func send(_ request: OutgoingRequest, _ id: UInt64) {
    outbox.write(request.frame(id: id, now: .now()).buffer())
    // Whoever took it back before could not tell the server.
    if !request.wasSent(on: self, as: id) { forget(id) }
  }

  /// Sends a request and waits for its answer. Cancelling the task takes the request back.
  public func ask<Request: WireRequest>(
    _ request: Request, traceID: UInt64 = 0, timeout: TimeAmount
  ) async throws(ServiceError) -> Request.Reply {
    try await WireConnection.waiting(request, traceID: traceID, timeout: timeout, start)
  }

  static func waiting<Request: WireRequest>(
    _ request: Request, traceID: UInt64, timeout: TimeAmount,
    _ start: (OutgoingRequest) -> Void
  ) async throws(ServiceError) -> Request.Reply {
    let (stream, answer) = AsyncStream.makeStream(
      of: Result<Request.Reply, ServiceError>.self, bufferingPolicy: .bufferingOldest(1))
    let outgoing = OutgoingRequest(request, traceID: traceID, timeout: timeout) {
      answer.yield($0)
      answer.finish()
    }
    start(outgoing)
    let result = await withTaskCancellationHandler {
      // The stream of a cancelled task ends without an element.
      await stream.first { _ in true }
    } onCancel: {
      outgoing.cancel()
    }
    switch result {
    case .success(let reply): return reply
    case .failure(let error): throw error
    case nil: throw ServiceError(.cancelled, "the request was taken back")
    }
  }

  /// The request is no longer waited for: makes room for another, and tells the server.
  func forget(_ id: UInt64) {
    let isOpen = state.withLock { $0.sent.removeValue(forKey: id) != nil }
    guard isOpen else { return }
    outbox.write(Frame(asking: Cancel(requestID: id), requestID: id).buffer())
    sendWaiting()
  }

  private func sendWaiting() {
    while true {
      let next = state.withLock { state -> (OutgoingRequest, UInt64)? in
        state.waiting.removeAll { $0.isComplete }
        guard !state.waiting.isEmpty, state.sent.count < welcome.inFlightCountMax else {
          return nil
        }
        let request = state.waiting.removeFirst()
        return (request, Self.register(request, &state))
      }
      guard let (request, id) = next else { return }
      send(request, id)
    }
  }

  // MARK: Life

  /// Why the connection has ended; `nil` while it has not.
  public var failure: ServiceError? { state.withLock { $0.failure } }

  /// Calls `body` when the connection ends; at once if it has.
  public func onClose(_ body: @escaping @Sendable (ServiceError) -> Void) {
    let failure = state.withLock { state in
      if state.failure == nil { state.onClose.append(body) }
      return state.failure
    }
    if let failure { body(failure) }
  }

  /// Ends the connection; what was not answered is completed as `disconnected`.
  public func close() { channel.close(promise: nil) }

  fileprivate func received(_ frame: Frame) {
    let request = state.withLock { $0.sent.removeValue(forKey: frame.header.requestID) }
    // What was taken back may still be answered.
    guard let request else { return }
    request.complete(.success(frame))
    sendWaiting()
  }

  fileprivate func ended(_ error: ServiceError) {
    outbox.close()
    let (requests, onClose) = state.withLock { state in
      state.failure = error
      defer {
        state.sent = [:]
        state.waiting = []
        state.onClose = []
      }
      return (Array(state.sent.values) + state.waiting, state.onClose)
    }
    for request in requests { request.complete(.failure(error)) }
    for body in onClose { body(error) }
  }

  /// Requests whose time is over; whether any is left.
  fileprivate func expire(_ now: NIODeadline) -> Bool {
    let (expired, isBusy) = state.withLock { state in
      let all = Array(state.sent.values) + state.waiting
      return (all.filter { $0.deadline <= now }, !all.isEmpty)
    }
    for request in expired { request.expire() }
    return isBusy
  }
}

extension WireConnection {
  /// Opens a connection and says hello.
  ///
  /// - Throws: `unavailable` if nobody answers; what the server refuses it with.
  public static func connect(
    host: String, port: Int, hello: Hello, group: any EventLoopGroup,
    limits: TransportLimits = TransportLimits(), security: PeerSecurity? = nil
  ) async throws(ServiceError) -> WireConnection {
    do {
      return try await open(
        host: host, port: port, hello: hello, group: group, limits: limits, security: security
      ).get()
    } catch let error as ServiceError {
      throw error
    } catch {
      throw ServiceError(.unavailable, "\(host):\(port): \(error)")
    }
  }

  /// Opens a connection and says hello; fails with a `ServiceError`.
  public static func open(
    host: String, port: Int, hello: Hello, group: any EventLoopGroup, limits: TransportLimits,
    security: PeerSecurity? = nil
  ) -> EventLoopFuture<WireConnection> {
    let loop = group.next()
    let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    let ready = loop.makePromise(of: WireConnection.self)
    // Of several addresses only the one that is connected first becomes active; the others are
    // closed before they could say anything about `ready`.
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(limits.handshakeTimeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try begin(
            on: channel, address: address, hello: hello, limits: limits,
            tls: try security?.handler(host: host), ready: ready)
        }
      }
    bootstrap.connect(host: host, port: port).whenFailure { error in
      ready.fail(
        error as? ServiceError
          ?? ServiceError(
            .unavailable, "nobody answers at \(address): \(ConnectionProblem.text(error))"))
    }
    return ready.futureResult
  }

  /// Has a channel say hello once it is active. On its loop.
  ///
  /// - Parameter ready: Completed with the connection, or why there is none.
  package static func begin(
    on channel: any Channel, address: String, hello: Hello, limits: TransportLimits,
    tls: NIOSSLClientHandler? = nil, ready: EventLoopPromise<WireConnection>,
    takenByteCount: @escaping TakenByteCount = SystemByteCounts.taken
  ) throws {
    let signs = LifeSigns(limits: limits, takenByteCount: takenByteCount)
    let frames = FrameHandler(bodyByteCountMax: WireLimits.handshakeByteCountMax)
    let handler = ClientConnectionHandler(
      address: address, hello: hello, signs: signs, tls: tls, frames: frames, limits: limits,
      ready: ready)
    try channel.pipeline.syncOperations.addHandler(signs)
    if let tls { try channel.pipeline.syncOperations.addHandler(tls) }
    try channel.pipeline.syncOperations.addHandlers([frames, handler])
  }
}

/// What went wrong with a connection, in few words.
enum ConnectionProblem {
  static func text(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let dns = error.dnsAError ?? error.dnsAAAAError { return "\(dns)" }
      return error.connectionErrors.first.map { text($0.error) } ?? "no address"
    case let error as IOError: return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout: return "no answer in time"
    case NIOSSLError.uncleanShutdown: return "it was cut off"
    default: return "\(error)"
    }
  }
}

/// The asking side of a connection.
private final class ClientConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = Frame
  typealias OutboundOut = ByteBuffer

  private let address: String
  private let hello: Hello
  private let signs: LifeSigns
  private let tls: NIOSSLClientHandler?
  private let frames: FrameHandler
  private let limits: TransportLimits
  private let ready: EventLoopPromise<WireConnection>
  private var began = NIODeadline.uptimeNanoseconds(0)
  private var connection: WireConnection?
  private var failure: ServiceError?
  private var tick: RepeatedTask?

  init(
    address: String, hello: Hello, signs: LifeSigns, tls: NIOSSLClientHandler?,
    frames: FrameHandler, limits: TransportLimits, ready: EventLoopPromise<WireConnection>
  ) {
    self.address = address
    self.hello = hello
    self.signs = signs
    self.tls = tls
    self.frames = frames
    self.limits = limits
    self.ready = ready
  }

  func channelActive(context: ChannelHandlerContext) {
    began = context.eventLoop.now
    context.writeAndFlush(
      wrapOutboundOut(Frame(asking: hello, requestID: 1).buffer()), promise: nil)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    tick = context.eventLoop.scheduleRepeatedTask(
      initialDelay: .milliseconds(20), delay: .milliseconds(20)
    ) { _ in
      let (handler, context) = bound.value
      handler.checkTimes(context)
    }
  }

  private func checkTimes(_ context: ChannelHandlerContext) {
    let now = context.eventLoop.now
    guard let connection else {
      if now - began > limits.handshakeTimeout {
        end(context, ServiceError(.unavailable, "\(address) did not say welcome in time"))
      }
      return
    }
    let isBusy = connection.expire(now)
    switch signs.judge(context.channel, isBusy: isBusy, now: now) {
    case .present: break
    case .doubtful:
      // Not a request like others: it must not wait until there is room for one.
      let ping = Frame(asking: Ping(token: 0), requestID: connection.nextID())
      context.writeAndFlush(wrapOutboundOut(ping.buffer()), promise: nil)
      signs.asked(now: now)
    case .gone: end(context, ServiceError(.disconnected, "\(address) is silent"))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    if let connection {
      guard frame.header.requestID != 0 else {
        return end(context, errorOf(frame))
      }
      return connection.received(frame)
    }
    do throws(ServiceError) {
      let welcome = try frame.message(as: Welcome.self)
      frames.bodyByteCountMax = WireLimits.bodyByteCountMax
      let connection = WireConnection(
        address: address, welcome: welcome, channel: context.channel,
        outbox: Outbox(channel: context.channel))
      self.connection = connection
      ready.succeed(connection)
    } catch {
      end(context, error)
    }
  }

  /// What the server says about the connection itself.
  private func errorOf(_ frame: Frame) -> ServiceError {
    do throws(ServiceError) {
      var error = try ErrorMessage.decoded(frame.body).error
      error.message = "\(address) ended the connection: \(error.message)"
      return error
    } catch {
      return error
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let problem = tls.flatMap {
      SecurityProblem.met(error, address: address, certificate: $0.peerCertificate)
    }
    end(
      context,
      (error as? ServiceError).map(inContext) ?? problem
        ?? ServiceError(
          .disconnected, "the connection to \(address) failed: \(ConnectionProblem.text(error))"))
  }

  /// Bytes that break the rules before the welcome are most likely those of another program.
  private func inContext(_ error: ServiceError) -> ServiceError {
    guard connection == nil, error.code == .malformed else { return error }
    return ServiceError(
      .refused, "what listens at \(address) does not speak Thumbprint's protocol",
      hint: "is it the HTTP port?")
  }

  func channelInactive(context: ChannelHandlerContext) {
    tick?.cancel()
    let error =
      failure ?? ServiceError(.disconnected, "the connection to \(address) was closed")
    ready.fail(error)
    connection?.ended(error)
  }

  private func end(_ context: ChannelHandlerContext, _ error: ServiceError) {
    if failure == nil { failure = error }
    frames.stop()
    context.close(promise: nil)
  }
}
