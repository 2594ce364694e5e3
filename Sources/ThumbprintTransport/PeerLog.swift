import Logging
import NIOCore
import Synchronization
import ThumbprintWire

/// The lines of a server about its peers: one for each event, as far as ``LineLimiter`` allows.
package final class PeerLog: Sendable {
  package let logger: Logger
  private let limiter: Mutex<LineLimiter>

  package init(_ limits: TransportLimits, _ logger: Logger) {
    self.logger = logger
    limiter = Mutex(
      LineLimiter(
        lineCountMax: max(1, limits.logLineCountMax), window: limits.logWindow.nanoseconds))
  }

  /// Writes a line, or counts it under its kind. Any thread may call.
  ///
  /// - Parameter loop: Where the line with the counts is written later.
  package func write(
    _ level: Logger.Level, _ message: Logger.Message, kind: String, on loop: any EventLoop,
    _ metadata: () -> Logger.Metadata
  ) {
    guard logger.logLevel <= level else { return }
    let now = NIODeadline.now()
    let (verdict, deadline) = limiter.withLock {
      ($0.add("\(message), \(kind)", now: Self.nanoseconds(now)), $0.deadline)
    }
    switch verdict {
    case .write: logger.log(level: level, message, metadata: metadata())
    case .count(isFirst: false): break
    case .count(isFirst: true):
      let pause = max(0, deadline - Self.nanoseconds(now))
      loop.scheduleTask(in: .nanoseconds(pause)) { [weak self] in self?.summarise() }
    }
  }

  /// Writes the line with what was counted, if anything was.
  package func summarise() {
    let counts = limiter.withLock { $0.summary(now: Self.nanoseconds(.now())) }
    guard !counts.isEmpty else { return }
    let text = counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    logger.notice("more of the same", metadata: ["lines": "\(text.joined(separator: "; "))"])
  }

  private static func nanoseconds(_ moment: NIODeadline) -> Int64 {
    (moment - .uptimeNanoseconds(0)).nanoseconds
  }
}

extension ServiceError.Code {
  /// How much an operator has to care that a request ended with this error.
  var level: Logger.Level {
    switch value {
    case .internalError, .corrupt: .error
    case .io, .diskFull, .unavailable, .deadlineExceeded: .warning
    case .busy, .malformed, .tooLarge, .unknownMessage, .coderMismatch: .notice
    case .unsupportedVersion, .refused, .wrongCluster, .cancelled, .shuttingDown, .notFound,
      .exists, .invalid, .notPrimary, .staleTerm, .notHere, .conflict, .disconnected, .tooSlow,
      .locked:
      .info
    }
  }
}
