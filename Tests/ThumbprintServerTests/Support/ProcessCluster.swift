import Foundation
import Glibc
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintTestKit
import ThumbprintWire

/// A coordinator and workers as processes of their own, on loopback, in a folder of their own.
/// Ended, and the folder removed, when the test is over.
final class ProcessCluster {
  let folder: URL
  private var processes: [String: Process] = [:]
  private let port: Int

  private static let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()
  private static let coordinatorName = "coordinator"
  private static let triesMin = 200

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-processes-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // Let go of at once, for the coordinator to take it.
    port = try ReservedPort().number
    try startCoordinator()
  }

  deinit {
    for process in processes.values where process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  private func start(_ name: String, _ program: String, _ arguments: [String]) throws {
    let log = folder.appending(path: "\(name).log")
    if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
    let output = try FileHandle(forWritingTo: log)
    try output.seekToEnd()
    let process = Process()
    process.executableURL = Self.programs.appending(path: program)
    process.arguments = arguments
    process.environment = [:]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    processes[name] = process
  }

  func startCoordinator() throws {
    try start(
      Self.coordinatorName, "thumbprint-coordinator",
      [
        "--listen", "127.0.0.1:\(port)", "--metadata",
        "lmdb:\(folder.appending(path: "metadata").path)",
      ])
  }

  func startWorker(_ name: String) throws {
    try start(
      name, "thumbprint-shard",
      [
        "--data", folder.appending(path: name).path, "--coordinator", "127.0.0.1:\(port)",
        "--name", name,
      ])
  }

  /// Starts it again, after ``killAtOnce(_:)``.
  func startAgain(_ name: String) throws {
    if name == Self.coordinatorName { try startCoordinator() } else { try startWorker(name) }
  }

  /// `kill -9` of a worker, or of the coordinator by that name.
  func killAtOnce(_ name: String) throws {
    let running = processes.removeValue(forKey: name)
    let process = try #require(running)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The lines of the log of a process that have a message, of all its lives.
  func log(_ name: String, _ message: String) throws -> [String] {
    let text = try String(contentsOf: folder.appending(path: "\(name).log"), encoding: .utf8)
    return text.split(separator: "\n").map(String.init).filter { $0.contains(" \(message) ") }
  }

  /// Connects to the coordinator, once it is there.
  func client() async throws -> ClusterClient {
    let end = ContinuousClock.now + .seconds(20)
    // Tries count too: on a busy machine the time may be over before the second one.
    var tries = 0
    while true {
      do {
        return try await ClusterClient.connect(host: "127.0.0.1", port: port, program: "test")
      } catch {
        tries += 1
        guard ContinuousClock.now < end || tries < Self.triesMin else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  /// Waits until the status is as wanted; a coordinator that is not there yet is waited for.
  @discardableResult
  func wait(
    for what: String, _ client: ClusterClient, seconds: Double = 60,
    sourceLocation: SourceLocation = #_sourceLocation, _ isMet: (ClusterStatus) -> Bool
  ) async throws -> ClusterStatus {
    let end = ContinuousClock.now + .seconds(seconds)
    var tries = 0
    while true {
      if let status = try? await client.run(ClusterStatusOperation()), isMet(status) {
        return status
      }
      tries += 1
      guard ContinuousClock.now < end || tries < Self.triesMin else {
        Issue.record("never came: \(what)", sourceLocation: sourceLocation)
        throw ServiceError(.deadlineExceeded, what)
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
