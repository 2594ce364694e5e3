import Foundation
import Glibc
import Synchronization

/// A process of a cluster, with a log of its own. Killed when it is let go, or when this process is
/// asked to end.
final class ChildProcess: Sendable {
  let name: String
  private let process = Process()
  private let log: URL
  private let logStart: UInt64

  var id: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  init(_ name: String, _ executable: URL, _ arguments: [String], log: URL) throws {
    self.name = name
    self.log = log
    if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
    let output = try FileHandle(forWritingTo: log)
    logStart = try output.seekToEnd()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = [:]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    Self.living.withLock { _ = $0.insert(id) }
  }

  deinit { kill() }

  /// Ends it as a crash does, and waits until it is gone.
  func kill() {
    guard process.isRunning else { return forget() }
    Glibc.kill(id, SIGKILL)
    while process.isRunning { usleep(500) }
    forget()
  }

  /// Asks it to end, and waits.
  func stop() async {
    guard process.isRunning else { return forget() }
    Glibc.kill(id, SIGTERM)
    let watch = Stopwatch()
    while process.isRunning, watch.seconds < 25 { try? await Task.sleep(for: .milliseconds(5)) }
    kill()
  }

  private func forget() { Self.living.withLock { _ = $0.remove(id) } }

  /// What it has written to its log since it was started.
  var output: String {
    guard let file = try? FileHandle(forReadingFrom: log) else { return "" }
    defer { try? file.close() }
    try? file.seek(toOffset: logStart)
    return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
  }

  /// The port on which it says that it listens.
  func port(within time: Duration = .seconds(30)) async throws -> Int {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < time {
      let text = output
      if let match = text.firstMatch(of: /listening address=\S*:([0-9]+)/),
        let port = Int(match.output.1)
      {
        return port
      }
      guard isRunning else { break }
      try await Task.sleep(for: .milliseconds(5))
    }
    let last = output.split(separator: "\n").last.map(String.init) ?? "it said nothing"
    throw TrialError("\(name) does not listen: \(last)")
  }

  // MARK: The end of this process

  private static let living = Mutex<Set<Int32>>([])

  /// Has SIGINT and SIGTERM kill all of them before this process ends.
  static func killAllAtSignals() -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        for id in living.withLock({ $0 }) { Glibc.kill(id, SIGKILL) }
        exit(128 + number)
      }
      source.resume()
      return source
    }
  }
}

/// What the system says of a process.
struct ProcessUsage: Sendable {
  /// Memory that is its own, and all that is mapped and present.
  var ownByteCount = 0
  var residentByteCount = 0
  var fileCount = 0
  var threadCount = 0
  var cpuSeconds = 0.0

  init?(of id: Int32) {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
      let stat = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
      let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd")
    else { return nil }
    for line in status.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count > 1, let value = Int(words[1]) else { continue }
      switch words[0] {
      case "RssAnon:": ownByteCount = value * 1024
      case "VmRSS:": residentByteCount = value * 1024
      case "Threads:": threadCount = value
      default: break
      }
    }
    fileCount = files.count
    // The name, in parentheses, may have blanks; user and system time are fields 14 and 15.
    let fields = stat.drop { $0 != ")" }.split(separator: " ")
    if fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13]) {
      cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
  }

  /// Processor time of this process.
  static var own: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
