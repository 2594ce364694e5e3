import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// What a worker says to those who connect to it, and how their requests reach its handler.
package final class WorkerFrameService: FrameService {
  private let name: WorkerName
  private let program: String
  private let cluster: @Sendable () -> ClusterID?
  private let handler: any RequestHandler

  /// - Parameter cluster: The cluster of the worker; `nil` while it has none.
  package init(
    name: WorkerName, program: String, cluster: @escaping @Sendable () -> ClusterID?,
    handler: any RequestHandler
  ) {
    self.name = name
    self.program = program
    self.cluster = cluster
    self.handler = handler
  }

  package func greet(_ hello: Hello) throws(ServiceError) -> Welcome {
    try hello.check(cluster: cluster(), roles: [.worker, .coordinator])
    return Welcome(role: .worker, name: name, cluster: cluster(), program: program)
  }

  package func handle(_ request: ServerRequest) {
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
