import Logging
import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// What a coordinator knows and does, on one event loop.
///
/// It runs the actions of ``ControllerStateMachine`` and ``QueryRouterStateMachine``; all that is
/// decided is decided there. Nothing here waits: the store works elsewhere, and comes back.
final class CoordinatorCore {
  let loop: any EventLoop
  let settings: CoordinatorSettings
  let logger: Logger
  /// For what peers can make happen as often as they like.
  private let peerLog: PeerLog
  let network: WirePeerNetwork
  let metrics: CoordinatorMetrics
  /// `nil` once it has stopped: another coordinator may use it then.
  private var store: (any MetadataStore)?
  private(set) var controller: ControllerStateMachine
  var router: SearchRouting.Machine
  private var random = SystemRandomNumberGenerator()
  private var lastRequest = RequestID(0)
  /// Who waits for the answer of the controller.
  private var waiting: [RequestID: (Result<ControllerReply, ClusterError>) -> Void] = [:]
  /// Who waits until the map has what it wants.
  private var mapWaits: [MapWait] = []
  var sessions = WorkerSessions()
  var searches: [QueryID: SearchRouting.OpenSearch] = [:]
  var attempts: [AttemptID: OutgoingRequest] = [:]
  var lastQuery = QueryID(0)
  /// Whether several workers answer searches of a collection, as far as it was asked of this map.
  var spread: [CollectionID: Bool] = [:]
  /// What workers refused this coordinator with, as it was last logged.
  private var refusals: [WorkerName: String] = [:]
  /// Writes that wait for the answer of a primary.
  var appends: [UInt64: OpenAppend] = [:]
  /// Bytes that they keep.
  var appendByteCount = 0
  var lastAppend: UInt64 = 0
  /// The last moves that ended, with when they did, latest last.
  var endedMoves: [(at: MonotonicInstant, move: EndedMove)] = []
  var copies = CopyRelay()
  private var controllerTimer: Scheduled<Void>?
  private var routerTimer: (at: MonotonicInstant, timer: Scheduled<Void>)?
  private(set) var isStopped = false

  private struct MapWait {
    var deadline: MonotonicInstant
    var isMet: (ClusterMap) -> Bool
    var body: (Bool) -> Void
  }

  /// - Parameter map: As the store has it.
  init(
    map: ClusterMap, store: any MetadataStore, settings: CoordinatorSettings, loop: any EventLoop,
    network: WirePeerNetwork, metrics: CoordinatorMetrics, logger: Logger
  ) {
    self.metrics = metrics
    self.store = store
    self.settings = settings
    self.loop = loop
    self.network = network
    self.logger = logger
    peerLog = PeerLog(TransportLimits(), logger)
    controller = ControllerStateMachine(map: map, settings: settings.controller, now: .now)
    router = SearchRouting.Machine(settings: settings.router)
  }

  /// The map by which requests are routed.
  var map: ClusterMap { controller.map }

  func start() {
    _ = router.mapChanged(map, now: .now)
    network.onChange(
      receiver { (core: CoordinatorCore, change: (address: WorkerAddress, isConnected: Bool)) in
        core.connectionChanged(change.address, isConnected: change.isConnected)
      })
    tick()
  }

  func stop() {
    isStopped = true
    controllerTimer?.cancel()
    routerTimer?.timer.cancel()
    sessions.stop()
    network.close()
    peerLog.summarise()
    store = nil
  }

  /// Runs `body` on the loop, later or from another thread.
  ///
  /// - Note: The core is touched on its loop alone, which the bound value checks.
  func onLoop(
    _ body: @escaping @Sendable (CoordinatorCore) -> Void
  ) -> @Sendable () -> Void {
    let bound = NIOLoopBound(self, eventLoop: loop)
    let loop = loop
    return { loop.execute { body(bound.value) } }
  }

  /// Takes what another thread brings to the loop.
  func receiver<Value: Sendable>(
    _ body: @escaping @Sendable (CoordinatorCore, Value) -> Void
  ) -> @Sendable (Value) -> Void {
    let bound = NIOLoopBound(self, eventLoop: loop)
    let loop = loop
    return { value in
      if loop.inEventLoop {
        body(bound.value, value)
      } else {
        loop.execute { body(bound.value, value) }
      }
    }
  }

  /// Hands what another thread brings to something that lives on the loop.
  func loopBound<Target, Value: Sendable>(
    _ target: Target, _ body: @escaping @Sendable (Target, Value) -> Void
  ) -> @Sendable (Value) -> Void {
    let bound = NIOLoopBound(target, eventLoop: loop)
    let loop = loop
    return { value in loop.execute { body(bound.value, value) } }
  }

  @discardableResult
  func after(
    _ time: Duration, _ body: @escaping @Sendable (CoordinatorCore) -> Void
  ) -> Scheduled<Void> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return loop.scheduleTask(in: time.timeAmount) { body(bound.value) }
  }

  // MARK: The controller

  /// Lets the controller know of an event, and does what it wants.
  func control(_ event: (inout ControllerStateMachine, MonotonicInstant) -> [ControllerAction]) {
    for action in event(&controller, .now) { run(action) }
  }

  /// Asks the controller; `body` gets its answer, on the loop.
  func request(
    _ request: ControllerRequest, _ body: @escaping (Result<ControllerReply, ClusterError>) -> Void
  ) {
    lastRequest = RequestID(lastRequest.rawValue + 1)
    let id = lastRequest
    waiting[id] = body
    control { $0.requested(request, id: id, now: $1, random: &random) }
  }

  private func tick() {
    if isStopped { return }
    control { $0.deadlineFired(now: $1) }
    let now = MonotonicInstant.now
    let over = mapWaits.filter { $0.deadline <= now }
    mapWaits.removeAll { $0.deadline <= now }
    for wait in over { wait.body(false) }
    reconnect()
    let bound = NIOLoopBound(self, eventLoop: loop)
    let pause = max(.milliseconds(1), now.duration(to: controller.nextDeadline))
    controllerTimer = loop.scheduleTask(in: pause.timeAmount) { bound.value.tick() }
  }

  private func run(_ action: ControllerAction) {
    switch action {
    case .storeMap(let map, let expected): replace(with: map, expected: expected)
    case .readMap: readMap()
    case .send(let message, let worker, let session):
      sessions.send(message, to: worker, session: session)
    case .mapChanged(let map): changed(map)
    case .answer(let id, let result): waiting.removeValue(forKey: id)?(result)
    case .notice(let notice): note(notice)
    }
  }

  private func replace(with map: ClusterMap, expected: MapVersion) {
    guard let store else { return }
    let done = receiver { (core: CoordinatorCore, result: StoreResult) in
      switch result {
      case .stored: core.control { $0.mapStored(now: $1) }
      case .conflict(let current): core.control { $0.mapConflicted(current, now: $1) }
      case .failed(let error):
        core.logger.error("cluster map not stored", metadata: ["why": "\(error)"])
        core.control { $0.mapStoreFailed(now: $1) }
      }
    }
    Task {
      do throws(MetadataStoreError) {
        if try await store.replace(with: map, expected: expected) { return done(.stored) }
        guard let current = try await store.read() else {
          throw MetadataStoreError("the cluster map is gone")
        }
        done(.conflict(current))
      } catch {
        done(.failed(error))
      }
    }
  }

  private func readMap() {
    guard let store else { return }
    let done = receiver { (core: CoordinatorCore, result: StoreResult) in
      switch result {
      case .conflict(let current): core.control { $0.mapRead(current, now: $1) }
      case .stored, .failed: core.control { $0.mapStoreFailed(now: $1) }
      }
    }
    Task {
      do throws(MetadataStoreError) {
        guard let current = try await store.read() else {
          throw MetadataStoreError("the cluster map is gone")
        }
        done(.conflict(current))
      } catch {
        done(.failed(error))
      }
    }
  }

  private enum StoreResult: Sendable {
    case stored
    case conflict(ClusterMap)
    case failed(MetadataStoreError)
  }

  private func changed(_ map: ClusterMap) {
    spread = [:]
    route { $0.mapChanged(map, now: $1) }
    redirectAppends()
    let met = mapWaits.filter { $0.isMet(map) }
    mapWaits.removeAll { $0.isMet(map) }
    for wait in met { wait.body(true) }
  }

  /// Calls `body` once the map has what `isMet` asks for, or the time is over.
  func whenMap(
    within time: Duration, _ isMet: @escaping (ClusterMap) -> Bool,
    _ body: @escaping (Bool) -> Void
  ) {
    if isMet(map) { return body(true) }
    mapWaits.append(
      MapWait(deadline: MonotonicInstant.now.advanced(by: time), isMet: isMet, body: body))
  }

  private func note(_ notice: ControllerNotice) {
    switch notice {
    case .workerJoined(let name):
      peerLog.write(.info, "worker joined", kind: "again", on: loop) { ["worker": "\(name)"] }
    case .workerLost(let name):
      peerLog.write(.warning, "worker lost", kind: "again", on: loop) { ["worker": "\(name)"] }
    case .workerRefused(let name, let why):
      peerLog.write(.warning, "worker refused", kind: "again", on: loop) {
        ["worker": "\(name)", "why": "\(why)"]
      }
    case .failedOver(let shard, let term, let primary, let inSync):
      logger.notice(
        "shard has a new primary",
        metadata: [
          "shard": "\(shard)", "term": "\(term)", "primary": "\(primary)",
          "in sync": "\(inSync.map(\.text).joined(separator: " "))",
        ])
    case .shardUnavailable(let shard):
      logger.error("no replica in sync is there", metadata: ["shard": "\(shard)"])
    case .moveStarted(let id, let move):
      logger.notice("move started", metadata: Self.fields(id, move))
    case .moveEnded(let id, let move, let proof):
      remember(id, move, proof: proof, why: nil)
      var fields = Self.fields(id, move)
      if let proof {
        // Equal digests at one position: nothing is on one side only, and nothing is there twice.
        fields["proof"] = "\(proof.recordCount) records, digest equal, 0 lost, 0 doubled"
        fields["position"] = "\(proof.position)"
        fields["digest"] = "\(proof.digest)"
      }
      logger.notice("move ended", metadata: fields)
    case .moveAborted(let id, let move, let why):
      remember(id, move, proof: nil, why: why)
      var fields = Self.fields(id, move)
      fields["why"] = "\(why)"
      logger.warning("move aborted", metadata: fields)
    }
  }

  private static func fields(_ id: MoveID, _ move: MoveEntry) -> Logger.Metadata {
    [
      "move": "\(id)", "shard": "\(move.shard)", "reason": "\(move.reason)",
      "from": "\(move.source?.text ?? "none")", "to": "\(move.target)",
    ]
  }

  // MARK: Connections

  private func connectionChanged(_ address: WorkerAddress, isConnected: Bool) {
    guard !isStopped, let name = map.workers.first(where: { $0.value.address == address })?.key
    else { return }
    route { $0.connectionChanged(name, isConnected: isConnected, now: $1) }
  }

  /// Tries to reach workers again that closed their connection: the router asks them for nothing
  /// until one is there.
  private func reconnect() {
    for name in router.disconnectedWorkers {
      if let address = address(of: name) { reach(name, at: address) }
    }
  }

  /// Makes a connection to a worker, if there is none.
  func reach(_ name: WorkerName, at address: WorkerAddress) {
    let reached = receiver { (core: CoordinatorCore, result: Result<Pong, ServiceError>) in
      core.reached(name, result)
    }
    network.start(
      OutgoingRequest(Ping(token: 0), timeout: .seconds(1), completion: reached), to: address)
  }

  private func reached(_ name: WorkerName, _ result: Result<Pong, ServiceError>) {
    if isStopped { return }
    switch result {
    case .success:
      // Its address may be newer than the map: so it is the name that counts.
      refusals[name] = nil
      route { $0.connectionChanged(name, isConnected: true, now: $1) }
    case .failure(let error) where error.code == .wrongCluster || error.code == .refused:
      guard refusals.updateValue(error.message, forKey: name) != error.message else { return }
      logger.error(
        "a worker refuses this coordinator",
        metadata: ["worker": "\(name)", "why": "\(error.message)"])
    case .failure: break
    }
  }

  // MARK: The router

  /// Lets the router know of an event, and does what it wants.
  func route(_ event: (inout SearchRouting.Machine, MonotonicInstant) -> [SearchRouting.Action]) {
    for action in event(&router, .now) { run(action) }
    scheduleRouter()
  }

  private func scheduleRouter() {
    guard let next = router.nextDeadline else { return }
    if let timer = routerTimer, timer.at <= next { return }
    routerTimer?.timer.cancel()
    let bound = NIOLoopBound(self, eventLoop: loop)
    let pause = max(.zero, MonotonicInstant.now.duration(to: next))
    let timer = loop.scheduleTask(in: pause.timeAmount) {
      let core = bound.value
      core.routerTimer = nil
      core.route { $0.deadlineFired(now: $1) }
    }
    routerTimer = (next, timer)
  }

  /// Where a worker listens; `nil` for one that the map does not know.
  func address(of worker: WorkerName) -> WorkerAddress? { map.workers[worker]?.address }
}
