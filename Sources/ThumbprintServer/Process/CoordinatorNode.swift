import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ThumbprintCodes
import ThumbprintTransport

/// A coordinator that listens.
public final class CoordinatorNode: Service {
  public let server: FrameServer
  /// The port that it listens on.
  public var port: Int { server.port }
  private let coordinator: CoordinatorService
  private let metrics: CoordinatorMetrics
  private let group: MultiThreadedEventLoopGroup
  private let logger: Logger

  private init(
    server: FrameServer, coordinator: CoordinatorService, metrics: CoordinatorMetrics,
    group: MultiThreadedEventLoopGroup, logger: Logger
  ) {
    self.server = server
    self.coordinator = coordinator
    self.metrics = metrics
    self.group = group
    self.logger = logger
  }

  /// Reads the map and begins to listen.
  ///
  /// - Parameter port: 0 for a free one.
  public static func start(
    host: String, port: Int, store: any MetadataStore,
    settings: CoordinatorSettings = CoordinatorSettings(),
    limits: TransportLimits = TransportLimits(), security: TransportSecurity? = nil,
    metrics: CoordinatorMetrics = CoordinatorMetrics(), program: String, logger: Logger
  ) async throws -> CoordinatorNode {
    // One loop for everything: a query is not handed from thread to thread.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let coordinator = try await CoordinatorService.start(
        store: store, settings: settings, limits: limits, security: security,
        loop: group.next(), metrics: metrics, program: program, logger: logger)
      let server = try await FrameServer.bind(
        host: host, port: port, group: group, service: coordinator, limits: limits,
        security: security, logger: logger)
      logger.notice(
        "listening",
        metadata: ["address": "\(server.address)", "tls": security == nil ? "no" : "yes"])
      return CoordinatorNode(
        server: server, coordinator: coordinator, metrics: metrics, group: group, logger: logger)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Serves until it is told to end; answers first what was asked before.
  public func run() async throws {
    try? await gracefulShutdown()
    await stop()
  }

  /// Takes nothing more, answers what was asked, and lets go of everything.
  public func stop() async {
    await server.shutDown()
    await coordinator.stop()
    try? await group.shutdownGracefully()
    logger.notice("ended")
  }
}

extension CoordinatorNode: WatchedProcess {
  public static var metrics: [MetricDescription] { CoordinatorMetrics.descriptions }

  public func updateMetrics() async {
    metrics.transport.update(server)
    if let state = await coordinator.asked({ $0.metricsState() }) { metrics.update(state) }
  }

  public func takeTurn() async { _ = await coordinator.asked { _ in true } }

  public func readinessProblems() async -> [String] {
    await coordinator.asked { $0.readinessProblems() } ?? ["the coordinator is about to end"]
  }
}
