import ThumbprintCluster

/// What is simulated.
public struct SimulationOptions: Sendable {
  /// Everything random in a history comes from it.
  public var seed: UInt64
  /// How long faults are made, in milliseconds of simulated time; then everything heals.
  public var faultMilliseconds = 9_000
  /// How long all has to be well again after that.
  public var healMilliseconds = 60_000
  /// Makes no faults but one: the primary of the only shard is lost, and not back for a while.
  public var measuresFailOver = false
  package var fault: InjectedFault?
  /// Receives a line for every event, for reading a history.
  package var log: (@Sendable (String) -> Void)?

  public init(seed: UInt64) {
    self.seed = seed
  }

  /// Breaks the replicas on purpose: `acknowledge-before-replication`, `skip-term-check` or
  /// `drop-log-tail`.
  ///
  /// - Returns: Whether there is a mistake of this name.
  public mutating func breakReplicas(_ name: String) -> Bool {
    fault = InjectedFault(rawValue: name)
    return fault != nil
  }
}

/// What came of one history.
public struct SimulationResult: Sendable, Hashable {
  public var seed: UInt64
  /// Of all events and their times: the same seed gives the same.
  public var traceHash: UInt64
  public var eventCount = 0
  public var acknowledgedWriteCount = 0
  public var readCount = 0
  public var failOverCount = 0
  public var moveCount = 0
  public var abortedMoveCount = 0
  public var faultCount = 0
  public var queryCount = 0
  /// From the loss of a primary to the next write that was acknowledged, if that was measured.
  public var failOverMilliseconds: Int?
  /// Milliseconds from the end of the faults until all was well.
  public var healedAfterMilliseconds = 0
  /// What was wrong, in one line; `nil` if nothing was.
  public var violation: String?
}
