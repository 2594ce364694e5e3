// With ErrorAnswers.swift, the only file that knows how Hummingbird is started.

import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
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

    public init() {}
  }

  /// What is answered. A request that no route takes is answered `notFound`.
  public typealias Routes = Router<BasicRequestContext>

  private let host: String
  private let port: Int
  private let limits: Limits
  private let responder: RouterResponder<BasicRequestContext>
  private let logger: Logger
  private let onListening: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - port: 0 for a free one.
  ///   - onListening: Told the port.
  public init(
    host: String, port: Int, limits: Limits = Limits(), routes: Routes, logger: Logger,
    onListening: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.host = host
    self.port = port
    self.limits = limits
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
      server: .http1(
        configuration: .init(
          idleTimeout: limits.idleTimeout,
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: limits.headByteCountMax, maxHeaderListSize: limits.headByteCountMax,
            maxHeaderFieldCount: 100))),
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port),
        availableConnectionsDelegate: .maximum(limits.connectionCountMax, logger: logger)),
      onServerRunning: { [host, logger, onListening] channel in
        let port = channel.localAddress?.port ?? 0
        logger.notice("listening for HTTP", metadata: ["address": "\(host):\(port)"])
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
