import ThumbprintPlanning
import ThumbprintStorage

extension PlanError.Field {
  var flag: String {
    switch self {
    case .recordCount: "--count"
    case .replicaCount: "--replicas"
    case .textByteCount: "--text-bytes"
    case .nearestCount: "-k"
    case .p99: "--p99"
    case .rate: "--rate"
    case .roundTrip: "--round-trip"
    case .memory: "--memory"
    case .disk: "--disk"
    case .cores: "--cores"
    case .hostCount: "--hosts"
    case .shardCount: "--shards"
    }
  }
}

extension CommandError {
  /// A plan that cannot be.
  package init(_ error: PlanError, of request: PlanRequest) {
    switch error {
    case .invalid(let field, let message): self = .flag(field.flag, message)
    case .hopeless(let bound, let nearest): self = .hopeless(bound, nearest, request)
    case .apart(let counts, let nearest):
      let most = counts.max { $0.value < $1.value }!
      self = .flag(
        "--p99",
        "no number of hosts holds all bounds: \(most.key.rawValue) asks for "
          + "\(Text.grouped(most.value)), and with as many a p99 of "
          + "\(Text.duration(nearest.latency.p99)) is expected",
        hint: "larger hosts, so that there are fewer of them")
    case .broken(let bound, let outlook):
      self = .flag(
        "--hosts",
        "\(request.hostCount ?? 0) do not hold it: "
          + Self.finding(bound, outlook, request),
        hint: "leave it out for the least number of hosts that do")
    }
  }

  private static func hopeless(
    _ bound: PlanBound, _ nearest: Outlook, _ request: PlanRequest
  ) -> CommandError {
    let finding = finding(bound, nearest, request)
    let hosts = Text.count(nearest.hostCount, "host")
    func none(_ flag: String, _ rest: String = "", hint: String? = nil) -> CommandError {
      .flag(flag, "no number of hosts holds it: \(finding)\(rest)", hint: hint)
    }
    switch bound {
    case .p99:
      let slowest = nearest.latency.steps.max { $0.p99 < $1.p99 }!
      return none(
        "--p99", ", and that is the least, with \(hosts)",
        hint: "the most of it, \(Text.duration(slowest.p99)), is: \(slowest.kind.words)")
    case .rate: return none("--rate", " with \(hosts)")
    case .shards: return none(request.shardCount == nil ? "--count" : "--shards")
    case .disk: return none("--disk", " with \(hosts)")
    case .memory, .replicas: return none("--memory", " with \(hosts)")
    }
  }

  /// What is expected, beside what is allowed.
  private static func finding(
    _ bound: PlanBound, _ outlook: Outlook, _ request: PlanRequest
  ) -> String {
    let host = request.host
    switch bound {
    case .replicas:
      return "\(Text.count(request.replicaCount, "replica")), of which no two are on one host"
    case .disk:
      return "\(Text.bytes(outlook.diskByteCount)) of disk on the fullest, of "
        + Text.bytes(host.diskByteCount)
    case .memory:
      return "\(Text.bytes(outlook.memoryByteCount)) of memory on the fullest, of "
        + "\(Text.bytes(Double(host.memoryByteCount) * CapacityPlan.memoryShareMax)) that a "
        + "worker may have"
    case .shards:
      return "a shard of \(Text.grouped(Int(outlook.shard.recordCount))) records is larger than "
        + "one file may be"
    case .p99:
      return "\(Text.duration(request.p99Max ?? 0)) are asked for, "
        + "\(Text.duration(outlook.latency.p99)) expected"
    case .rate:
      let isCoordinator = outlook.coordinatorShare > outlook.processorShare
      let most =
        (request.queryRate ?? 0) * ClusterOverhead.busyShareMax / max(outlook.busyShare, .ulpOfOne)
      return "\(isCoordinator ? "the coordinator has one thread, and" : "a host") answers at most "
        + "\(Text.short(most)) a second"
    }
  }
}

extension QueryLatency.Step.Kind {
  /// As people read it.
  var words: String {
    switch self {
    case .network: "messages on their way"
    case .coordinator: "the coordinator, asking and merging"
    case .probe: "workers, looking for a bound"
    case .search: "workers, searching"
    case .handling: "workers, taking requests"
    case .slowest: "waiting for the slowest worker"
    case .queue: "waiting for a core"
    }
  }
}
