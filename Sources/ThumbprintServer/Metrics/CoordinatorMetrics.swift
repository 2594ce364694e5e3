import CoreMetrics
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintWire

/// What a coordinator counts and measures.
public final class CoordinatorMetrics: Sendable {
  enum QueryOutcome: String, CaseIterable {
    /// All shards answered.
    case complete
    /// Some shards did not, and the asker had allowed that.
    case partial
    case failed
    /// The asker took it back, or went away.
    case cancelled
  }

  private static let queries = MetricDescription(
    "thumbprint_queries_total", .counter, "Queries, by what became of them.",
    label: "outcome", values: QueryOutcome.allCases.map(\.rawValue))
  private static let queryTime = MetricDescription(
    "thumbprint_query_seconds", .histogram,
    "From the whole request of a search, of one query or many, to its answer.")
  private static let retries = MetricDescription(
    "thumbprint_query_retries_total", .counter,
    "Requests to workers for shards that another replica had not answered.")
  private static let hedges = MetricDescription(
    "thumbprint_query_hedges_total", .counter,
    "Requests to a second replica because the first was late.")
  private static let writes = MetricDescription(
    "thumbprint_writes_total", .counter, "Writes to a shard, by what became of them.",
    label: "outcome", values: ["done", "failed"])
  private static let writeTime = MetricDescription(
    "thumbprint_write_seconds", .histogram,
    "From the whole request of a write until every replica in sync has it on its disk.")
  private static let recordsWritten = MetricDescription(
    "thumbprint_records_written_total", .counter, "Records that writes added, replaced or deleted.",
    label: "change", values: ["added", "replaced", "deleted"])
  private static let workers = MetricDescription(
    "thumbprint_workers", .gauge, "Workers of the cluster map; lost ones are silent.",
    label: "state", values: ["active", "draining", "lost"])
  private static let shards = MetricDescription(
    "thumbprint_shards", .gauge,
    "Shards of all collections: with all replicas, with fewer, with none that answers.",
    label: "state", values: ["available", "under_replicated", "unavailable"])
  private static let collections = MetricDescription(
    "thumbprint_collections", .gauge, "Collections.")
  private static let records = MetricDescription(
    "thumbprint_records", .gauge, "Records of all collections, as primaries last reported.")
  private static let lag = MetricDescription(
    "thumbprint_replica_lag_entries", .gauge,
    "Entries of the log that the replica furthest behind its primary lacks, as last reported.")
  private static let moves = MetricDescription(
    "thumbprint_moves", .gauge, "Moves and copies of shards that have not ended.")
  private static let moveBytes = MetricDescription(
    "thumbprint_move_left_bytes", .gauge, "Bytes that moves have still to copy, as last reported.")
  private static let mapVersion = MetricDescription(
    "thumbprint_map_version", .gauge, "The version of the cluster map.")

  public static let descriptions =
    [
      queries, queryTime, retries, hedges, writes, writeTime, recordsWritten, workers, shards,
      collections, records, lag, moves, moveBytes, mapVersion,
    ] + TransportMetrics.descriptions

  private let queries: CounterFamily
  private let queryTime: TimeHistogram
  private let retries: CounterFamily
  private let hedges: CounterFamily
  private let writes: CounterFamily
  private let writeTime: TimeHistogram
  private let recordsWritten: CounterFamily
  private let workers: GaugeFamily
  private let shards: GaugeFamily
  private let collections: GaugeFamily
  private let records: GaugeFamily
  private let lag: GaugeFamily
  private let moves: GaugeFamily
  private let moveBytes: GaugeFamily
  private let mapVersion: GaugeFamily
  let transport: TransportMetrics

  public init(_ factory: any MetricsFactory = NOOPMetricsHandler.instance) {
    queries = CounterFamily(Self.queries, factory)
    queryTime = TimeHistogram(Self.queryTime, factory)
    retries = CounterFamily(Self.retries, factory)
    hedges = CounterFamily(Self.hedges, factory)
    writes = CounterFamily(Self.writes, factory)
    writeTime = TimeHistogram(Self.writeTime, factory)
    recordsWritten = CounterFamily(Self.recordsWritten, factory)
    workers = GaugeFamily(Self.workers, factory)
    shards = GaugeFamily(Self.shards, factory)
    collections = GaugeFamily(Self.collections, factory)
    records = GaugeFamily(Self.records, factory)
    lag = GaugeFamily(Self.lag, factory)
    moves = GaugeFamily(Self.moves, factory)
    moveBytes = GaugeFamily(Self.moveBytes, factory)
    mapVersion = GaugeFamily(Self.mapVersion, factory)
    transport = TransportMetrics(factory)
  }

  // MARK: As it happens

  func searched(_ outcome: QueryOutcome, queryCount: Int, nanoseconds: Int64) {
    queries.add(queryCount, outcome.rawValue)
    queryTime.record(nanoseconds: nanoseconds)
  }

  func written(_ reply: AppendReply, nanoseconds: Int64) {
    writes.add(1, "done")
    writeTime.record(nanoseconds: nanoseconds)
    recordsWritten.add(Int(reply.added), "added")
    recordsWritten.add(Int(reply.replaced), "replaced")
    recordsWritten.add(Int(reply.deleted), "deleted")
  }

  func writeFailed() { writes.add(1, "failed") }

  // MARK: When asked

  /// A coordinator at one moment.
  struct State: Sendable {
    var retryCount = 0
    var hedgeCount = 0
    var workers: [String: Int] = [:]
    var shards: [String: Int] = [:]
    var collectionCount = 0
    var recordCount = 0
    var lag = 0
    var moveCount = 0
    var moveByteCount = 0
    var mapVersion: UInt64 = 0
  }

  func update(_ state: State) {
    retries.raise(to: state.retryCount)
    hedges.raise(to: state.hedgeCount)
    workers.set(state.workers)
    shards.set(state.shards)
    collections.set(state.collectionCount)
    records.set(state.recordCount)
    lag.set(state.lag)
    moves.set(state.moveCount)
    moveBytes.set(state.moveByteCount)
    mapVersion.set(Int(clamping: state.mapVersion))
  }
}
