import Logging
import NIOCore
import NIOPosix
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// A coordinator: routes what clients ask, merges what workers answer, and steers the cluster.
public final class CoordinatorService: FrameService {
  private let core: NIOLoopBound<CoordinatorCore>
  private let loop: any EventLoop
  private let cluster: ClusterID
  private let program: String

  private init(
    core: NIOLoopBound<CoordinatorCore>, loop: any EventLoop, cluster: ClusterID,
    program: String
  ) {
    self.core = core
    self.loop = loop
    self.cluster = cluster
    self.program = program
  }

  /// Reads the map, or makes the one of a new cluster, and begins to steer.
  ///
  /// - Parameters:
  ///   - limits: For the connections to workers.
  ///   - security: The same.
  ///   - loop: Where everything happens; the server that calls ``handle(_:)`` has it for its
  ///     connections too, so that nothing is handed from thread to thread.
  ///   - program: Name and version, told to peers.
  /// - Throws: ``MetadataStoreError``.
  public static func start(
    store: any MetadataStore, settings: CoordinatorSettings = CoordinatorSettings(),
    limits: TransportLimits = TransportLimits(), security: TransportSecurity? = nil,
    loop: any EventLoop,
    metrics: CoordinatorMetrics = CoordinatorMetrics(), program: String, logger: Logger
  ) async throws -> CoordinatorService {
    let map = try await Self.map(in: store, settings.newCluster)
    let cluster = map.clusterID
    let network = WirePeerNetwork(group: loop, limits: limits, security: security) {
      Hello(role: .coordinator, cluster: cluster, program: program)
    }
    let core = try await loop.submit {
      let core = CoordinatorCore(
        map: map, store: store, settings: settings, loop: loop, network: network,
        metrics: metrics, logger: logger)
      core.start()
      return NIOLoopBound(core, eventLoop: loop)
    }.get()
    return CoordinatorService(core: core, loop: loop, cluster: cluster, program: program)
  }

  private static func map(
    in store: any MetadataStore, _ settings: ClusterSettings
  ) async throws -> ClusterMap {
    if let map = try await store.read() { return map }
    var random = SystemRandomNumberGenerator()
    let new = ClusterMap(clusterID: .random(using: &random), settings: settings)
    if try await store.replace(with: new, expected: nil) { return new }
    guard let map = try await store.read() else {
      throw MetadataStoreError("the cluster map is there, and then it is not")
    }
    return map
  }

  /// Stops steering. Requests that are under way are not waited for.
  public func stop() async {
    let core = core
    try? await loop.submit { core.value.stop() }.get()
  }

  /// Has the core say something of itself, on its loop; `nil` if the loop has ended.
  func asked<Value: Sendable>(_ body: @escaping @Sendable (CoordinatorCore) -> Value) async
    -> Value?
  {
    let core = core
    return try? await loop.submit { body(core.value) }.get()
  }

  public func greet(_ hello: Hello) throws(ServiceError) -> Welcome {
    try hello.check(cluster: cluster, roles: [.client, .worker])
    return Welcome(role: .coordinator, cluster: cluster, program: program)
  }

  public func handle(_ request: ServerRequest) {
    if loop.inEventLoop { return core.value.handle(request) }
    let core = core
    loop.execute { core.value.handle(request) }
  }

  public func disconnected(_ peer: Peer) {
    let core = core
    loop.execute { core.value.disconnected(peer) }
  }
}

extension CoordinatorCore {
  func handle(_ request: ServerRequest) {
    do throws(ServiceError) {
      let body = request.frame.body
      switch request.frame.header.type {
      case .search: try search(try SearchRequest.decoded(body), request)
      case .append: try append(try AppendHead(body), request)
      case .fetch: try fetch(try FetchRequest.decoded(body), request)
      case .scan: scan(try ScanRequest.decoded(body), request)
      case .copyOpen: try openCopy(try CopyOpenRequest.decoded(body), request)
      case .copyRead: try readCopy(try CopyReadRequest.decoded(body), request)
      case .copyClose: try closeCopy(try CopyCloseRequest.decoded(body), request)
      case .admin: try administer(try AdminRequest.decoded(body), request)
      case .control: try control(try ControlRequest.decoded(body), request)
      default:
        throw ServiceError(
          .unknownMessage, "a coordinator does not answer '\(request.frame.header.type)'")
      }
    } catch {
      request.fail(error)
    }
  }

  private func control(
    _ message: ControlRequest, _ request: ServerRequest
  ) throws(ServiceError) {
    let connection = request.peer.connection
    guard request.peer.hello.role == .worker, let name = request.peer.hello.name else {
      throw ServiceError(.refused, "'\(message.operation)' is for workers")
    }
    switch ControlOperation(rawValue: message.operation) {
    case .register:
      let registration: WorkerRegistration = try message.arguments()
      guard registration.name == name else {
        throw ServiceError(.refused, "worker '\(name)' registers as '\(registration.name)'")
      }
      sessions.registered(connection, name, registration.session)
      control { $0.workerRegistered(registration, now: $1) }
      // The first query need not wait for a connection, nor for the end of a pause after one that
      // failed while the worker was down. Who was not let in is not called.
      if controller.isKnown(registration.session, of: name) {
        network.forgetFailures(of: registration.address)
        reach(name, at: registration.address)
      }
      request.answer(ControlReply(NoResult()))
    case .heartbeat:
      let heartbeat: WorkerHeartbeat = try message.arguments()
      control { $0.heartbeatReceived(heartbeat, from: name, now: $1) }
      request.answer(ControlReply(NoResult()))
    case .orders:
      let end = after(settings.ordersWait) { $0.sessions.pollEnded(connection, request) }
      sessions.poll(connection, WorkerSessions.Poll(request: request, end: end))
    case nil:
      throw ServiceError(
        .unknownMessage, "a coordinator does not answer '\(message.operation.prefix(64))'")
    }
  }

  func disconnected(_ peer: Peer) {
    closeCopies(of: peer.connection)
    guard let session = sessions.disconnected(peer.connection) else { return }
    control { $0.workerDisconnected(session.worker, session: session.id, now: $1) }
  }
}
