import Logging
import NIOCore
import ThumbprintCodes
import ThumbprintWire

/// One connection of a server: handshake, requests, limits.
final class ServerConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = Frame
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let server: FrameServer.Shared
  /// Where the port wants TLS.
  private let gate: SecurityGate?
  private let frames: FrameHandler
  private let number: UInt64
  private let address: String
  private var began = NIODeadline.uptimeNanoseconds(0)
  private var lastActive = NIODeadline.uptimeNanoseconds(0)
  private var context: ChannelHandlerContext?
  private var outbox: Outbox?
  private var peer: Peer?
  private var tick: RepeatedTask?
  private var requests: [UInt64: OpenRequest] = [:]
  private var requestByteCount = 0
  /// Whether the connection asked to read while that was not wanted.
  private var isReadPending = false
  private var isClosing = false

  /// A request that was not answered yet; whoever answers it keeps it alive.
  private struct OpenRequest {
    weak var request: ServerRequest?
    var byteCount: Int
  }

  init(
    server: FrameServer.Shared, gate: SecurityGate?, frames: FrameHandler, number: UInt64,
    address: String
  ) {
    self.server = server
    self.gate = gate
    self.frames = frames
    self.number = number
    self.address = address
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    began = context.eventLoop.now
    lastActive = began
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    outbox = Outbox(channel: context.channel) { bound.value.answered($0) }
    tick = context.eventLoop.scheduleRepeatedTask(
      initialDelay: server.limits.tick, delay: server.limits.tick
    ) { _ in bound.value.checkTimes() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    tick?.cancel()
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    tick?.cancel()
    outbox?.close()
    if !isClosing, frames.partBegan != nil {
      server.log.write(.notice, "cut off", kind: "within a frame", on: context.eventLoop) {
        [
          "peer": "\(address)", "connection": "\(number)",
          "why": "the peer ended the connection within a frame",
        ]
      }
    }
    let open = requests.values.compactMap(\.request)
    requests = [:]
    for request in open { request.cancel() }
    if let peer { server.service.disconnected(peer) }
    context.fireChannelInactive()
  }

  private func checkTimes() {
    guard let now = context?.eventLoop.now else { return }
    let limits = server.limits
    func seconds(_ time: TimeAmount) -> String { "\(Double(time.nanoseconds) / 1e9) s" }
    if isClosing { return }
    if peer == nil, now - began > limits.handshakeTimeout {
      refuse(.tooSlow, "no 'hello' within \(seconds(limits.handshakeTimeout))")
    } else if !isReadPending, let began = frames.partBegan, now - began > limits.frameTimeout {
      refuse(
        .tooSlow,
        "in \(seconds(limits.frameTimeout)) came neither the end of a frame nor "
          + "\(FrameHandler.partByteCount >> 10) KiB of it")
    } else if requests.isEmpty, now - lastActive > limits.idleTimeout {
      refuse(.tooSlow, "silent for \(seconds(limits.idleTimeout))")
    } else if unreadByteCount > limits.unreadByteCountMax {
      refuse(.tooSlow, "\(unreadByteCount) bytes of answers are not read")
    }
  }

  /// Bytes given to the connection that its peer has not taken.
  private var unreadByteCount: Int {
    let option = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
    return option ?? 0
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isClosing { return }
    let frame = unwrapInboundIn(data)
    lastActive = context.eventLoop.now
    guard let peer else { return greet(frame) }
    switch frame.header.type {
    case .ping:
      do throws(ServiceError) {
        write(Frame(Pong(token: try Ping.decoded(frame.body).token), answering: frame.header))
      } catch {
        write(Frame(ErrorMessage(error), answering: frame.header))
      }
    case .cancel:
      guard let cancel = try? Cancel.decoded(frame.body) else { return }
      requests[cancel.requestID]?.request?.cancel()
    default:
      begin(frame, peer)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if isClosing { return }
    if let error = error as? ServiceError {
      refuse(error)
    } else if let problem = gate?.failed(error) {
      // The handshake has told the peer.
      isClosing = true
      frames.stop()
      note(problem, context)
    } else {
      server.log.logger.debug(
        "connection failed",
        metadata: ["peer": "\(address)", "connection": "\(number)", "why": "\(error)"])
      isClosing = true
      context.close(promise: nil)
    }
  }

  private func greet(_ frame: Frame) {
    do throws(ServiceError) {
      guard frame.header.type == .hello else {
        throw ServiceError(.refused, "the first message is '\(frame.header.type)', not 'hello'")
      }
      let hello = try Hello.decoded(frame.body)
      var welcome = try server.service.greet(hello)
      welcome.inFlightCountMax = min(welcome.inFlightCountMax, server.limits.inFlightCountMax)
      frames.bodyByteCountMax = welcome.bodyByteCountMax
      peer = Peer(connection: number, address: address, hello: hello)
      write(Frame(welcome, answering: frame.header))
      server.log.logger.debug(
        "connected",
        metadata: [
          "peer": "\(address)", "connection": "\(number)", "role": "\(hello.role)",
          "program": "\(hello.program)",
          "name": "\(hello.name?.text ?? "")",
        ])
    } catch {
      refuse(error, requestID: frame.header.requestID)
    }
  }

  private func begin(_ frame: Frame, _ peer: Peer) {
    let id = frame.header.requestID
    func fail(_ error: ServiceError) {
      write(Frame(ErrorMessage(error), answering: frame.header))
    }
    guard id != 0, requests[id] == nil, let outbox else {
      return fail(ServiceError(.malformed, "request id \(id) is in use, or 0"))
    }
    guard requests.count < server.limits.inFlightCountMax else {
      return fail(
        ServiceError(
          .busy, "\(requests.count) requests are under way on this connection",
          hint: "wait for answers before asking more"))
    }
    if server.isShuttingDown {
      return fail(ServiceError(.shuttingDown, "this process is about to end"))
    }
    let loop = context?.eventLoop
    let request = ServerRequest(frame: frame, peer: peer, traceSeed: server.traceSeed) {
      outbox.write($0, answering: id)
    } onAnswer: { [server] request, error in
      if let loop { server.note(request, error, on: loop) }
    }
    requests[id] = OpenRequest(request: request, byteCount: frame.body.count)
    requestByteCount += frame.body.count
    server.service.handle(request)
  }

  private func answered(_ ids: [UInt64]) {
    for id in ids {
      if let request = requests.removeValue(forKey: id) { requestByteCount -= request.byteCount }
    }
    if let now = context?.eventLoop.now { lastActive = now }
    resumeReading()
    if server.isShuttingDown, requests.isEmpty { finish() }
  }

  private func write(_ frame: Frame) { outbox?.write(frame.buffer()) }

  // MARK: Back-pressure

  private var isPaused: Bool {
    requestByteCount > server.limits.inFlightByteCountMax
      || context?.channel.isWritable == false
  }

  func read(context: ChannelHandlerContext) {
    if isPaused {
      isReadPending = true
    } else {
      context.read()
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    resumeReading()
    context.fireChannelWritabilityChanged()
  }

  private func resumeReading() {
    guard isReadPending, !isPaused, let context else { return }
    isReadPending = false
    // The peer may have sent all of it long ago.
    frames.restartClock(context.eventLoop.now)
    context.read()
  }

  // MARK: Ending

  /// Ends the connection once what was asked is answered. On the loop.
  func shutDown() {
    if requests.isEmpty { finish() }
  }

  private func finish() {
    if isClosing { return }
    isClosing = true
    frames.stop()
    outbox?.drain()
    context?.close(promise: nil)
  }

  private func refuse(_ code: ServiceError.Code, _ message: String) {
    refuse(ServiceError(code, message))
  }

  /// Ends the connection, saying why to the peer and in one line of the log.
  private func refuse(_ error: ServiceError, requestID: UInt64 = 0) {
    guard let context, !isClosing else { return }
    isClosing = true
    frames.stop()
    outbox?.drain()
    note(error, context)
    let header = FrameHeader(type: .error, requestID: requestID)
    let frame = Frame(header: header, body: ErrorMessage(error).encoded())
    context.part(saying: frame.buffer(), within: server.limits.tick)
  }

  /// Counts and logs why the connection is ended.
  private func note(_ error: ServiceError, _ context: ChannelHandlerContext) {
    server.count { $0.refuse(error.code) }
    server.log.write(.notice, "refused", kind: "\(error.code)", on: context.eventLoop) {
      [
        "peer": "\(address)", "connection": "\(number)", "code": "\(error.code)",
        "why": "\(error.message)", "name": "\(peer?.hello.name?.text ?? "")",
      ]
    }
  }
}

extension FrameServer.Shared {
  /// A request was answered: counts it, and logs what failed or was slow. Any thread may call.
  func note(_ request: ServerRequest, _ error: ServiceError?, on loop: any EventLoop) {
    count { if error == nil { $0.answered += 1 } else { $0.failed += 1 } }
    let time = NIODeadline.now() - request.received
    func fields() -> Logger.Metadata {
      let header = request.frame.header
      var fields: Logger.Metadata = [
        "peer": "\(request.peer.address)", "connection": "\(request.peer.connection)",
        "request": "\(header.requestID)", "trace": "\(String(request.traceID, radix: 16))",
        "type": "\(header.type)", "ms": "\(time.nanoseconds / 1_000_000)",
      ]
      if let error {
        fields["code"] = "\(error.code)"
        fields["why"] = "\(error.message)"
      }
      return fields
    }
    if let error {
      // Other processes of the cluster ask again by themselves, and say so if nothing comes of it.
      let isNews = request.peer.hello.role == .client || !error.isRetryable
      log.write(
        isNews ? error.code.level : .debug, "request failed", kind: "\(error.code)", on: loop,
        fields)
    } else if let slow = limits.slowRequestTime, time > slow, request.frame.header.type.isPrompt {
      log.write(.notice, "slow request", kind: "\(request.frame.header.type)", on: loop, fields)
    }
  }
}

extension MessageType {
  /// Whether it is answered as soon as that can be done; others wait for something to happen.
  fileprivate var isPrompt: Bool {
    switch self {
    case .search, .fetch, .append, .scan, .admin: true
    default: false
    }
  }
}
