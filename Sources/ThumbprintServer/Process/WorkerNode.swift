import Dispatch
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Where a worker keeps its replicas, where it listens, and whose orders it takes.
public struct WorkerNodeSettings: Sendable {
  public var name: WorkerName
  /// The folder of its replicas.
  public var folder: String
  public var host: String
  /// 0 for a free one.
  public var port: Int
  /// Where others reach it; `nil` for the address that it listens on.
  public var advertised: WorkerAddress?
  public var coordinator: WorkerAddress
  /// Bytes that it offers for replicas.
  public var capacityByteCount: Int
  public var limits = TransportLimits()
  /// `nil` for a cluster without TLS.
  public var security: TransportSecurity?
  /// Changes how the worker works, for tests.
  package var change: @Sendable (inout WorkerSettings) -> Void = { _ in }

  public init(
    name: WorkerName, folder: String, host: String, port: Int, coordinator: WorkerAddress,
    capacityByteCount: Int
  ) {
    self.name = name
    self.folder = folder
    self.host = host
    self.port = port
    self.coordinator = coordinator
    self.capacityByteCount = capacityByteCount
  }
}

/// A worker that listens.
public final class WorkerNode: Service {
  public let server: FrameServer
  private let worker: WorkerService
  private let metrics: WorkerMetrics
  private let folder: String
  private let network: WirePeerNetwork
  private let group: MultiThreadedEventLoopGroup
  private let logger: Logger

  private init(
    server: FrameServer, worker: WorkerService, metrics: WorkerMetrics, folder: String,
    network: WirePeerNetwork, group: MultiThreadedEventLoopGroup, logger: Logger
  ) {
    self.server = server
    self.worker = worker
    self.metrics = metrics
    self.folder = folder
    self.network = network
    self.group = group
    self.logger = logger
  }

  /// Opens the replicas, begins to listen, and connects to the coordinator.
  ///
  /// - Throws: `StoreError` about the folder; `ServiceError` about the address.
  public static func start(
    _ settings: WorkerNodeSettings, metrics: WorkerMetrics = WorkerMetrics(), program: String,
    logger: Logger
  ) async throws -> WorkerNode {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let membership = ClusterMembership()
      let frames = WorkerFrameService(
        name: settings.name, program: program, membership: membership)
      let server = try await FrameServer.bind(
        host: settings.host, port: settings.port, group: group, service: frames,
        limits: settings.limits, security: settings.security, logger: logger)
      guard
        let address = settings.advertised
          ?? WorkerAddress(host: settings.host, port: server.port)
      else {
        throw ServiceError(.invalid, "'\(settings.host)' is no host that others could reach")
      }
      let hello: @Sendable () -> Hello = {
        Hello(
          role: .worker, name: settings.name, cluster: membership.id, program: program)
      }
      let network = WirePeerNetwork(
        group: group, limits: settings.limits, security: settings.security, hello: hello)
      var own = WorkerSettings(
        name: settings.name, address: address, path: settings.folder,
        capacityByteCount: settings.capacityByteCount)
      settings.change(&own)
      let worker = try WorkerService(
        settings: own, peers: network,
        coordinator: WireCoordinatorNetwork(
          address: settings.coordinator, group: group, limits: settings.limits,
          security: settings.security, hello: hello),
        membership: membership, metrics: metrics, logger: logger)
      frames.begin(worker)
      logger.notice(
        "listening",
        metadata: [
          "address": "\(server.address)", "worker": "\(settings.name)",
          "coordinator": "\(settings.coordinator)",
          "tls": settings.security == nil ? "no" : "yes",
        ])
      return WorkerNode(
        server: server, worker: worker, metrics: metrics, folder: settings.folder,
        network: network, group: group, logger: logger)
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

  /// Takes nothing more, answers what was asked, and lets go of the files.
  public func stop() async {
    await server.shutDown()
    await end { $0.stop() }
  }

  /// Ends as a crash does.
  package func halt() async {
    await server.shutDown(within: .milliseconds(1))
    await end { $0.halt() }
  }

  private func end(_ body: @escaping @Sendable (WorkerService) -> Void) async {
    let worker = worker
    await withCheckedContinuation { continuation in
      // It waits for its threads, which no thread of tasks may do.
      DispatchQueue.global().async {
        body(worker)
        continuation.resume()
      }
    }
    network.close()
    try? await group.shutdownGracefully()
    logger.notice("ended")
  }
}

extension WorkerNode: WatchedProcess {
  public static var metrics: [MetricDescription] { WorkerMetrics.descriptions }

  public func updateMetrics() async {
    metrics.transport.update(server)
    metrics.updateDisk(folder: folder)
    metrics.update(await worker.asked { $0.metricsState() })
  }

  public func takeTurn() async { _ = await worker.asked { _ in true } }

  public func readinessProblems() async -> [String] {
    await worker.asked { $0.readinessProblems() }
  }
}
