import Foundation
import Logging
import Testing
import ThumbprintClient
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintTransport
import ThumbprintWire

/// A coordinator and workers of this process, on loopback, with folders of their own.
final class LocalCluster {
  let folder: URL
  private(set) var coordinator: CoordinatorNode
  private(set) var workers: [String: WorkerNode] = [:]
  let log = LogRecorder()
  private let settings: CoordinatorSettings
  private let change: @Sendable (inout WorkerSettings) -> Void
  private var logger: Logger { log.logger("test") }

  /// - Parameters:
  ///   - settings: Of the new cluster.
  ///   - change: Changes how workers work.
  ///   - changeCoordinator: Changes how the coordinator works.
  init(
    workers names: [String], settings: ClusterSettings = ClusterSettings(),
    change: @escaping @Sendable (inout WorkerSettings) -> Void = { _ in },
    coordinator changeCoordinator: (inout CoordinatorSettings) -> Void = { _ in }
  ) async throws {
    var own = CoordinatorSettings()
    // A disk that other tests and programs use may take seconds for what it takes milliseconds for.
    own.creationWait = .seconds(120)
    own.newCluster = settings
    changeCoordinator(&own)
    self.settings = own
    self.change = change
    folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-cluster-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    coordinator = try await Self.coordinator(folder, own, log.logger("test"), port: 0)
    for name in names { try await start(name) }
  }

  private static func coordinator(
    _ folder: URL, _ settings: CoordinatorSettings, _ logger: Logger, port: Int
  ) async throws -> CoordinatorNode {
    try await CoordinatorNode.start(
      host: "127.0.0.1", port: port,
      store: try LMDBMetadataStore(folder: folder.appending(path: "metadata").path),
      settings: settings, program: "test", logger: logger)
  }

  /// Starts a worker, with the replicas that it had before.
  ///
  /// - Parameters:
  ///   - other: A cluster in whose folder it has them; `nil` for this.
  ///   - advertised: Where others reach it; `nil` for where it listens.
  func start(
    _ name: String, of other: LocalCluster? = nil, advertised: WorkerAddress? = nil
  ) async throws {
    guard let worker = WorkerName(name),
      let address = WorkerAddress(host: "127.0.0.1", port: coordinator.server.port)
    else { preconditionFailure("'\(name)' is no name") }
    var settings = WorkerNodeSettings(
      name: worker, folder: (other ?? self).folder.appending(path: name).path, host: "127.0.0.1",
      port: 0,
      coordinator: address, capacityByteCount: 1 << 30)
    settings.advertised = advertised
    settings.change = change
    workers[name] = try await WorkerNode.start(settings, program: "test", logger: logger)
  }

  /// Ends a worker as a crash does.
  func crash(_ name: String) async {
    await workers.removeValue(forKey: name)?.halt()
  }

  /// Ends the coordinator, and starts it again at the same port.
  func restartCoordinator() async throws {
    let port = coordinator.server.port
    await coordinator.stop()
    coordinator = try await Self.coordinator(folder, settings, logger, port: port)
  }

  func client() async throws -> ClusterClient {
    try await ClusterClient.connect(
      host: "127.0.0.1", port: coordinator.server.port, program: "test")
  }

  /// Waits until workers have said hello.
  func waitForWorkers(_ count: Int, _ client: ClusterClient) async throws {
    while try await client.run(ClusterStatusOperation()).workers.count(where: \.isAlive)
      < count
    { try await Task.sleep(for: .milliseconds(10)) }
  }

  /// Waits until every shard has its replicas, all of them in sync.
  func waitForReplicas(_ count: Int, _ client: ClusterClient) async throws {
    func isWhole(_ shard: ShardPlacement) -> Bool {
      shard.replicas.count == count && shard.replicas.allSatisfy { $0.isInSync && $0.isAlive }
    }
    while try await !client.run(ClusterStatusOperation()).shards.allSatisfy(isWhole) {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Waits until the status of the cluster is as wanted; fails after a time that no healthy run
  /// takes.
  @discardableResult
  func wait(
    for what: String, _ client: ClusterClient, seconds: Double = 60,
    sourceLocation: SourceLocation = #_sourceLocation, _ isMet: (ClusterStatus) -> Bool
  ) async throws -> ClusterStatus {
    let end = ContinuousClock.now + .seconds(seconds)
    var tries = 0
    while true {
      let status = try await client.run(ClusterStatusOperation())
      if isMet(status) { return status }
      // Tries count too: on a busy machine the time may be over before the second one.
      tries += 1
      guard ContinuousClock.now < end || tries < 200 else {
        Issue.record("never came: \(what)", sourceLocation: sourceLocation)
        throw ServiceError(.deadlineExceeded, what)
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  func end() async throws {
    for worker in workers.values { await worker.stop() }
    await coordinator.stop()
    try FileManager.default.removeItem(at: folder)
  }
}
