import Foundation
import Logging

/// Writes one line to standard error for each thing that happened:
/// `2026-01-31T12:00:00.000Z notice listening address=127.0.0.1:7700`.
public struct DaemonLog: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level

  public init(level: Logger.Level) {
    logLevel = level
  }

  /// A logger whose lines are on standard error.
  public static func logger(_ label: String, level: Logger.Level) -> Logger {
    Logger(label: label) { _ in DaemonLog(level: level) }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let fields = all.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.quoted("\($0.value)"))" }
    let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    let line = "\(time) \(event.level) \(Self.plain("\(event.message)"))\(fields.joined())\n"
    // A log that takes nothing, because its disk is full or its reader gone, ends no daemon.
    try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
  }

  private static func quoted(_ text: String) -> String {
    let plain = plain(text)
    guard plain.isEmpty || plain.contains(where: { " \"=".contains($0) }) else { return plain }
    return "\"" + plain.replacingOccurrences(of: "\"", with: "'") + "\""
  }

  /// One line, whatever stands in the text.
  private static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }
}
