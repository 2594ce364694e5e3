import Foundation
import Testing

/// One of the executables at work, in a folder of its own.
final class DaemonProcess {
  /// Where the build puts every product: beside the running test program.
  static let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  private let process = Process()
  private let log: URL

  init(_ program: String, _ arguments: [String], log: URL) throws {
    self.log = log
    try Data().write(to: log)
    process.executableURL = Self.programs.appending(path: program)
    process.arguments = arguments
    process.environment = [:]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var isRunning: Bool { process.isRunning }

  var lines: [String] {
    let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  /// The port that the line with `words` names.
  func port(_ words: String) async throws -> Int {
    let pattern = try Regex("\(words) address=[^ ]*:([0-9]+)")
    while process.isRunning {
      for line in lines {
        if let match = line.firstMatch(of: pattern), let text = match.output[1].substring,
          let port = Int(text)
        {
          return port
        }
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw Failure("it ended: \(lines)")
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }

  /// Files that it has open.
  var fileCount: Int {
    (try? FileManager.default.contentsOfDirectory(
      atPath: "/proc/\(process.processIdentifier)/fd"))?.count ?? 0
  }

  /// Bytes of its memory.
  var memoryByteCount: Int {
    let path = "/proc/\(process.processIdentifier)/statm"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let numbers = text.split(separator: " ")
    return numbers.count > 1 ? (Int(numbers[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
  }

  /// Asks it to end and gives its exit status.
  @discardableResult
  func end() -> Int32 {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// A coordinator and a worker that run as operators run them.
final class DaemonPair {
  let folder: URL
  let coordinator: DaemonProcess
  let worker: DaemonProcess
  let coordinatorPort: Int
  let workerPort: Int
  let coordinatorHTTP: Int
  let workerHTTP: Int

  init(_ arguments: [String] = []) async throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-daemons-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let common = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"] + arguments
    coordinator = try DaemonProcess(
      "thumbprint-coordinator",
      common + ["--metadata", "lmdb:\(folder.appending(path: "metadata").path)"],
      log: folder.appending(path: "coordinator.log"))
    coordinatorPort = try await coordinator.port("listening")
    coordinatorHTTP = try await coordinator.port("listening for HTTP")
    worker = try DaemonProcess(
      "thumbprint-shard",
      common + [
        "--data", folder.appending(path: "data").path, "--name", "w", "--coordinator",
        "127.0.0.1:\(coordinatorPort)",
      ], log: folder.appending(path: "worker.log"))
    workerPort = try await worker.port("listening")
    workerHTTP = try await worker.port("listening for HTTP")
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  func waitUntilReady() async throws {
    for port in [coordinatorHTTP, workerHTTP] {
      while try Socket.get("/readyz", port: port).status != 200 {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
  }
}
