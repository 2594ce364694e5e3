import NIOCore
import NIOSSL
import NIOTLS
import ThumbprintWire

/// Stands first on a connection to a port that wants TLS: who begins with a handshake is let through
/// to it, and others are told, in a form that they understand, what this port wants.
final class SecurityGate: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// The first byte of a handshake.
  static let handshakeByte: UInt8 = 22

  private let makeHandler: () -> NIOSSLServerHandler
  private let onOthers: (ChannelHandlerContext) -> Void
  private var state = State.waiting
  private var tls: NIOSSLServerHandler?

  private enum State {
    case waiting, open
    /// Nothing more is read.
    case shut
    /// The same, and what was said last is on its way.
    case parting
  }

  /// - Parameter onOthers: Called for a peer that begins with anything but a handshake.
  init(
    _ makeHandler: @escaping () -> NIOSSLServerHandler,
    onOthers: @escaping (ChannelHandlerContext) -> Void
  ) {
    self.makeHandler = makeHandler
    self.onOthers = onOthers
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .open: context.fireChannelRead(data)
    case .shut, .parting: break
    case .waiting:
      guard let first = unwrapInboundIn(data).readableBytesView.first else { return }
      guard first == Self.handshakeByte else {
        state = .shut
        return onOthers(context)
      }
      let handler = makeHandler()
      do {
        try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
      } catch {
        return context.fireErrorCaught(error)
      }
      state = .open
      tls = handler
      context.fireChannelRead(data)
    }
  }

  /// What an error of the connection says about TLS; `nil` if nothing.
  ///
  /// If it does, the handshake has failed and the peer is being told: the close that follows is put
  /// off until it has heard.
  func failed(_ error: any Error) -> ServiceError? {
    guard let tls, let problem = SecurityProblem.met(error, byPeerWith: tls.peerCertificate) else {
      return nil
    }
    if state == .open { state = .parting }
    return problem
  }

  func close(
    context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
  ) {
    guard state == .parting, mode == .all else {
      return context.close(mode: mode, promise: promise)
    }
    state = .shut
    context.part(within: Self.partingTime, promise: promise)
  }

  static let partingTime = TimeAmount.milliseconds(500)
}

extension TransportSecurity {
  /// Has a connection that a browser opened speak TLS. On its loop, before all other handlers.
  ///
  /// - Parameter timeout: How long the handshake may take.
  package func secureHTTP(_ channel: any Channel, handshakeTimeout timeout: TimeAmount) throws {
    let gate = SecurityGate(httpHandler) { context in
      let words = "This port speaks HTTPS: write https:// in place of http://.\n"
      let answer =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Length: \(words.utf8.count)\r\nConnection: close\r\n\r\n\(words)"
      context.part(saying: ByteBuffer(string: answer), within: SecurityGate.partingTime)
    }
    try channel.pipeline.syncOperations.addHandlers([gate, HandshakeClock(timeout)])
  }
}

/// Ends a connection whose handshake takes too long.
private final class HandshakeClock: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let timeout: TimeAmount
  private var alarm: Scheduled<Void>?

  init(_ timeout: TimeAmount) {
    self.timeout = timeout
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    alarm = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { alarm?.cancel() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { alarm?.cancel() }
    context.fireUserInboundEventTriggered(event)
  }
}
