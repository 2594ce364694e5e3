import Dispatch
import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintWire

/// Connects services of one process. Messages are encoded and decoded on the way; links can be
/// cut, and a service that is gone answers nobody.
final class MemoryNetwork: Sendable {
  private struct Pending: Sendable {
    var from: WorkerName?
    var to: WorkerAddress
    var fail: @Sendable (ServiceError) -> Void
  }

  private struct Link: Hashable {
    var from: WorkerName?
    var to: WorkerAddress
  }

  private struct State {
    var handlers: [WorkerAddress: any RequestHandler] = [:]
    var cut: Set<Link> = []
    var pending: [UInt64: Pending] = [:]
    var lastID: UInt64 = 0
  }

  private let state = Mutex(State())
  private let timers = DispatchQueue(label: "timers")
  private let deliveries = DispatchQueue(label: "deliveries", attributes: .concurrent)

  func attach(_ handler: any RequestHandler, at address: WorkerAddress) {
    state.withLock { $0.handlers[address] = handler }
  }

  /// What waits for an answer from there is told that the connection ended.
  func detach(_ address: WorkerAddress, name: WorkerName) {
    let lost = state.withLock { state in
      state.handlers[address] = nil
      let lost = state.pending.filter { $0.value.to == address || $0.value.from == name }
      for id in lost.keys { state.pending[id] = nil }
      return lost
    }
    for pending in lost.values { pending.fail(ServiceError(.disconnected, "the peer is gone")) }
  }

  func setCut(_ isCut: Bool, from: WorkerName?, to: WorkerAddress) {
    state.withLock { state in
      let link = Link(from: from, to: to)
      if isCut { state.cut.insert(link) } else { state.cut.remove(link) }
    }
  }

  /// The network as one worker sees it, or a client for `nil`.
  func view(of name: WorkerName?) -> any PeerNetwork { View(network: self, name: name) }

  private struct View: PeerNetwork {
    let network: MemoryNetwork
    let name: WorkerName?

    func send<Request: WireRequest>(
      _ request: Request, to address: WorkerAddress, timeout: Duration,
      reply: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void
    ) {
      network.send(request, from: name, to: address, timeout: timeout, reply)
    }
  }

  private func send<Request: WireRequest>(
    _ request: Request, from: WorkerName?, to address: WorkerAddress, timeout: Duration,
    _ reply: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void
  ) {
    let (id, handler) = state.withLock { state -> (UInt64, (any RequestHandler)?) in
      state.lastID += 1
      state.pending[state.lastID] = Pending(from: from, to: address) { reply(.failure($0)) }
      let isCut = state.cut.contains(Link(from: from, to: address))
      return (state.lastID, isCut ? nil : state.handlers[address])
    }
    let seconds = timeout / .seconds(1)
    timers.asyncAfter(deadline: .now() + seconds) { [self] in
      take(id)?.fail(ServiceError(.deadlineExceeded, "no answer in time"))
    }
    guard let handler else {
      take(id)?.fail(ServiceError(.unavailable, "nobody answers at \(address)"))
      return
    }
    let frame = Frame(asking: request, requestID: id)
    let deadline = MonotonicInstant.now.advanced(by: timeout)
    deliveries.async {
      handler.handle(frame, deadline: deadline) { [self] result in
        guard let pending = take(id) else { return }
        let answer = Result { () throws(ServiceError) -> Request.Reply in
          let message = try result.get()
          return try Frame(message, answering: frame.header).message()
        }
        deliveries.async {
          switch answer {
          case .success(let answer): reply(.success(answer))
          case .failure(let error): pending.fail(error)
          }
        }
      }
    }
  }

  private func take(_ id: UInt64) -> Pending? {
    state.withLock { $0.pending.removeValue(forKey: id) }
  }
}
