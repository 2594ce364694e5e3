import Logging
import NIOCore
import NIOPosix
import NIOTLS
import Synchronization
import ThumbprintWire

/// Listens on an address and lets a ``FrameService`` answer whoever connects.
public final class FrameServer: Sendable {
  final class Shared: Sendable {
    let service: any FrameService
    let limits: TransportLimits
    let security: TransportSecurity?
    let log: PeerLog
    /// Makes the traces of this process differ from those of others.
    let traceSeed = UInt64.random(in: 0...UInt64.max)
    private let state = Mutex(State())
    private let counts = Mutex(ConnectionCounts())

    private struct State {
      var channels: [UInt64: any Channel] = [:]
      var lastNumber: UInt64 = 0
      var isShuttingDown = false
      /// Connections beyond the bound that are being told so.
      var refusedCount = 0
    }

    init(
      service: any FrameService, limits: TransportLimits, security: TransportSecurity?,
      logger: Logger
    ) {
      self.service = service
      self.limits = limits
      self.security = security
      log = PeerLog(limits, logger)
    }

    func count(_ body: (inout ConnectionCounts) -> Void) { counts.withLock { body(&$0) } }

    var currentCounts: ConnectionCounts { counts.withLock { $0 } }

    var isShuttingDown: Bool { state.withLock { $0.isShuttingDown } }

    var connectionCount: Int { state.withLock { $0.channels.count } }

    /// The number of a new connection; `nil` if there are too many.
    func begin(_ channel: any Channel) -> UInt64? {
      state.withLock { state in
        guard !state.isShuttingDown, state.channels.count < limits.connectionCountMax else {
          return nil
        }
        state.lastNumber += 1
        state.channels[state.lastNumber] = channel
        return state.lastNumber
      }
    }

    /// Whether there is room to tell one more peer that there is no room.
    func beginRefusal() -> Bool {
      state.withLock { state in
        guard state.refusedCount < FrameServer.refusedCountMax else { return false }
        state.refusedCount += 1
        return true
      }
    }

    func endRefusal() { state.withLock { $0.refusedCount -= 1 } }

    func end(_ number: UInt64) { _ = state.withLock { $0.channels.removeValue(forKey: number) } }

    var openChannels: [any Channel] { state.withLock { Array($0.channels.values) } }

    /// Every connection that is open; no further ones are let in.
    func shutDown() -> [any Channel] {
      state.withLock { state in
        state.isShuttingDown = true
        return Array(state.channels.values)
      }
    }
  }

  private let shared: Shared
  private let channel: any Channel

  private init(shared: Shared, channel: any Channel) {
    self.shared = shared
    self.channel = channel
    // A closed channel does not know any more.
    port = channel.localAddress?.port ?? 0
    address = channel.localAddress.map(PeerAddress.text) ?? ""
  }

  /// The port that it listens on; one that was free, if 0 was asked for.
  public let port: Int

  /// `HOST:PORT` that it listens on.
  public let address: String

  /// Connections that are open.
  public var connectionCount: Int { shared.connectionCount }

  /// What it has seen since it began.
  public var counts: ConnectionCounts { shared.currentCounts }

  /// Connections beyond the bound that are told so at once; further ones are just closed.
  private static let refusedCountMax = 64

  /// Begins to listen.
  ///
  /// - Parameter security: With it, only peers are let in that speak TLS and show a certificate.
  /// - Throws: `unavailable` if the address cannot be had.
  public static func bind(
    host: String, port: Int, group: any EventLoopGroup, service: any FrameService,
    limits: TransportLimits = TransportLimits(), security: TransportSecurity? = nil,
    logger: Logger
  ) async throws(ServiceError) -> FrameServer {
    let shared = Shared(service: service, limits: limits, security: security, logger: logger)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(
        .writeBufferWaterMark, value: .init(low: 1 << 20, high: 4 << 20)
      )
      .childChannelInitializer { Self.welcome($0, shared) }
    do {
      let channel = try await bootstrap.bind(host: host, port: port).get()
      return FrameServer(shared: shared, channel: channel)
    } catch {
      throw ServiceError(.unavailable, "cannot listen on \(host):\(port): \(error)")
    }
  }

  /// Serves one connection that someone else has accepted.
  package static func serve(
    _ channel: any Channel, service: any FrameService, limits: TransportLimits, logger: Logger
  ) -> EventLoopFuture<Void> {
    welcome(
      channel, Shared(service: service, limits: limits, security: nil, logger: logger))
  }

  private static func welcome(
    _ channel: any Channel, _ shared: Shared
  ) -> EventLoopFuture<Void> {
    let address = channel.remoteAddress.map(PeerAddress.text) ?? "unknown"
    guard let number = shared.begin(channel) else { return turnAway(channel, address, shared) }
    shared.count { $0.accepted += 1 }
    channel.closeFuture.whenComplete { _ in shared.end(number) }
    return channel.eventLoop.makeCompletedFuture {
      let gate = shared.security.map { self.gate($0, channel) }
      let frames = FrameHandler(bodyByteCountMax: WireLimits.handshakeByteCountMax)
      let handler = ServerConnectionHandler(
        server: shared, gate: gate, frames: frames, number: number, address: address)
      if let gate { try channel.pipeline.syncOperations.addHandler(gate) }
      try channel.pipeline.syncOperations.addHandlers([frames, handler])
    }
  }

  private static func gate(
    _ security: TransportSecurity, _ channel: any Channel
  ) -> SecurityGate {
    let address = channel.localAddress.map(PeerAddress.text) ?? "this port"
    return SecurityGate(security.serverHandler) { context in
      context.fireErrorCaught(
        ServiceError(
          .refused, "\(address) wants TLS",
          hint: "give --tls-certificate, --tls-key and --tls-authority"))
    }
  }

  /// Tells a peer that there is no room for it.
  private static func turnAway(
    _ channel: any Channel, _ address: String, _ shared: Shared
  ) -> EventLoopFuture<Void> {
    let error =
      shared.isShuttingDown
      ? ServiceError(.shuttingDown, "this process is about to end")
      : ServiceError(
        .busy, "\(shared.limits.connectionCountMax) connections are open, the most there may be",
        hint: "use fewer connections, each for many requests; or set --connection-limit")
    shared.count { $0.refuse(error.code) }
    shared.log.write(.notice, "refused", kind: "\(error.code)", on: channel.eventLoop) {
      ["peer": "\(address)", "code": "\(error.code)", "why": "\(error.message)"]
    }
    guard shared.beginRefusal() else { return channel.close() }
    channel.closeFuture.whenComplete { _ in shared.endRefusal() }
    let frame = Frame(
      header: FrameHeader(type: .error, requestID: 0), body: ErrorMessage(error).encoded())
    return channel.eventLoop.makeCompletedFuture {
      if let security = shared.security {
        try channel.pipeline.syncOperations.addHandler(security.serverHandler())
      }
      try channel.pipeline.syncOperations.addHandler(
        Farewell(
          frame.buffer(), isSecured: shared.security != nil, tick: shared.limits.tick))
    }
  }

  /// Ends every connection and goes on listening, as a network that fails for a moment does.
  package func dropConnections() {
    for channel in shared.openChannels { channel.close(promise: nil) }
  }

  /// Takes no further connections or requests, and ends when what was asked before is answered, or
  /// the time is over.
  public func shutDown(within time: TimeAmount = .seconds(10)) async {
    try? await channel.close()
    let channels = shared.shutDown()
    for channel in channels {
      channel.eventLoop.execute {
        let handler = try? channel.pipeline.syncOperations.handler(
          type: ServerConnectionHandler.self)
        handler?.shutDown()
        channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
      }
    }
    for channel in channels { try? await channel.closeFuture.get() }
    shared.log.summarise()
  }
}

/// Says one thing to a peer and ends the connection. What the peer says is read and dropped.
private final class Farewell: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let words: ByteBuffer
  /// Whether a handshake comes first.
  private let isSecured: Bool
  private let tick: TimeAmount

  init(_ words: ByteBuffer, isSecured: Bool, tick: TimeAmount) {
    self.words = words
    self.isSecured = isSecured
    self.tick = tick
  }

  func channelActive(context: ChannelHandlerContext) {
    guard isSecured else { return speak(context) }
    let channel = context.channel
    channel.eventLoop.scheduleTask(in: tick) { channel.close(promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent { speak(context) }
    context.fireUserInboundEventTriggered(event)
  }

  private func speak(_ context: ChannelHandlerContext) {
    context.part(saying: words, within: tick)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}

/// How addresses are written in logs and messages.
enum PeerAddress {
  /// `HOST:PORT`, numeric.
  static func text(_ address: SocketAddress) -> String {
    guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
