import CoreMetrics
import Glibc
import ThumbprintCluster
import ThumbprintIndex

/// What a worker counts and measures.
public final class WorkerMetrics: Sendable {
  private static let searches = MetricDescription(
    "thumbprint_searches_total", .counter, "Requests to search, by what became of them.",
    label: "outcome", values: ["answered", "failed"])
  private static let searchTime = MetricDescription(
    "thumbprint_search_seconds", .histogram,
    "From the whole request of a search, of one query or many, to its answer.")
  private static let compared = MetricDescription(
    "thumbprint_codes_compared_total", .counter, "Whole codes that searches compared.")
  private static let candidates = MetricDescription(
    "thumbprint_candidates_total", .counter,
    "What searches read to find the codes worth comparing: entries of tables and sketches.",
    label: "source", values: ["tables", "sketches"])
  private static let records = MetricDescription(
    "thumbprint_records", .gauge, "Records of all replicas here.")
  private static let replicas = MetricDescription(
    "thumbprint_replicas", .gauge, "Replicas here, by what they do.",
    label: "role", values: ReplicaReport.Role.allRoles)
  private static let replicaBytes = MetricDescription(
    "thumbprint_replica_bytes", .gauge, "Bytes of the files of all replicas here.")
  private static let lag = MetricDescription(
    "thumbprint_follower_lag_entries", .gauge,
    "Entries of the log that the follower furthest behind a primary here lacks.")
  private static let writes = MetricDescription(
    "thumbprint_replica_writes_total", .counter,
    "Writes that this worker, as primary, put on its disk or could not.",
    label: "outcome", values: ["done", "failed"])
  private static let syncTime = MetricDescription(
    "thumbprint_transaction_seconds", .histogram,
    "One transaction of one or several writes, the sync of the disk included.")
  private static let copies = MetricDescription(
    "thumbprint_copies", .gauge, "Copies of shards that are being received.")
  private static let copyBytes = MetricDescription(
    "thumbprint_copy_bytes_total", .counter, "Bytes of copies of shards.",
    label: "direction", values: ["received", "sent"])
  private static let diskFree = MetricDescription(
    "thumbprint_disk_free_bytes", .gauge,
    "Bytes that the file system of the data folder has left for this process.")
  private static let diskSize = MetricDescription(
    "thumbprint_disk_size_bytes", .gauge, "Bytes of the file system of the data folder.")
  private static let registered = MetricDescription(
    "thumbprint_registered", .gauge, "1 while the coordinator knows this worker, else 0.")

  public static let descriptions =
    [
      searches, searchTime, compared, candidates, records, replicas, replicaBytes, lag, writes,
      syncTime, copies, copyBytes, diskFree, diskSize, registered,
    ] + TransportMetrics.descriptions

  private let searches: CounterFamily
  private let searchTime: TimeHistogram
  private let compared: CounterFamily
  private let candidates: CounterFamily
  private let records: GaugeFamily
  private let replicas: GaugeFamily
  private let replicaBytes: GaugeFamily
  private let lag: GaugeFamily
  private let writes: CounterFamily
  private let syncTime: TimeHistogram
  private let copies: GaugeFamily
  private let copyBytes: CounterFamily
  private let diskFree: GaugeFamily
  private let diskSize: GaugeFamily
  private let registered: GaugeFamily
  let transport: TransportMetrics

  public init(_ factory: any MetricsFactory = NOOPMetricsHandler.instance) {
    searches = CounterFamily(Self.searches, factory)
    searchTime = TimeHistogram(Self.searchTime, factory)
    compared = CounterFamily(Self.compared, factory)
    candidates = CounterFamily(Self.candidates, factory)
    records = GaugeFamily(Self.records, factory)
    replicas = GaugeFamily(Self.replicas, factory)
    replicaBytes = GaugeFamily(Self.replicaBytes, factory)
    lag = GaugeFamily(Self.lag, factory)
    writes = CounterFamily(Self.writes, factory)
    syncTime = TimeHistogram(Self.syncTime, factory)
    copies = GaugeFamily(Self.copies, factory)
    copyBytes = CounterFamily(Self.copyBytes, factory)
    diskFree = GaugeFamily(Self.diskFree, factory)
    diskSize = GaugeFamily(Self.diskSize, factory)
    registered = GaugeFamily(Self.registered, factory)
    transport = TransportMetrics(factory)
  }

  // MARK: As it happens

  func searched(isAnswered: Bool, since began: MonotonicInstant) {
    searches.add(1, isAnswered ? "answered" : "failed")
    searchTime.record(nanoseconds: MonotonicInstant.now.nanoseconds - began.nanoseconds)
  }

  func compared(_ answers: [SearchAnswer]) {
    compared.add(answers.reduce(0) { $0 + $1.certificate.codesCompared })
    candidates.add(answers.reduce(0) { $0 + $1.certificate.postingsRead }, "tables")
    candidates.add(answers.reduce(0) { $0 + $1.certificate.sketchesRead }, "sketches")
  }

  func wrote(_ count: Int, isDone: Bool, since began: MonotonicInstant) {
    writes.add(count, isDone ? "done" : "failed")
    syncTime.record(nanoseconds: MonotonicInstant.now.nanoseconds - began.nanoseconds)
  }

  func copied(received byteCount: Int) { copyBytes.add(byteCount, "received") }

  func copied(sent byteCount: Int) { copyBytes.add(byteCount, "sent") }

  // MARK: When asked

  /// A worker at one moment.
  struct State: Sendable {
    var isRegistered = false
    var roles: [String: Int] = [:]
    var recordCount = 0
    var byteCount = 0
    var lag = 0
    var copyCount = 0
  }

  func update(_ state: State) {
    registered.set(state.isRegistered ? 1 : 0)
    replicas.set(state.roles)
    records.set(state.recordCount)
    replicaBytes.set(state.byteCount)
    lag.set(state.lag)
    copies.set(state.copyCount)
  }

  func updateDisk(folder: String) {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return }
    diskFree.set(Int(clamping: status.f_bavail) * Int(clamping: status.f_frsize))
    diskSize.set(Int(clamping: status.f_blocks) * Int(clamping: status.f_frsize))
  }
}

extension ReplicaReport.Role {
  static let allRoles = [
    primary, follower, copying, opening, idle, needsTerm, missing, damaged,
  ].map(\.rawValue)
}
