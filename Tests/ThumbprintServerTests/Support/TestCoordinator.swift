import Dispatch
import Foundation
import Synchronization
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintWire

/// Runs a ``ControllerStateMachine`` on a map in memory. Its messages go through JSON, as they do
/// between processes.
///
/// `@unchecked Sendable` is safe because the timer is only made and cancelled.
final class TestCoordinator: @unchecked Sendable {
  private struct State {
    var machine: ControllerStateMachine
    var connections: [WorkerName: Connection] = [:]
    var replies: [RequestID: Result<ControllerReply, ClusterError>] = [:]
    var lastRequest: UInt64 = 0
    var random = SplitMix64(seed: 5)
  }

  private let state: Mutex<State>
  private let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "controller"))

  init(settings: ClusterSettings = ClusterSettings()) {
    var controller = ControllerSettings()
    controller.tick = .milliseconds(20)
    let map = ClusterMap(clusterID: ClusterID(high: 3, low: 4), settings: settings)
    state = Mutex(
      State(machine: ControllerStateMachine(map: map, settings: controller, now: .now)))
    timer.schedule(deadline: .now(), repeating: .milliseconds(20))
    timer.setEventHandler { [weak self] in
      self?.step { $0.machine.deadlineFired(now: .now) }
    }
    timer.activate()
  }

  deinit { timer.cancel() }

  var map: ClusterMap { state.withLock { $0.machine.map } }

  @discardableResult
  func request(_ request: ControllerRequest) throws -> ControllerReply {
    let id = state.withLock { state in
      state.lastRequest += 1
      return RequestID(state.lastRequest)
    }
    step { $0.machine.requested(request, id: id, now: .now, random: &$0.random) }
    var reply: Result<ControllerReply, ClusterError>?
    try eventually("an answer to \(request)") {
      reply = state.withLock { $0.replies[id] }
      return reply != nil
    }
    return try #require(reply).get()
  }

  private func step(_ event: (inout State) -> [ControllerAction]) {
    state.withLock { state in
      var actions = event(&state)
      while !actions.isEmpty {
        let action = actions.removeFirst()
        switch action {
        case .storeMap: actions += state.machine.mapStored(now: .now)
        case .readMap: actions += state.machine.mapRead(state.machine.map, now: .now)
        case .send(let message, let name, let session):
          if let connection = state.connections[name], connection.session == session {
            connection.event(.received(Self.throughJSON(message)))
          }
        case .answer(let id, let result): state.replies[id] = result
        case .mapChanged, .notice: break
        }
      }
    }
  }

  private static func throughJSON<T: Codable>(_ value: T) -> T {
    do {
      return try JSONDecoder().decode(T.self, from: JSONEncoder().encode(value))
    } catch {
      preconditionFailure("\(value) does not come back from JSON: \(error)")
    }
  }

  // MARK: Connections

  var network: any CoordinatorNetwork { Network(coordinator: self) }

  /// The connection of a worker that crashed ends.
  func disconnect(_ name: WorkerName) {
    step { state in
      guard let connection = state.connections.removeValue(forKey: name),
        let session = connection.session
      else { return [] }
      return state.machine.workerDisconnected(name, session: session, now: .now)
    }
  }

  private struct Network: CoordinatorNetwork {
    let coordinator: TestCoordinator

    func connect(
      _ event: @escaping @Sendable (CoordinatorEvent) -> Void
    ) -> any CoordinatorConnection {
      let connection = Connection(coordinator: coordinator, session: nil, event: event)
      event(.opened)
      return connection
    }
  }

  private struct Connection: CoordinatorConnection {
    let coordinator: TestCoordinator
    var session: SessionID?
    let event: @Sendable (CoordinatorEvent) -> Void

    func send(_ message: WorkerMessage) {
      switch message {
      case .registration(let registration):
        let registration = TestCoordinator.throughJSON(registration)
        coordinator.step { state in
          var connection = self
          connection.session = registration.session
          state.connections[registration.name] = connection
          return state.machine.workerRegistered(registration, now: .now)
        }
      case .heartbeat(let beat):
        let beat = TestCoordinator.throughJSON(beat)
        coordinator.step { state in
          let name = state.connections.first { $0.value.session == beat.session }?.key
          guard let name else { return [] }
          return state.machine.heartbeatReceived(beat, from: name, now: .now)
        }
      }
    }

    func close() { event(.closed(ServiceError(.disconnected, "closed"))) }
  }
}

/// Waits until something holds; fails after a time that no healthy run takes.
func eventually(
  _ what: String, seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) throws {
  let end = MonotonicInstant.now.advanced(by: .seconds(seconds))
  while try !condition() {
    if MonotonicInstant.now > end {
      Issue.record("never came: \(what)", sourceLocation: sourceLocation)
      throw ServiceError(.deadlineExceeded, what)
    }
    Thread.sleep(forTimeInterval: 0.005)
  }
}
