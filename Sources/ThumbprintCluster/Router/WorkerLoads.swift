import ThumbprintCodes

/// What the router knows of the load of workers, and when a reply is late.
struct WorkerLoads: Sendable {
  struct Load: Sendable {
    /// Shards being searched.
    var inFlight = 0
    /// Average of what a request takes, newer ones weighing more, in nanoseconds.
    var average: Double?
    var avoidUntil: MonotonicInstant?
    var isConnected = true
  }

  private(set) var loads: [WorkerName: Load] = [:]
  /// The last durations in nanoseconds, as a ring; single queries and batches apart.
  private var samples: [Bool: [Int64]] = [:]
  private var sampleIndex: [Bool: Int] = [:]
  private var percentiles: [Bool: Int64] = [:]
  private var hedgeTokens = 1.0
  private let settings: RouterSettings

  private static let sampleCountMax = 512
  private static let hedgeTokenMax = 10.0

  init(settings: RouterSettings) {
    self.settings = settings
  }

  mutating func connectionChanged(_ worker: WorkerName, isConnected: Bool) {
    loads[worker, default: Load()].isConnected = isConnected
    if isConnected { loads[worker]?.avoidUntil = nil }
  }

  mutating func sent(_ worker: WorkerName, shardCount: Int, isHedge: Bool) {
    loads[worker, default: Load()].inFlight += shardCount
    hedgeTokens = min(
      hedgeTokens + (isHedge ? -1 : settings.hedgeRatio), Self.hedgeTokenMax)
  }

  mutating func ended(_ worker: WorkerName, shardCount: Int) {
    loads[worker, default: Load()].inFlight -= shardCount
  }

  mutating func replied(_ worker: WorkerName, after duration: Duration, isBatch: Bool) {
    let nanoseconds = duration.wholeNanoseconds
    let old = loads[worker]?.average ?? Double(nanoseconds)
    loads[worker, default: Load()].average = old * 0.8 + Double(nanoseconds) * 0.2
    loads[worker]?.avoidUntil = nil
    let index = sampleIndex[isBatch, default: 0]
    // In place: a copy for every reply would be the most that this machine does.
    if index < Self.sampleCountMax {
      samples[isBatch, default: []].append(nanoseconds)
    } else {
      samples[isBatch]?[index % Self.sampleCountMax] = nanoseconds
    }
    sampleIndex[isBatch] = index + 1
    if index % 32 == 0 || index + 1 == settings.sampleCountMin, let ring = samples[isBatch] {
      percentiles[isBatch] = ring.sorted()[ring.count * 95 / 100]
    }
  }

  mutating func failed(_ worker: WorkerName, now: MonotonicInstant) {
    loads[worker, default: Load()].avoidUntil = now.advanced(by: settings.avoidTime)
  }

  /// After how long a request is late; `nil` while too few are known.
  func hedgeDelay(isBatch: Bool) -> Duration? {
    guard (samples[isBatch]?.count ?? 0) >= settings.sampleCountMin,
      let percentile = percentiles[isBatch]
    else { return nil }
    return max(.nanoseconds(percentile), settings.hedgeAfterMin)
  }

  var canHedge: Bool { hedgeTokens >= 1 }

  /// The worker of `candidates` that would probably answer first; `extra` counts what this query
  /// has given each already.
  func best(
    of candidates: [WorkerName], extra: [WorkerName: Int], now: MonotonicInstant
  ) -> WorkerName? {
    let known = loads.values.compactMap(\.average)
    let typical = known.isEmpty ? 1_000_000 : known.reduce(0, +) / Double(known.count)
    func cost(_ name: WorkerName) -> (Int, Double, WorkerName) {
      let load = loads[name] ?? Load()
      let isAvoided = load.avoidUntil.map { $0 > now } ?? false
      let waiting = Double(load.inFlight + extra[name, default: 0] + 1)
      let rank = load.isConnected ? (isAvoided ? 1 : 0) : 2
      return (rank, waiting * (load.average ?? typical), name)
    }
    return candidates.min { cost($0) < cost($1) }
  }

  var disconnected: [WorkerName] { loads.filter { !$0.value.isConnected }.keys.sorted() }

  func isConnected(_ worker: WorkerName) -> Bool { loads[worker]?.isConnected ?? true }
}
