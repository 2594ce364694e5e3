import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// The connections of workers, and the orders that wait for them.
struct WorkerSessions {
  /// The life of a worker, known by its connection.
  struct Session {
    var worker: WorkerName
    var id: SessionID
    var orders: [ControllerMessage] = []
    /// The question of the worker for orders.
    var poll: Poll?
  }

  /// A question for orders, until there are some or the wait is over.
  struct Poll {
    var request: ServerRequest
    var end: Scheduled<Void>

    /// Answers; nothing of it is left then, however often a worker asks.
    func answer(_ orders: [ControllerMessage]) {
      end.cancel()
      request.answer(ControlReply(orders))
    }
  }

  /// By ``Peer/connection``.
  private(set) var sessions: [UInt64: Session] = [:]

  /// Orders that wait; more would be repeated anyway.
  private static let orderCountMax = 1024

  mutating func registered(_ connection: UInt64, _ worker: WorkerName, _ session: SessionID) {
    let poll = sessions[connection]?.poll
    sessions[connection] = Session(worker: worker, id: session, poll: poll)
  }

  mutating func send(_ message: ControllerMessage, to worker: WorkerName, session: SessionID) {
    for (connection, open) in sessions where open.worker == worker && open.id == session {
      if case .assignments = message {
        // They are whole: an older list is of no use.
        sessions[connection]?.orders.removeAll {
          if case .assignments = $0 { true } else { false }
        }
      }
      if open.orders.count < Self.orderCountMax { sessions[connection]?.orders.append(message) }
      deliver(connection)
    }
  }

  /// A worker waits for orders; it has one question at a time.
  mutating func poll(_ connection: UInt64, _ poll: Poll) {
    guard sessions[connection] != nil else {
      poll.end.cancel()
      return poll.request.fail(ServiceError(.refused, "a worker has to register first"))
    }
    sessions[connection]?.poll?.answer([])
    sessions[connection]?.poll = poll
    deliver(connection)
  }

  /// The wait of this question is over.
  mutating func pollEnded(_ connection: UInt64, _ request: ServerRequest) {
    guard let poll = sessions[connection]?.poll, poll.request === request else { return }
    sessions[connection]?.poll = nil
    poll.answer([])
  }

  private mutating func deliver(_ connection: UInt64) {
    guard let session = sessions[connection], let poll = session.poll, !session.orders.isEmpty
    else { return }
    sessions[connection]?.poll = nil
    sessions[connection]?.orders = []
    poll.answer(session.orders)
  }

  mutating func disconnected(_ connection: UInt64) -> Session? {
    sessions[connection]?.poll?.end.cancel()
    return sessions.removeValue(forKey: connection)
  }

  mutating func stop() {
    for session in sessions.values { session.poll?.answer([]) }
    sessions = [:]
  }
}
