import Foundation
import Logging
import Synchronization

/// Remembers what is logged, one line for each thing, for tests to look at.
final class LogRecorder: Sendable {
  struct Line: Sendable {
    var level: Logger.Level
    var message: String
    var fields: [String: String]
  }

  private let all = Mutex<[Line]>([])

  var lines: [Line] { all.withLock { $0 } }

  func lines(_ message: String) -> [Line] { lines.filter { $0.message == message } }

  /// Those that ask for attention, as one text each.
  var complaints: [String] {
    lines.filter { $0.level >= .warning }.map {
      "\($0.message) \($0.fields.sorted { $0.key < $1.key })"
    }
  }

  func logger(_ label: String) -> Logger {
    Logger(label: label) { _ in Handler(recorder: self) }
  }

  private func add(_ line: Line) {
    all.withLock { $0.append(line) }
    if Self.isPrinting {
      print("\(ContinuousClock.now - began) \(line.level) \(line.message) \(line.fields)")
    }
  }

  /// Whether lines are shown as they come, to look into a test that fails.
  private static let isPrinting =
    ProcessInfo.processInfo.environment["THUMBPRINT_TEST_LOG"] != nil
  private let began = ContinuousClock.now

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
      recorder.add(Line(level: event.level, message: "\(event.message)", fields: fields))
    }
  }
}
