import ThumbprintCluster
import ThumbprintCodes

/// One history of a cluster: the same machines that the server runs, on a clock, a network and
/// disks that are made up from a seed, with faults, and checked after every step.
public final class Simulation {
  let options: SimulationOptions
  var random: SimulatedRandom
  var queue = EventQueue<Event>()
  /// Nanoseconds since the beginning.
  var time: Int64 = 0
  var result: SimulationResult
  var checker = InvariantChecker()

  var workers: [SimulatedWorker] = []
  var coordinator: SimulatedCoordinator
  /// What the metadata store holds.
  var store: ClusterMap
  var network: SimulatedNetwork
  var clients: [SimulatedClient] = []
  var lastNumber: UInt64 = 0
  /// Copies on their way: what the source pinned.
  var snapshots: [UInt64: ModelShard] = [:]
  var isHealing = false
  /// When messages were last lost or slow; when the links of each worker last opened.
  var calmSince: Int64 = 0
  /// Of every collection that there ever was.
  var shardCounts: [CollectionID: Int] = [:]
  var openSince: [Int: Int64] = [:]
  /// When a primary was lost whose writes are waited for.
  var primaryLostAt: Int64?
  /// No fault before this time.
  var nextFault: Int64 = 0
  /// Entries that a log keeps readable.
  let retention: Int
  let isDroppingTails: Bool

  /// What can happen.
  enum Event {
    case workerTimer(Int, life: Int)
    case replicaTimer(Int, life: Int, ShardKey)
    case coordinatorTimer(life: Int)
    case disk(Int, life: Int, ShardKey, UInt64)
    case diskRead(Int, life: Int, ShardKey, RequestID, LogPosition, Int)
    case connectEnded(Int, life: Int, connection: Int, coordinatorLife: Int)
    case disconnected(Int, life: Int, connection: Int)
    case sessionClosed(WorkerName, SessionID, coordinatorLife: Int)
    case toWorker(Int, life: Int, ControllerMessage)
    case registration(WorkerRegistration, coordinatorLife: Int, connection: Int)
    case heartbeat(WorkerHeartbeat, WorkerName, coordinatorLife: Int, connection: Int)
    case pull(Int, from: Int, life: Int, RequestID, FollowerPull)
    case pullReply(Int, life: Int, ShardKey, RequestID, PullReply, SimulatedReplica.Payload?)
    case pullFailed(Int, life: Int, ShardKey, RequestID)
    case copyStep(SimulatedCopy)
    case storeMap(ClusterMap, expected: MapVersion, coordinatorLife: Int)
    case storeReply(StoreReply, coordinatorLife: Int)
    case client(Int)
    case clientTimeout(Int, UInt64)
    case write(Int, SimulatedWrite)
    case writeReply(SimulatedWrite, isAcknowledged: Bool, isUnknown: Bool)
    case read(Int, client: Int, number: UInt64, ShardKey, id: Int)
    case readReply(client: Int, number: UInt64, value: UInt64?, isRefused: Bool)
    case opened(Int, life: Int, ShardKey)
    case routerTimer(life: Int)
    case search(Int, coordinatorLife: Int, AttemptID, [ShardKey])
    case searchReply(AttemptID, SearchReply<Int>?, coordinatorLife: Int)
    case losePrimary
    case fault
    case endFault(EndOfFault)
    case heal
    case checkHealed
  }

  enum StoreReply {
    case stored
    case conflict(ClusterMap)
    case unknown
    case read(ClusterMap)
  }

  public init(options: SimulationOptions) {
    self.options = options
    random = SimulatedRandom(seed: options.seed)
    result = SimulationResult(seed: options.seed, traceHash: mixed(0, options.seed))
    var settings = ClusterSettings()
    settings.replicateAfterMilliseconds = random.chance(0.7) ? random.int(1_500...4_000) : 30_000
    store = ClusterMap(clusterID: ClusterID(high: 1, low: 2), settings: settings)
    coordinator = SimulatedCoordinator(map: store)
    retention = random.chance(0.5) ? random.int(24...96) : 1_000_000
    isDroppingTails = options.fault == .dropLogTail
    let count = random.int(3...5)
    network = SimulatedNetwork(endpointCount: count + 3)
    for index in 0..<count { workers.append(SimulatedWorker(index: index, capacity: 1 << 30)) }
    for index in 0..<2 { clients.append(SimulatedClient(index: index)) }
  }

  /// Runs the history to its end, or to the first thing that is wrong.
  public func run() -> SimulationResult {
    start()
    while checker.violation == nil, let next = queue.popFirst() {
      time = max(time, next.at)
      result.eventCount += 1
      handle(next.event)
      if hasEnded { break }
      if result.eventCount > 2_000_000 { checker.fail("more than 2,000,000 events") }
    }
    result.acknowledgedWriteCount = checker.acknowledgedWriteCount
    result.violation = checker.violation
    return result
  }

  var hasEnded = false

  private func start() {
    startCoordinator()
    for worker in workers { startWorker(worker) }
    for index in clients.indices {
      queue.insert(.client(index), at: random.milliseconds(400...900))
    }
    if options.measuresFailOver {
      queue.insert(.losePrimary, at: random.milliseconds(2_500...3_500))
    } else {
      queue.insert(.fault, at: random.milliseconds(600...1_500))
    }
    queue.insert(.heal, at: Int64(options.faultMilliseconds) * 1_000_000)
  }

  func newCollection() -> CollectionEntry {
    CollectionEntry(
      name: "c", shardCount: options.measuresFailOver ? 1 : random.int(1...3),
      replicationFactor: random.int(2...min(3, workers.count)), tableCount: 64)
  }

  func number() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  /// Notes in the trace that something happened at a place.
  func trace(_ kind: UInt64, _ place: UInt64, _ text: @autoclosure () -> String) {
    result.traceHash = mixed(result.traceHash, mixed(UInt64(time) << 8 | kind, place))
    if let log = options.log { log("\(time / 1_000) us  \(text())") }
  }

  private func handle(_ event: Event) {
    switch event {
    case .workerTimer, .replicaTimer, .disk, .diskRead, .connectEnded, .disconnected, .toWorker,
      .pull, .pullReply, .pullFailed, .copyStep, .opened:
      handleAtWorker(event)
    case .coordinatorTimer, .sessionClosed, .registration, .heartbeat, .storeMap, .storeReply:
      handleAtCoordinator(event)
    case .client, .clientTimeout, .write, .writeReply, .read, .readReply:
      handleAtClients(event)
    case .routerTimer, .search, .searchReply: handleQueries(event)
    case .losePrimary: losePrimary()
    case .fault: makeFault()
    case .endFault(let end): endFault(end)
    case .heal: heal()
    case .checkHealed: checkHealed()
    }
  }

  // MARK: The network

  /// Sends something, unless the network loses it; perhaps twice.
  func send(_ event: Event, from: Int, to: Int) {
    guard let delay = network.delay(from: from, to: to, &random) else { return }
    queue.insert(event, at: time + delay)
    if random.chance(network.duplication), let again = network.delay(from: from, to: to, &random) {
      queue.insert(event, at: time + again)
    }
  }

  /// Sends something that a connection delivers once, or not at all.
  func sendOnce(_ event: Event, from: Int, to: Int) {
    guard let delay = network.delay(from: from, to: to, &random) else { return }
    queue.insert(event, at: time + delay)
  }

  func instant(_ worker: SimulatedWorker) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: time + worker.clockOffset)
  }
}

/// Which messages arrive, and when.
struct SimulatedNetwork {
  static let coordinator = 0

  let endpointCount: Int
  /// From one endpoint to another; how many reasons there are why nothing arrives.
  var blocks: [Int]
  var loss = 0.0
  var duplication = 0.0
  var extraDelay = 0

  init(endpointCount: Int) {
    // Room for workers that join later.
    self.endpointCount = endpointCount + 4
    blocks = Array(repeating: 0, count: self.endpointCount * self.endpointCount)
  }

  func worker(_ index: Int) -> Int { index + 1 }
  func client(_ index: Int) -> Int { endpointCount - 1 - index }

  func isOpen(from: Int, to: Int) -> Bool { blocks[from * endpointCount + to] == 0 }

  mutating func block(from: Int, to: Int, _ change: Int) {
    blocks[from * endpointCount + to] += change
  }

  /// How long a message takes; `nil` if it is lost.
  func delay(from: Int, to: Int, _ random: inout SimulatedRandom) -> Int64? {
    guard isOpen(from: from, to: to), loss == 0 || !random.chance(loss) else { return nil }
    var delay = random.microseconds(50...400)
    if extraDelay > 0, random.chance(0.3) { delay += random.milliseconds(0...extraDelay) }
    return delay
  }
}
