/// A process that serves, as those see it who watch over it.
public protocol WatchedProcess: Sendable {
  /// All that it counts and measures.
  static var metrics: [MetricDescription] { get }

  /// Brings up to date what is not counted as it happens.
  func updateMetrics() async

  /// Returns once its main loop had a turn.
  func takeTurn() async

  /// Why it cannot do all that it is there for, one line each; empty if it can.
  func readinessProblems() async -> [String]
}
