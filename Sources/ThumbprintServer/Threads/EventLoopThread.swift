import ThumbprintCluster

/// A thread that runs one thing after another on a state which only it touches, and looks at the
/// state again at the moment that the state asks for.
final class EventLoopThread<Core: EventLoopCore>: Sendable {
  private struct State {
    var events: [@Sendable (Core) -> Void] = []
    var isClosed = false
    var hasEnded = false
  }

  private let state = Monitor(State())

  /// Starts the thread; `make` makes the state on it.
  init(name: String, make: @escaping @Sendable (EventLoopThread<Core>) -> Core) {
    OwnThread.start(name) { [self] in
      let core = make(self)
      run(core)
      state.change { $0.hasEnded = true }
    }
  }

  private func run(_ core: Core) {
    while true {
      let deadline = core.nextDeadline
      let events: [@Sendable (Core) -> Void]? = state.wait(until: deadline) { state in
        if state.isClosed { return [] }
        if state.events.isEmpty { return nil }
        defer { state.events = [] }
        return state.events
      }
      // Closed: what is still to come is dropped.
      if let events, events.isEmpty { return }
      for event in events ?? [] { event(core) }
      core.deadlineFired(now: .now)
    }
  }

  /// Has `event` run on the thread, after all that were submitted before; dropped after
  /// ``close()``.
  func submit(_ event: @escaping @Sendable (Core) -> Void) {
    state.change(wakingOne: true) { state in
      if !state.isClosed { state.events.append(event) }
    }
  }

  /// Ends the thread after the event that it is at, and waits for that. Not for the thread itself.
  func close() {
    state.change { state in
      state.isClosed = true
      state.events = []
    }
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}

/// The state of an ``EventLoopThread``.
protocol EventLoopCore: SendableMetatype {
  /// When ``deadlineFired(now:)`` wants to be called; `nil` if only events matter.
  var nextDeadline: MonotonicInstant? { get }
  /// Called after every batch of events too.
  func deadlineFired(now: MonotonicInstant)
}
