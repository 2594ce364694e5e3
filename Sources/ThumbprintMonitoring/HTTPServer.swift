// With ErrorAnswers.swift, the only file that knows how Hummingbird is started.

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ThumbprintTransport
import ThumbprintWire

/// An HTTP server of a daemon, on a thread of its own: what is slow here, or hangs, keeps nobody
/// from being answered elsewhere, and the other way round.
public struct HTTPServer: Service {
  /// The bounds that it holds clients to.
  public struct Limits: Sendable {
    /// The most connections; further ones wait until one ends.
    public var connectionCountMax = 256
    /// How long a connection may be silent, or take for the head of a request.
    public var idleTimeout = TimeAmount.seconds(30)
    /// Bytes of the head of a request.
    public var headByteCountMax = 16 << 10
    /// How long a handshake of TLS may take.
    public var handshakeTimeout = TimeAmount.seconds(5)

    public init() {}

    fileprivate var configuration: HTTP1Channel.Configuration {
      HTTP1Channel.Configuration(
        idleTimeout: idleTimeout,
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: headByteCountMax, maxHeaderListSize: headByteCountMax,
          maxHeaderFieldCount: 100))
    }
  }

  /// What is answered. A request that no route takes is answered `notFound`.
  public typealias Routes = Router<BasicRequestContext>

  private let host: String
  private let port: Int
  private let limits: Limits
  private let security: TransportSecurity?
  private let responder: RouterResponder<BasicRequestContext>
  private let logger: Logger
  private let onListening: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - port: 0 for a free one.
  ///   - security: With it, HTTPS is spoken.
  ///   - onListening: Told the port.
  public init(
    host: String, port: Int, limits: Limits = Limits(), security: TransportSecurity? = nil,
    routes: Routes, logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.host = host
    self.port = port
    self.limits = limits
    self.security = security
    responder = routes.buildResponder()
    self.logger = logger
    self.onListening = onListening
  }

  /// Serves until it is told to end.
  ///
  /// - Throws: `ServiceError` `unavailable` if the address cannot be had.
  public func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let application = Application(
      responder: responder,
      server: HTTPServerBuilder { [security, limits] in
        SecuredChannel(
          base: HTTP1Channel(responder: $0, configuration: limits.configuration),
          security: security, handshakeTimeout: limits.handshakeTimeout)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port),
        availableConnectionsDelegate: .maximum(limits.connectionCountMax, logger: logger)),
      onServerRunning: { [host, isSecured = security != nil, logger, onListening] channel in
        let port = channel.localAddress?.port ?? 0
        logger.notice(
          "listening for HTTP",
          metadata: ["address": "\(host):\(port)", "tls": isSecured ? "yes" : "no"])
        onListening(port)
      },
      eventLoopGroupProvider: .shared(group), logger: Self.quiet(logger))
    do {
      try await application.run()
      try? await group.shutdownGracefully()
    } catch {
      try? await group.shutdownGracefully()
      throw ServiceError(.unavailable, "cannot listen on \(host):\(port) for HTTP: \(error)")
    }
  }

  /// What the library says of every connection and start is not for operators.
  private static func quiet(_ logger: Logger) -> Logger {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .warning)
    return quiet
  }
}

/// A connection that speaks TLS first, if it has to.
private struct SecuredChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  let base: HTTP1Channel
  let security: TransportSecurity?
  let handshakeTimeout: TimeAmount

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    guard let security else { return base.setup(channel: channel, logger: logger) }
    return channel.eventLoop.makeCompletedFuture {
      try security.secureHTTP(channel, handshakeTimeout: handshakeTimeout)
    }.flatMap { base.setup(channel: channel, logger: logger) }
  }

  func handle(value: Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}
