import ThumbprintCluster
import ThumbprintWire

/// How a service answers a request; called once, from any thread.
package typealias ReplyHandler = @Sendable (Result<any WireMessage, ServiceError>) -> Void

/// A service that answers requests, whatever brought them.
package protocol RequestHandler: Sendable {
  /// Answers the request in `frame`, whose checksum was found right and whose body nobody has
  /// read yet.
  ///
  /// Called on an event loop: it returns at once, and works elsewhere. The answer comes from any
  /// thread, and once, also when nobody waits for it any more.
  ///
  /// - Parameter deadline: When the sender stops waiting, on ``MonotonicInstant/now``'s clock;
  ///   `nil` if never.
  func handle(_ frame: Frame, deadline: MonotonicInstant?, reply: @escaping ReplyHandler)
}

/// How a service asks others.
package protocol PeerNetwork: Sendable {
  /// Sends a request, over a connection that is there or is made.
  ///
  /// Returns at once. The answer comes from any thread, and once: that of the peer, its error, or
  /// `unavailable`, `disconnected` or `deadlineExceeded`.
  ///
  /// - Parameter timeout: Counts from now, the making of a connection included.
  func send<Request: WireRequest>(
    _ request: Request, to address: WorkerAddress, timeout: Duration,
    reply: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void)
}

/// What a worker tells its coordinator.
package enum WorkerMessage: Hashable, Sendable {
  case registration(WorkerRegistration)
  case heartbeat(WorkerHeartbeat)
}

/// What happens on the connection of a worker to its coordinator.
package enum CoordinatorEvent: Sendable {
  /// Said once, or never if no connection came about.
  case opened
  case received(ControllerMessage)
  /// Said once, last.
  case closed(ServiceError)
}

/// Makes the connections of a worker to its coordinator, one at a time.
package protocol CoordinatorNetwork: Sendable {
  /// Begins a connection, and returns at once; `event` is called in order, by any thread.
  func connect(_ event: @escaping @Sendable (CoordinatorEvent) -> Void) -> any CoordinatorConnection
}

/// One connection of a worker to its coordinator.
package protocol CoordinatorConnection: Sendable {
  /// Sends in the order of the calls; what is lost is said again by the next heartbeat.
  func send(_ message: WorkerMessage)
  /// Ends the connection; then comes ``CoordinatorEvent/closed(_:)``.
  func close()
}
