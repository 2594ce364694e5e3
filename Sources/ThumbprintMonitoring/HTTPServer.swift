// The only file that knows how Hummingbird is started.

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import ThumbprintTransport
import ThumbprintWire

/// An HTTP server of a daemon, on a thread of its own: what is slow here, or hangs, keeps nobody
/// from being answered elsewhere, and the other way round.
public struct HTTPServer: Service {
  /// The bounds that it holds clients to.
  public struct Limits: Sendable {
    /// The most connections; the one that has asked for nothing for the longest time makes room
    /// for the last, and further ones wait until one ends.
    public var connectionCountMax = 256
    /// How long a connection that was just opened, or answered for the last time, is left before it
    /// may have to make room.
    public var newcomerTimeout = TimeAmount.seconds(1)
    /// How long a connection may be silent, or take for the head of a request.
    public var idleTimeout = TimeAmount.seconds(30)
    /// How long a request may take from its head to the end of its body; what answers it may have
    /// less patience, and says so.
    public var requestTimeout = TimeAmount.seconds(40)
    /// How long a client that is being answered may read next to nothing.
    public var answerTimeout = TimeAmount.seconds(30)
    /// How long a client that was answered before it had sent all may go on sending, and be heard
    /// by nobody.
    public var leaveTimeout = TimeAmount.seconds(5)
    /// Bytes of the head of a request: as many ids as may be asked for, each 20 digits and an escaped
    /// comma, and as much again for other fields.
    public var headByteCountMax = 48 << 10
    /// How long a handshake of TLS may take.
    public var handshakeTimeout = TimeAmount.seconds(5)

    /// Fields of the head of a request.
    static let fieldCountMax = 100

    public init() {}

    fileprivate var configuration: HTTP1Channel.Configuration {
      HTTP1Channel.Configuration(
        idleTimeout: idleTimeout,
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: headByteCountMax, maxHeaderListSize: headByteCountMax,
          maxHeaderFieldCount: Self.fieldCountMax))
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
    let table = ConnectionTable(
      countMax: limits.connectionCountMax, newcomerTimeout: limits.newcomerTimeout)
    let application = Application(
      responder: responder,
      server: HTTPServerBuilder { [security, limits, logger] in
        BoundedChannel(
          base: HTTP1Channel(responder: $0, configuration: limits.configuration),
          security: security, limits: limits, table: table, logger: logger)
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

/// A connection that speaks TLS first, if it has to, and is held to the bounds of time.
private struct BoundedChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  let base: HTTP1Channel
  let security: TransportSecurity?
  let limits: HTTPServer.Limits
  let table: ConnectionTable
  let logger: Logger

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    table.opened(channel)
    return channel.eventLoop.makeCompletedFuture {
      try security?.secureHTTP(channel, handshakeTimeout: limits.handshakeTimeout)
    }.flatMap {
      base.setup(channel: channel, logger: logger)
    }.flatMapThrowing { value in
      // Right behind what makes requests of bytes, so that nothing is between it and the client
      // that could hold something back.
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      try pipeline.addHandler(
        HTTPConnection(limits, table, onProblem: answer), position: .after(decoder))
      return value
    }
  }

  func handle(value: Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }

  /// The answer to what is no HTTP, in the form of all errors.
  private func answer(_ problem: HTTPParserError) -> HTTPProblem {
    let id = "\(RequestID())"
    let error = problem.serviceError(headByteCountMax: limits.headByteCountMax)
    logger.info(
      "HTTP request failed",
      metadata: ["request": "\(id)", "code": "\(error.code)", "why": "\(error.message)"])
    var fields = ProtectiveFields<BasicRequestContext>.all
    fields[.contentType] = AnswerJSON.type
    return HTTPProblem(
      status: error.code.httpStatus, fields: fields.map { ($0.name.rawName, $0.value) },
      body: error.answerBody(requestID: id))
  }
}
