import ThumbprintCodes

/// How long a replica waits for what.
public struct ReplicaSettings: Hashable, Sendable {
  /// How long a primary keeps the pull of a follower that has all, before it answers that.
  public var longPoll: Duration = .milliseconds(500)
  /// How long a follower waits for the answer to a pull.
  public var pullTimeout: Duration = .milliseconds(1_500)
  /// The first pause after a failure; it doubles with each up to the longest.
  public var backoffMin: Duration = .milliseconds(20)
  public var backoffMax: Duration = .milliseconds(1_000)
  /// How long a primary waits for a pull of a follower in sync before it asks to have it out.
  public var followerTimeout: Duration = .milliseconds(1_800)
  /// How long a write may wait before its writer is told that the outcome is unknown.
  public var writeTimeout: Duration = .seconds(10)
  /// How long a primary stops for a hand-over before it goes on by itself.
  public var handOverTimeout: Duration = .milliseconds(1_500)
  /// Bytes of entries that a follower asks for at once.
  public var pullByteCountMax: Int = 4 << 20
  /// Writes that may wait at a primary; more are refused as busy.
  public var writeCountMax: Int = 4_096
  /// How many entries a follower may be behind when it is let into the set.
  public var joinLagMax: UInt64 = 64

  /// What is broken on purpose, to see that the simulator notices.
  package var fault: InjectedFault?

  public init() {}
}

/// A mistake that someone could make, for tests of the simulator.
package enum InjectedFault: String, CaseIterable, Sendable {
  /// A primary acknowledges as soon as its own disk has the write.
  case acknowledgeBeforeReplication = "acknowledge-before-replication"
  /// Orders of earlier terms are obeyed, and logs are compared by sequence alone.
  case skipTermCheck = "skip-term-check"
  /// What was written while a copy was made is passed over after it.
  case dropLogTail = "drop-log-tail"
}
