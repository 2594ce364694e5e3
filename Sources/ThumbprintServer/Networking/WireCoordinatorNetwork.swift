import NIOCore
import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// The names of what workers ask a coordinator, in a ``ControlRequest``.
package enum ControlOperation: String, CaseIterable, Sendable {
  /// A worker says who it is: `WorkerRegistration`; answered with nothing.
  case register
  /// A worker says how it is: `WorkerHeartbeat`; answered with nothing.
  case heartbeat
  /// A worker waits for orders: nothing; answered with an array of `ControllerMessage`.
  case orders
}

/// Connects a worker to its coordinator.
package final class WireCoordinatorNetwork: CoordinatorNetwork {
  private let address: WorkerAddress
  private let group: any EventLoopGroup
  private let limits: TransportLimits
  private let security: TransportSecurity?
  private let hello: @Sendable () -> Hello

  package init(
    address: WorkerAddress, group: any EventLoopGroup,
    limits: TransportLimits = TransportLimits(), security: TransportSecurity? = nil,
    hello: @escaping @Sendable () -> Hello
  ) {
    self.address = address
    self.group = group
    self.limits = limits
    self.security = security
    self.hello = hello
  }

  package func connect(
    _ event: @escaping @Sendable (CoordinatorEvent) -> Void
  ) -> any CoordinatorConnection {
    let connection = WireCoordinatorConnection(event)
    WireConnection.open(
      host: address.host, port: address.port, hello: hello(), group: group, limits: limits,
      security: security.map { PeerSecurity($0) }
    ).whenComplete { connection.opened($0) }
    return connection
  }
}

/// One connection of a worker to its coordinator: reports go there, orders come back.
private final class WireCoordinatorConnection: CoordinatorConnection {
  private let event: @Sendable (CoordinatorEvent) -> Void
  private let state = Mutex(State.connecting)
  /// Whether a question for orders is always open.
  private let isWaiting = Mutex(false)
  /// A report that is not answered for so long shows that the coordinator is gone.
  private let patience = TimeAmount.seconds(2)

  private enum State {
    case connecting
    case open(WireConnection)
    case closed
  }

  init(_ event: @escaping @Sendable (CoordinatorEvent) -> Void) {
    self.event = event
  }

  func opened(_ result: Result<WireConnection, any Error>) {
    switch result {
    case .success(let connection):
      let isWanted = state.withLock { state in
        guard case .connecting = state else { return false }
        state = .open(connection)
        return true
      }
      guard isWanted else {
        connection.close()
        return
      }
      event(.opened)
      connection.onClose { self.ended($0) }
    case .failure(let error):
      ended(error as? ServiceError ?? ServiceError(.unavailable, "\(error)"))
    }
  }

  func send(_ message: WorkerMessage) {
    let connection = state.withLock { state -> WireConnection? in
      if case .open(let connection) = state { return connection }
      return nil
    }
    let isRegistration: Bool
    let request: ControlRequest
    switch message {
    case .registration(let registration):
      isRegistration = true
      request = ControlRequest(
        operation: ControlOperation.register.rawValue, arguments: registration)
    case .heartbeat(let heartbeat):
      isRegistration = false
      request = ControlRequest(
        operation: ControlOperation.heartbeat.rawValue, arguments: heartbeat)
    }
    connection?.start(
      OutgoingRequest(request, timeout: patience) { result in
        switch result {
        case .success:
          if isRegistration, let connection { self.registered(connection) }
        case .failure(let error):
          // What was refused will be refused again; begin anew, later.
          self.ended(error)
          connection?.close()
        }
      })
  }

  /// The coordinator has orders only for those that it knows.
  private func registered(_ connection: WireConnection) {
    let isFirst = isWaiting.withLock { isWaiting in
      defer { isWaiting = true }
      return !isWaiting
    }
    if isFirst { waitForOrders(connection) }
  }

  private func waitForOrders(_ connection: WireConnection) {
    let request = ControlRequest(
      operation: ControlOperation.orders.rawValue, arguments: NoResult())
    connection.start(
      OutgoingRequest(request, timeout: .seconds(60)) { result in
        let orders = result.flatMap { reply in
          Result { () throws(ServiceError) in try reply.result(as: [ControllerMessage].self) }
        }
        switch orders {
        case .success(let messages):
          for message in messages { self.event(.received(message)) }
          self.waitForOrders(connection)
        case .failure(let error):
          self.ended(error)
          connection.close()
        }
      })
  }

  private func ended(_ error: ServiceError) {
    let isFirst = state.withLock { state in
      if case .closed = state { return false }
      state = .closed
      return true
    }
    if isFirst { event(.closed(error)) }
  }

  func close() {
    let connection = state.withLock { state -> WireConnection? in
      if case .open(let connection) = state { return connection }
      return nil
    }
    connection?.close()
    ended(ServiceError(.cancelled, "the worker ended the connection"))
  }
}
