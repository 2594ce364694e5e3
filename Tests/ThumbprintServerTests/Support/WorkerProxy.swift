import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintTransport
import ThumbprintWire

/// Stands before a worker: others reach it only through this, which can keep what they ask.
final class WorkerProxy: FrameService {
  /// What becomes of requests of a type.
  enum Rule {
    case pass
    /// They reach the worker so much later, however many come.
    case delay(Duration)
    /// They reach nobody, and are not answered.
    case keep
    case refuse(ServiceError)
  }

  private struct State {
    var rules: [MessageType: Rule] = [:]
    var counts: [MessageType: Int] = [:]
    var kept: [ServerRequest] = []
    var cluster: ClusterID?
    var target: WorkerAddress?
  }

  private let state = Mutex(State())
  private let name: WorkerName
  private let group = MultiThreadedEventLoopGroup.singleton
  private let network = Mutex<WirePeerNetwork?>(nil)
  private let server = Mutex<FrameServer?>(nil)

  private init(_ name: WorkerName) { self.name = name }

  /// Starts a worker of a cluster behind a proxy.
  static func start(_ name: String, in cluster: LocalCluster) async throws -> WorkerProxy {
    let proxy = WorkerProxy(try #require(WorkerName(name)))
    let server = try await FrameServer.bind(
      host: "127.0.0.1", port: 0, group: proxy.group, service: proxy,
      logger: Logger(label: "proxy") { _ in SwiftLogNoOpLogHandler() })
    proxy.server.withLock { $0 = server }
    proxy.network.withLock {
      $0 = WirePeerNetwork(group: proxy.group) { [weak proxy] in
        Hello(
          role: .coordinator, cluster: proxy?.state.withLock { $0.cluster }, program: "proxy")
      }
    }
    try await cluster.start(
      name, advertised: WorkerAddress(host: "127.0.0.1", port: server.port))
    let port = try #require(cluster.workers[name]).server.port
    proxy.state.withLock { $0.target = WorkerAddress(host: "127.0.0.1", port: port) }
    return proxy
  }

  func set(_ rule: Rule, for type: MessageType) { state.withLock { $0.rules[type] = rule } }

  /// Requests of a type that came.
  func count(_ type: MessageType) -> Int { state.withLock { $0.counts[type] ?? 0 } }

  func greet(_ hello: Hello) throws(ServiceError) -> Welcome {
    state.withLock { $0.cluster = hello.cluster ?? $0.cluster }
    return Welcome(role: .worker, name: name, cluster: hello.cluster, program: "proxy")
  }

  func handle(_ request: ServerRequest) {
    let type = request.frame.header.type
    let rule = state.withLock { state -> Rule in
      state.counts[type, default: 0] += 1
      return state.rules[type] ?? .pass
    }
    switch rule {
    case .pass: pass(request)
    case .delay(let time):
      Task {
        try await Task.sleep(for: time)
        pass(request)
      }
    case .keep: state.withLock { $0.kept.append(request) }
    case .refuse(let error): request.fail(error)
    }
  }

  private func pass(_ request: ServerRequest) {
    guard let target = state.withLock({ $0.target }), let network = network.withLock({ $0 }) else {
      return request.fail(ServiceError(.unavailable, "the worker is not there yet"))
    }
    network.start(
      OutgoingRequest(
        type: request.frame.header.type, body: request.frame.body,
        traceID: request.frame.header.traceID, timeout: .seconds(60)
      ) { result in
        switch result {
        case .success(let frame): request.answer(type: frame.header.type, body: frame.body)
        case .failure(let error): request.fail(error)
        }
      }, to: target)
  }

  func disconnected(_ peer: Peer) {}

  func end() async {
    await server.withLock { $0 }?.shutDown(within: .milliseconds(1))
    network.withLock { $0 }?.close()
    state.withLock { $0.kept = [] }
  }
}
