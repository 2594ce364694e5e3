import ArgumentParser
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import ThumbprintServer
import ThumbprintTransport
import ThumbprintWire

/// The flags that both daemons have.
public struct ServingOptions: ParsableArguments {
  @Option(
    help: "Where /metrics, /livez and /readyz are, over HTTP: HOST:PORT (default: nowhere).")
  public var http: String?

  @Option(help: "The most connections at once; further ones are refused (default: 4096).")
  public var connectionLimit: String?

  @Option(help: "How long a new peer may take to say hello (default: 5s).")
  public var handshakeTimeout: String?

  @Option(help: "How long a peer may take to send what it has begun to send (default: 30s).")
  public var frameTimeout: String?

  @Option(help: "How long a peer that waits for nothing may be silent (default: 10min).")
  public var idleTimeout: String?

  @Option(help: "Log requests that take longer than this; 0s for none (default: 1s).")
  public var slowRequest: String?

  @Option(help: "trace, debug, info, notice, warning or error (default: notice).")
  public var logLevel: String?

  @OptionGroup public var security: SecurityOptions

  @Option(help: "A YAML file of settings.")
  public var config: String?

  public init() {}

  /// The names of these settings in a file.
  private static let keys: Set<String> = [
    "http", "connection-limit", "handshake-timeout", "frame-timeout", "idle-timeout",
    "slow-request", "log-level",
  ]

  /// Flags, variables and the file, for these settings and others.
  ///
  /// - Parameter keys: The names of the others.
  public func settings(with keys: Set<String>) throws(SettingsError) -> SettingsSource {
    try SettingsSource(path: config, keys: Self.keys.union(SecurityOptions.keys).union(keys))
  }

  /// What these settings say.
  public struct Values: Sendable {
    public var http: (host: String, port: Int)?
    public var limits: TransportLimits
    /// `nil` without TLS.
    public var security: TransportSecurity?
    /// What HTTP requests have to bring; `nil` for nothing.
    public var token: HTTPToken?
    public var logger: Logger
  }

  /// Reads these settings, and lets the process have the files that they need.
  public func values(
    _ settings: SettingsSource, program: String
  ) throws(SettingsError) -> Values {
    var limits = TransportLimits()
    limits.slowRequestTime = .seconds(1)
    let least = TimeAmount.milliseconds(1)
    func time(
      _ key: String, _ flag: String?, least: TimeAmount = least
    ) throws(SettingsError) -> TimeAmount? {
      try settings.value(key, flag: flag, expected: "a time such as 500ms, 5s or 10min") {
        Daemon.duration($0).flatMap { $0 >= least ? $0 : nil }
      }
    }
    let connectionCountMax = try settings.value(
      "connection-limit", flag: connectionLimit, expected: "a number from 1 to 1000000"
    ) { Int($0).flatMap { (1...1_000_000).contains($0) ? $0 : nil } }
    if let connectionCountMax { limits.connectionCountMax = connectionCountMax }
    if let value = try time("handshake-timeout", handshakeTimeout) {
      limits.handshakeTimeout = value
    }
    if let value = try time("frame-timeout", frameTimeout) { limits.frameTimeout = value }
    if let value = try time("idle-timeout", idleTimeout) { limits.idleTimeout = value }
    if let value = try time("slow-request", slowRequest, least: .zero) {
      limits.slowRequestTime = value == .zero ? nil : value
    }
    let shortest = min(limits.handshakeTimeout, limits.frameTimeout, limits.idleTimeout)
    limits.tick = min(limits.tick, max(.milliseconds(10), .nanoseconds(shortest.nanoseconds / 4)))
    let level =
      try settings.value(
        "log-level", flag: logLevel, expected: "a level of the log", { Logger.Level(rawValue: $0) })
      ?? .notice
    let http = try settings.value(
      "http", flag: http, expected: "HOST:PORT", Daemon.listenAddress)
    let logger = DaemonLog.logger(program, level: level)
    Daemon.raiseFileLimit(for: &limits.connectionCountMax, logger: logger)
    return Values(
      http: http, limits: limits, security: try security.security(settings, logger: logger),
      token: try security.token(settings, logger: logger), logger: logger)
  }
}

extension ServingOptions.Values {
  /// The HTTP server of these settings, with the probes of `process`; none if none is wanted.
  ///
  /// - Parameters:
  ///   - metrics: What `process` counts with.
  ///   - names: More names that it goes by; see ``ServerNames`` on what others are refused.
  ///   - openPaths: What else than the probes is answered without a token.
  ///   - more: Adds what else it serves.
  public func httpServices(
    of process: any WatchedProcess, metrics: PrometheusMetrics, names: [String] = [],
    openPaths: Set<String> = [], more: (HTTPServer.Routes) -> Void = { _ in }
  ) -> [any Service] {
    guard let http else { return [] }
    let routes = HTTPServer.Routes(options: .autoGenerateHeadEndpoints)
    routes.add(middleware: ProtectiveFields())
    routes.add(middleware: ErrorAnswers(logger: logger))
    if let token {
      routes.add(
        middleware: TokenGuard(
          token: token, openPaths: openPaths.union(Probes.openPaths), logger: logger))
    }
    routes.add(middleware: BrowserRules(names: ServerNames(host: http.host, names: names)))
    Probes(of: process, metrics: metrics).addRoutes(to: routes)
    more(routes)
    return [
      HTTPServer(
        host: http.host, port: http.port, security: security, routes: routes, logger: logger)
    ]
  }
}
