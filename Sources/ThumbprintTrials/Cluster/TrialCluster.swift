import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// A coordinator and workers, real processes on loopback with folders of their own.
actor TrialCluster {
  nonisolated let folder: URL
  private let executables: URL
  private var coordinator: ChildProcess?
  private var workers: [String: ChildProcess] = [:]
  private var ports: [String: Int] = [:]
  private let capacity: String
  private let security: TrialSecurity?

  static let coordinatorName = "coordinator"

  /// Starts a coordinator and workers `a`, `b` ..., and waits until all have joined.
  static func start(
    workers count: Int, in scratch: Scratch, name: String = "cluster", capacity: String = "1TiB",
    security: TrialSecurity? = nil
  ) async throws -> TrialCluster {
    let cluster = try TrialCluster(scratch, name: name, capacity: capacity, security: security)
    try await cluster.startCoordinator()
    for number in 0..<count { try await cluster.startWorker(Self.workerName(number)) }
    let client = try await cluster.client()
    try await client.waitForWorkers(count)
    await client.close()
    return cluster
  }

  static func workerName(_ number: Int) -> String {
    String(UnicodeScalar(UInt8(ascii: "a") + UInt8(number)))
  }

  private init(
    _ scratch: Scratch, name: String, capacity: String, security: TrialSecurity?
  ) throws {
    self.security = security
    folder = scratch.folder.appending(path: name)
    executables = scratch.executables
    self.capacity = capacity
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  // MARK: Processes

  /// Starts the coordinator, at the port that it had before.
  func startCoordinator() async throws {
    let name = Self.coordinatorName
    let process = try ChildProcess(
      name, executables.appending(path: "thumbprint-coordinator"),
      [
        "--listen", "127.0.0.1:\(ports[name] ?? 0)",
        "--metadata", "lmdb:\(folder.appending(path: "metadata").path)",
      ] + (security?.flags ?? []), log: folder.appending(path: "\(name).log"))
    coordinator = process
    ports[name] = try await process.port()
  }

  /// Starts a worker with what it stored before, at the port that it had.
  func startWorker(_ name: String) async throws {
    let process = try ChildProcess(
      name, executables.appending(path: "thumbprint-shard"),
      [
        "--name", name, "--data", folder.appending(path: name).path,
        "--listen", "127.0.0.1:\(ports[name] ?? 0)",
        "--coordinator", "127.0.0.1:\(ports[Self.coordinatorName] ?? 0)",
        "--capacity", capacity,
      ] + (security?.flags ?? []), log: folder.appending(path: "\(name).log"))
    workers[name] = process
    ports[name] = try await process.port()
  }

  /// Starts whatever has this name.
  func start(_ name: String) async throws {
    if name == Self.coordinatorName {
      try await startCoordinator()
    } else {
      try await startWorker(name)
    }
  }

  /// Ends a process as a crash does.
  func kill(_ name: String) {
    if name == Self.coordinatorName {
      coordinator?.kill()
    } else {
      workers[name]?.kill()
    }
  }

  var workerNames: [String] { workers.keys.sorted() }

  nonisolated var address: String { get async { "127.0.0.1:\(await port)" } }

  private var port: Int { ports[Self.coordinatorName] ?? 0 }

  /// Where a worker listens.
  func port(of worker: String) -> Int { ports[worker] ?? 0 }

  /// What the system says of the processes that run, by name.
  var usage: [String: ProcessUsage] {
    var all = workers
    all[Self.coordinatorName] = coordinator
    return all.compactMapValues { $0.isRunning ? ProcessUsage(of: $0.id) : nil }
  }

  /// Those that ended without having been killed.
  func crashed(except killed: Set<String> = []) -> [String] {
    var all = workers
    all[Self.coordinatorName] = coordinator
    return all.filter { !$0.value.isRunning && !killed.contains($0.key) }.keys.sorted()
  }

  /// Ends everything in order.
  func stop() async {
    for worker in workers.values { await worker.stop() }
    await coordinator?.stop()
  }

  func client(timeout: Duration = .seconds(60)) async throws -> ClusterClient {
    try await ClusterClient.connect(
      host: "127.0.0.1", port: port, program: "thumbprint-trial", timeout: timeout,
      security: security?.peer)
  }
}

/// The files for a cluster that speaks TLS, which `Cluster/certificates DIR 127.0.0.1` made.
struct TrialSecurity: Sendable {
  var flags: [String]
  var peer: PeerSecurity

  init(folder: String) throws {
    let paths = ["127.0.0.1.crt", "127.0.0.1.key", "authority.crt"].map { "\(folder)/\($0)" }
    peer = PeerSecurity(
      try TransportSecurity(
        SecurityFiles(certificate: paths[0], key: paths[1], authority: paths[2])))
    flags = [
      "--tls-certificate", paths[0], "--tls-key", paths[1], "--tls-authority", paths[2],
    ]
  }
}

/// A folder for what a trial writes, and where the executables are.
struct Scratch: Sendable {
  var folder: URL
  var executables: URL

  /// A new folder in `parent`, or among the temporary files; the executables beside this one.
  init(in parent: String?) throws {
    let base = parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
    folder = base.appending(path: "thumbprint-trial-\(UUID().uuidString.prefix(8))")
    executables = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    for name in ["thumbprint-coordinator", "thumbprint-shard"] {
      let path = executables.appending(path: name).path
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw TrialError("\(path) is missing: build all products first")
      }
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}

extension ClusterClient {
  var status: ClusterStatus {
    get async throws(ServiceError) { try await run(ClusterStatusOperation()) }
  }

  /// Waits until so many workers are there.
  func waitForWorkers(_ count: Int, within time: Duration = .seconds(30)) async throws {
    try await wait(within: time, "\(count) workers") { status in
      status.workers.count(where: \.isAlive) >= count
    }
  }

  /// Waits until every shard has its replicas, in sync and alive, and no move is left.
  ///
  /// - Returns: Seconds that it took.
  @discardableResult
  func waitUntilWhole(
    replicas: Int, within time: Duration = .seconds(120)
  ) async throws -> Double {
    let watch = Stopwatch()
    try await wait(within: time, "every replica in sync") { status in
      status.moves.isEmpty
        && status.shards.allSatisfy { shard in
          shard.replicas.count == replicas
            && shard.replicas.allSatisfy { $0.isInSync && $0.isAlive }
        }
    }
    return watch.seconds
  }

  /// Waits until what the replicas of each shard report is the same.
  ///
  /// - Returns: How many replicas there are.
  func waitUntilReplicasAreEqual(within time: Duration = .seconds(60)) async throws -> Int {
    try await wait(within: time, "equal replicas") { status in
      status.shards.allSatisfy { shard in
        let first = shard.replicas.first
        return shard.replicas.allSatisfy {
          $0.digest != nil && $0.digest == first?.digest && $0.position == first?.position
            && $0.recordCount == first?.recordCount
        }
      }
    }
    return try await status.shards.reduce(0) { $0 + $1.replicas.count }
  }

  /// Asks for the status until it is as wanted; failures that may pass count as not yet.
  func wait(
    within time: Duration, _ what: String, _ isMet: (ClusterStatus) -> Bool
  ) async throws {
    let start = ContinuousClock.now
    var last = "nothing was heard"
    while ContinuousClock.now - start < time {
      do {
        let status = try await status
        if isMet(status) { return }
        last = Self.summary(status)
      } catch {
        guard error.isRetryable else { throw error }
        last = error.message
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw TrialError("\(what): not within \(time); \(last)")
  }

  private static func summary(_ status: ClusterStatus) -> String {
    let shards = status.shards.map { shard in
      let replicas = shard.replicas.map { replica in
        "\(replica.worker)\(replica.isInSync ? "" : "*")\(replica.isAlive ? "" : "!")"
          + "@\(replica.position.map { "\($0)" } ?? "?")"
      }
      return "\(shard.number):\(replicas.joined(separator: ","))"
    }
    return "shards (* not in sync, ! not alive): \(shards.joined(separator: " ")); "
      + "\(status.moves.count) moves"
  }
}
