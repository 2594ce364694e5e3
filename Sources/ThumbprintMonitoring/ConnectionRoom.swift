import NIOCore

/// Decides which connections of a server end when there is room for no other: those that have asked
/// for nothing for the longest time. So who opens many and says nothing keeps nobody out.
///
/// One that was just opened is left time to ask, so that many that are opened at once do not end
/// each other before any of them was heard; and one that is told to leave, time to hear why.
package struct ConnectionRoom<ID: Hashable & Sendable>: Sendable {
  private let countMax: Int
  private let patience: TimeAmount
  /// All that are open; `nil` for those that are waiting for an answer, or being ended.
  private var connections: [ID: Idle?] = [:]

  private struct Idle: Sendable {
    var since: NIODeadline
    /// When it may be ended.
    var mayEnd: NIODeadline
  }

  /// - Parameter patience: The time of those that were just opened, or are leaving.
  package init(countMax: Int, patience: TimeAmount) {
    self.countMax = countMax
    self.patience = patience
  }

  package mutating func opened(_ id: ID, at now: NIODeadline) {
    connections[id] = .some(Idle(since: now, mayEnd: now + patience))
  }

  package mutating func closed(_ id: ID) {
    connections.removeValue(forKey: id)
  }

  /// It has asked something.
  package mutating func isBusy(_ id: ID) {
    set(nil, id)
  }

  /// All that it asked is answered.
  package mutating func isIdle(_ id: ID, at now: NIODeadline) {
    set(Idle(since: now, mayEnd: now), id)
  }

  /// Its last answer is written. Ended at once, it might take that with it.
  package mutating func isLeaving(_ id: ID, at now: NIODeadline) {
    set(Idle(since: now, mayEnd: now + patience), id)
  }

  /// What is closed stays so, whatever is said of it afterwards.
  private mutating func set(_ idle: Idle?, _ id: ID) {
    guard connections.keys.contains(id) else { return }
    connections.updateValue(idle, forKey: id)
  }

  /// Which connections are to be ended so that one more may come, and when to ask again if those
  /// are too few. Whoever is busy is not waited for: to be told that it is idle is reason to ask.
  package mutating func makeRoom(at now: NIODeadline) -> (ending: [ID], again: NIODeadline?) {
    // The system hands over several connections at once: there may be more than the most.
    let missing = connections.count - (countMax - 1)
    guard missing > 0 else { return ([], nil) }
    let idle = connections.compactMapValues(\.self)
    let ending = idle.filter { $0.value.mayEnd <= now }
      .sorted { $0.value.since < $1.value.since }.prefix(missing).map(\.key)
    for id in ending { set(nil, id) }
    guard ending.count < missing else { return (ending, nil) }
    return (ending, idle.values.map(\.mayEnd).filter { $0 > now }.min())
  }
}
