import Foundation
import Testing
import ThumbprintTestKit

/// A coordinator and workers as processes on loopback, with their folders in a sandbox. They are
/// killed when the test is over.
final class ClusterSandbox {
  let sandbox: Sandbox
  /// `HOST:PORT` of the coordinator.
  private(set) var address = ""
  private var servers: [String: Process] = [:]
  /// `nil` for a cluster without TLS.
  let certificates: TestCertificates?

  init(workers: [String], certificates: TestCertificates? = nil) throws {
    sandbox = try Sandbox()
    self.certificates = certificates
    address = try start(
      "thumbprint-coordinator", as: "coordinator",
      ["--listen", "127.0.0.1:0", "--metadata", "lmdb:\(sandbox.path("metadata"))"])
    for worker in workers { try startWorker(worker) }
    try waitForWorkers(workers.count)
  }

  deinit {
    for server in servers.values {
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
    }
  }

  /// Starts a worker, with what it had before.
  func startWorker(_ name: String) throws {
    _ = try start(
      "thumbprint-shard", as: name,
      ["--data", sandbox.path("worker-\(name)"), "--coordinator", address, "--name", name])
  }

  /// Ends a server at once.
  func kill9(_ name: String) throws {
    let server = try #require(servers[name])
    servers[name] = nil
    kill(server.processIdentifier, SIGKILL)
    server.waitUntilExit()
  }

  /// Lets a server neither work nor end, or go on.
  func send(_ signal: Int32, to name: String) throws {
    kill(try #require(servers[name]).processIdentifier, signal)
  }

  /// Starts a server and waits until it listens.
  ///
  /// - Returns: The address that it says it listens on.
  private func start(_ program: String, as name: String, _ arguments: [String]) throws -> String {
    let log = sandbox.folder.appending(path: ".\(name).\(UUID().uuidString).log")
    try Data().write(to: log)
    let process = Process()
    process.executableURL = Sandbox.program.deletingLastPathComponent().appending(path: program)
    process.arguments = arguments + (certificates.map { $0["127.0.0.1"].flags } ?? [])
    process.environment = [:]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    servers[name] = process
    while process.isRunning {
      let text = try String(contentsOf: log, encoding: .utf8)
      if let line = text.firstMatch(of: /listening address=(\S+)/) { return String(line.output.1) }
      usleep(2000)
    }
    throw Sandbox.Failure(text: try String(contentsOf: log, encoding: .utf8))
  }

  // MARK: The command line

  /// Runs the program against this cluster to its end.
  @discardableResult
  func run(_ arguments: [String]) throws -> Sandbox.Outcome {
    try sandbox.start(arguments, environment: environment).outcome()
  }

  /// What tells the program of this cluster.
  var environment: [String: String] {
    var variables = ["THUMBPRINT_COORDINATOR": address]
    if let files = certificates?["client"] {
      variables["THUMBPRINT_TLS_CERTIFICATE"] = files.certificate
      variables["THUMBPRINT_TLS_KEY"] = files.key
      variables["THUMBPRINT_TLS_AUTHORITY"] = files.authority
    }
    return variables
  }

  /// Runs the program against this cluster; it has to end well.
  @discardableResult
  func succeed(
    _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Sandbox.Outcome {
    let outcome = try run(arguments)
    try #require(
      outcome.status == 0, "thumbprint \(arguments): \(outcome.errors)",
      sourceLocation: sourceLocation)
    return outcome
  }

  /// Waits until so many workers have said hello.
  func waitForWorkers(_ count: Int) throws {
    try wait("\(count) workers") {
      let workers = try self.succeed("cluster", "workers", "--json").json([[String: Any]].self)
      return workers.count { $0["alive"] as? Bool == true } >= count
    }
  }

  /// Makes a collection whose replicas are all in sync: any worker may be lost from then on.
  func makeCollection(_ name: String) throws {
    try succeed("collection", "create", name)
    try wait("replicas in sync") {
      let shards = try self.succeed("cluster", "shards", "--json").json([[String: Any]].self)
      return shards.allSatisfy { $0["state"] as? String == "whole" }
    }
  }

  /// Waits for something that comes by itself: half a minute at most.
  func wait(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isThere: () throws -> Bool
  ) throws {
    let end = Date(timeIntervalSinceNow: 30)
    while try !isThere() {
      try #require(Date() < end, "no \(what) in 30 s", sourceLocation: sourceLocation)
      usleep(20_000)
    }
  }
}
