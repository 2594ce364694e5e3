/// A moment on a clock that never goes back and does not know the time of day.
///
/// The machines of this module read no clock: whoever runs them passes the moment in. Moments of
/// two processes are not comparable. Time decides only how long to wait, never what is true.
public struct MonotonicInstant: InstantProtocol, Sendable {
  /// Nanoseconds since some moment before the process began.
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public func advanced(by duration: Duration) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: nanoseconds + duration.wholeNanoseconds)
  }

  public func duration(to other: MonotonicInstant) -> Duration {
    .nanoseconds(other.nanoseconds - nanoseconds)
  }

  public static func < (a: MonotonicInstant, b: MonotonicInstant) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
}

extension Duration {
  /// This duration in nanoseconds, rounded towards zero; durations of the cluster fit easily.
  var wholeNanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }
}
