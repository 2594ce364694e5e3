/// Lets bytes through at a rate that may change at any time.
///
/// What is taken is paid for afterwards: the next bytes wait until the rate has made up for them.
/// Of time that nobody used, a tenth of a second is saved up.
package struct TokenBucket<Instant: InstantProtocol>: Sendable where Instant.Duration == Duration {
  /// Bytes a second; 0 for no bound.
  package private(set) var byteRate: Int
  /// Bytes taken that are not made up for; less than 0 for what is saved up.
  private var debt = 0.0
  private var lastUse: Instant

  private static var savedTime: Double { 0.1 }

  package init(byteRate: Int, now: Instant) {
    self.byteRate = byteRate
    lastUse = now
  }

  /// When bytes may be taken next; in the past, or now, if at once.
  package func nextMoment(now: Instant) -> Instant {
    let debt = debt(at: now)
    guard byteRate > 0, debt > 0 else { return now }
    return now.advanced(by: .seconds(debt / Double(byteRate)))
  }

  /// Bytes are sent for.
  package mutating func take(_ byteCount: Int, now: Instant) {
    debt = debt(at: now) + (byteRate > 0 ? Double(byteCount) : 0)
    lastUse = now
  }

  /// From now on so many bytes a second.
  package mutating func setRate(_ byteRate: Int, now: Instant) {
    debt = byteRate > 0 ? debt(at: now) : 0
    lastUse = now
    self.byteRate = byteRate
  }

  private func debt(at now: Instant) -> Double {
    guard byteRate > 0 else { return 0 }
    let seconds = max(.zero, lastUse.duration(to: now)) / .seconds(1)
    return max(debt - seconds * Double(byteRate), -Self.savedTime * Double(byteRate))
  }
}
