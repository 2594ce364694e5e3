import Foundation

/// The script that makes hosts on this machine, and cuts and heals the links between them.
struct HostsLab: Sendable {
  /// Absolute paths.
  var script: String
  var folder: String

  /// - Parameter script: `nil` for the one that came with the sources.
  /// - Throws: ``TrialError`` if there is none.
  init(script: String?, folder: String) throws {
    let path = script ?? Self.scriptOfSources
    guard let path, FileManager.default.isExecutableFile(atPath: path) else {
      throw TrialError(
        "--lab: there is no script '\(path ?? Self.scriptName)'; give the path of Cluster/hosts-lab"
      )
    }
    self.script = URL(filePath: path).standardizedFileURL.path
    self.folder = URL(filePath: folder).standardizedFileURL.path
  }

  private static let scriptName = "Cluster/hosts-lab"

  /// The script of the sources in whose `.build` this program lies, or in whose folder it was
  /// started.
  private static var scriptOfSources: String? {
    var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    var candidates = [URL(filePath: scriptName)]
    while folder.path != "/" {
      folder = folder.deletingLastPathComponent()
      candidates.append(folder.appending(path: scriptName))
    }
    return candidates.map(\.path).first { FileManager.default.isExecutableFile(atPath: $0) }
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
    let errorPath = path.appendingPathExtension("err")
    defer { for path in [path, errorPath] { try? FileManager.default.removeItem(at: path) } }
    for path in [path, errorPath] { try Data().write(to: path) }
    let output = try FileHandle(forWritingTo: path)
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    // What a trial inside says while it runs is for whoever watches.
    if !mayFail { process.standardError = try FileHandle(forWritingTo: errorPath) }
    try process.run()
    process.waitUntilExit()
    let bytes = try Data(contentsOf: path)
    guard mayFail || process.terminationStatus == 0 else {
      let said = String(decoding: (try? Data(contentsOf: errorPath)) ?? Data(), as: UTF8.self)
      let last = said.split(separator: "\n").last.map(String.init) ?? "it said nothing"
      throw TrialError(
        "\(script) \(arguments[0]) ended with status \(process.terminationStatus): \(last)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
