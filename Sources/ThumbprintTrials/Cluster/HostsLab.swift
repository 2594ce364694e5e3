import Foundation

/// The script that makes hosts on this machine, and cuts and heals the links between them.
struct HostsLab: Sendable {
  /// Absolute paths.
  var script: String
  var folder: String

  init(script: String, folder: String) {
    self.script = URL(filePath: script).standardizedFileURL.path
    self.folder = URL(filePath: folder).standardizedFileURL.path
  }

  static let coordinatorHost = "10.77.0.1"
  static let port = 7700

  func up(workers: Int, executables: URL) throws {
    try run(
      ["up", "--workers", "\(workers)", "--dir", folder],
      environment: ["THUMBPRINT_BIN": executables.path])
  }

  func down() {
    _ = try? run(["heal", "--dir", folder])
    _ = try? run(["down", "--remove", "--dir", folder])
  }

  /// Drops what `a` sends to `b`, and unless it is one way what `b` sends to `a`.
  func cut(_ a: String, _ b: String, isOneWay: Bool) throws {
    try run(["cut", a, b] + (isOneWay ? ["--one-way"] : []) + ["--dir", folder])
  }

  func heal() throws { try run(["heal", "--dir", folder]) }

  /// Runs a trial on the host of clients, and gives what it prints.
  func report(of command: [String]) throws -> TrialReport {
    let output = try run(["exec", "--dir", folder, "client"] + command, mayFail: true)
    guard let report = try? JSONDecoder().decode(TrialReport.self, from: Data(output.utf8)) else {
      throw TrialError("the trial in the lab ended without a report")
    }
    return report
  }

  /// - Returns: What it printed.
  @discardableResult
  private func run(
    _ arguments: [String], environment: [String: String] = [:], mayFail: Bool = false
  ) throws -> String {
    let process = Process()
    // To a file: those that the script starts would keep a pipe open.
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data().write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    let output = try FileHandle(forWritingTo: path)
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    process.waitUntilExit()
    let bytes = try Data(contentsOf: path)
    guard mayFail || process.terminationStatus == 0 else {
      throw TrialError("hosts-lab \(arguments[0]) ended with \(process.terminationStatus)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
