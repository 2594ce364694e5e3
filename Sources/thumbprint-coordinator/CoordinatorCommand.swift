import ArgumentParser
import ServiceLifecycle
import ThumbprintGateway
import ThumbprintMonitoring
import ThumbprintServer

/// `thumbprint-coordinator`: flags, and nothing else.
@main
struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbprint-coordinator",
    abstract: "Routes queries and writes to the workers of a cluster, and steers it.",
    discussion: """
      Every flag can also be given by a variable, THUMBPRINT_LISTEN for --listen, or in a YAML \
      file, 'listen: 127.0.0.1:7700'. A flag counts before a variable, a variable before the file.

      Example:
        thumbprint-coordinator --listen 127.0.0.1:7700 --metadata lmdb:/var/lib/thumbprint/meta
      """)

  @Option(help: "Where to listen (default: 127.0.0.1:7700).")
  var listen: String?

  @Option(help: "Where the cluster map is kept: lmdb:DIR.")
  var metadata: String?

  @Option(
    help: """
      The model that codes and shows pictures on the web page, or 'none' (default: the one that came \
      with the program).
      """)
  var model: String?

  @Option(
    help: """
      What may be done over HTTP: 'full', or 'read-only' for searches and other reads alone (default: \
      full).
      """)
  var httpAccess: String?

  @Option(
    help: """
      Names under which browsers may ask over HTTP, with commas between, for instance \
      pictures.example.org (default: any for reads; addresses and names without a dot for writes).
      """)
  var httpNames: String?

  @OptionGroup var serving: ServingOptions

  func run() async throws {
    do {
      try await serve()
    } catch {
      throw ExitCode(Daemon.report(error, program: "thumbprint-coordinator"))
    }
  }

  private func serve() async throws {
    Daemon.prepare()
    let settings = try serving.settings(with: [
      "listen", "metadata", "model", "http-access", "http-names",
    ])
    let listen =
      try settings.value(
        "listen", flag: listen, expected: "HOST:PORT", Daemon.listenAddress)
      ?? ("127.0.0.1", 7700)
    let folder: String = try settings.required(
      "metadata", flag: metadata, expected: "lmdb:DIR"
    ) { $0.hasPrefix("lmdb:") && $0.count > 5 ? String($0.dropFirst(5)) : nil }
    let access = try settings.value(
      "http-access", flag: httpAccess, expected: "full or read-only",
      { GatewayAccess(rawValue: $0) })
    let names = try settings.value(
      "http-names", flag: httpNames, expected: "a list of names with commas between", Self.names)
    let common = try serving.values(settings, program: "thumbprint-coordinator")
    common.warnOfOpenPorts(listeningAt: listen.host, hasAPI: true)
    let metrics = PrometheusMetrics(Probes.descriptions(of: CoordinatorNode.self))
    let node = try await CoordinatorNode.start(
      host: listen.host, port: listen.port, store: try LMDBMetadataStore(folder: folder),
      limits: common.limits, security: common.security, metrics: CoordinatorMetrics(metrics),
      program: Daemon.program("thumbprint-coordinator"), logger: common.logger)
    var gateway: Gateway?
    if common.http != nil {
      gateway = try await Gateway(
        of: listen.host, port: node.port,
        model: settings.value("model", flag: model)?.text, access: access ?? .full,
        security: common.security, logger: common.logger)
    }
    let services: [any Service] =
      [node]
      + common.httpServices(
        of: node, metrics: metrics, names: names ?? [], openPaths: Gateway.pagePaths
      ) { [gateway] in gateway?.addRoutes(to: $0) }
    try await Daemon.run(services, logger: common.logger)
  }

  /// Names of hosts, without ports.
  private static func names(_ text: String) -> [String]? {
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let isGood = names.allSatisfy { name in
      !name.isEmpty
        && name.utf8.allSatisfy {
          $0.isLetterOrDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
    }
    return isGood ? names : nil
  }
}

extension UInt8 {
  fileprivate var isLetterOrDigit: Bool {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: false
    }
  }
}
