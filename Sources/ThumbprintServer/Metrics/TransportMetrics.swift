import CoreMetrics
import ThumbprintTransport

/// What a server of the binary protocol has seen.
final class TransportMetrics: Sendable {
  static let connections = MetricDescription(
    "thumbprint_connections", .gauge, "Connections of the binary protocol that are open.")
  static let accepted = MetricDescription(
    "thumbprint_connections_total", .counter, "Connections of the binary protocol, ever.")
  static let refused = MetricDescription(
    "thumbprint_connections_refused_total", .counter,
    "Connections that were ended for breaking a rule or a limit, by the code of the error.",
    label: "reason", values: ConnectionCounts.refusalReasons)
  static let requests = MetricDescription(
    "thumbprint_requests_total", .counter,
    "Requests of the binary protocol, by what became of them.",
    label: "outcome", values: ["answered", "failed"])

  static let descriptions = [connections, accepted, refused, requests]

  private let connections: GaugeFamily
  private let accepted: CounterFamily
  private let refused: CounterFamily
  private let requests: CounterFamily

  init(_ factory: any MetricsFactory) {
    connections = GaugeFamily(Self.connections, factory)
    accepted = CounterFamily(Self.accepted, factory)
    refused = CounterFamily(Self.refused, factory)
    requests = CounterFamily(Self.requests, factory)
  }

  func update(_ server: FrameServer) {
    let counts = server.counts
    connections.set(server.connectionCount)
    accepted.raise(to: counts.accepted)
    for (reason, count) in counts.refused { refused.raise(reason, to: count) }
    requests.raise("answered", to: counts.answered)
    requests.raise("failed", to: counts.failed)
  }
}
