import NIOCore
import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// What a worker says to those who connect to it, and how their requests reach its handler.
package final class WorkerFrameService: FrameService {
  private let name: WorkerName
  private let program: String
  private let membership: ClusterMembership
  /// `nil` until the worker is there: it has to know its port before it can begin.
  private let handler = Mutex<(any RequestHandler)?>(nil)

  /// - Parameter membership: Peers of another cluster are refused.
  package init(name: WorkerName, program: String, membership: ClusterMembership) {
    self.name = name
    self.program = program
    self.membership = membership
  }

  /// Lets requests through from now on.
  package func begin(_ handler: any RequestHandler) {
    self.handler.withLock { $0 = handler }
  }

  package func greet(_ hello: Hello) throws(ServiceError) -> Welcome {
    let cluster = membership.id
    try hello.check(cluster: cluster, roles: [.worker, .coordinator])
    return Welcome(role: .worker, name: name, cluster: cluster, program: program)
  }

  package func handle(_ request: ServerRequest) {
    guard let handler = handler.withLock({ $0 }) else {
      return request.fail(ServiceError(.unavailable, "worker '\(name)' is still starting"))
    }
    handler.handle(request.frame, deadline: request.deadline?.monotonic) { result in
      switch result {
      case .success(let message): request.answer(message)
      case .failure(let error): request.fail(error)
      }
    }
  }

  package func disconnected(_ peer: Peer) {}
}

extension NIODeadline {
  /// The same moment on the clock of the machines; both count from the start of the system.
  var monotonic: MonotonicInstant {
    let left = self - .now()
    return MonotonicInstant.now.advanced(by: .nanoseconds(left.nanoseconds))
  }
}

extension Duration {
  /// The same time for NIO, at least a millisecond.
  var timeAmount: TimeAmount {
    let (seconds, attoseconds) = components
    return max(
      .milliseconds(1), .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
  }
}
