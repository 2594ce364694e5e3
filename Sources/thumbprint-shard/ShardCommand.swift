import ArgumentParser
import ServiceLifecycle
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintMonitoring
import ThumbprintServer

/// `thumbprint-shard`: flags, and nothing else.
@main
struct ShardCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbprint-shard",
    abstract: "Holds replicas of shards and searches them, as a coordinator orders.",
    discussion: """
      Every flag can also be given by a variable, THUMBPRINT_DATA for --data, or in a YAML file, \
      'data: /var/lib/thumbprint/a'. A flag counts before a variable, a variable before the file.

      Example:
        thumbprint-shard --data /var/lib/thumbprint/a --listen 127.0.0.1:7701 \\
          --coordinator 127.0.0.1:7700 --name a
      """)

  @Option(help: "The folder of its replicas.")
  var data: String?

  @Option(help: "Where to listen (default: 127.0.0.1 and a free port).")
  var listen: String?

  @Option(help: "Where others reach it, if that is not where it listens: HOST:PORT.")
  var advertise: String?

  @Option(help: "The coordinator: HOST:PORT.")
  var coordinator: String?

  @Option(help: "Its name in the cluster: 1 to 63 of 0-9, a-z and - (default: worker-PORT).")
  var name: String?

  @Option(help: "Bytes that it offers for replicas, for instance 500GB (default: 1TiB).")
  var capacity: String?

  @OptionGroup var serving: ServingOptions

  func run() async throws {
    do {
      try await serve()
    } catch {
      throw ExitCode(Daemon.report(error, program: "thumbprint-shard"))
    }
  }

  private func serve() async throws {
    Daemon.prepare()
    let settings = try serving.settings(
      with: ["data", "listen", "advertise", "coordinator", "name", "capacity"])
    let folder: String = try settings.required("data", flag: data, expected: "a folder") { $0 }
    let listen =
      try settings.value(
        "listen", flag: listen, expected: "HOST:PORT", Daemon.listenAddress) ?? ("127.0.0.1", 0)
    let coordinator: WorkerAddress = try settings.required(
      "coordinator", flag: coordinator, expected: "HOST:PORT", WorkerAddress.init)
    let name = try settings.value(
      "name", flag: name, expected: "1 to 63 of 0-9, a-z and -", WorkerName.init)
    guard let name = name ?? (listen.port == 0 ? nil : WorkerName("worker-\(listen.port)")) else {
      throw SettingsError("--name is missing", hint: "a worker on a free port needs a name")
    }
    let capacity =
      try settings.value(
        "capacity", flag: capacity, expected: "a number of bytes", Daemon.byteCount) ?? 1 << 40
    let common = try serving.values(settings, program: "thumbprint-shard")
    var worker = WorkerNodeSettings(
      name: name, folder: folder, host: listen.host, port: listen.port, coordinator: coordinator,
      capacityByteCount: capacity)
    worker.advertised = try settings.value(
      "advertise", flag: advertise, expected: "HOST:PORT", WorkerAddress.init)
    worker.limits = common.limits
    worker.security = common.security
    common.warnOfOpenPorts(listeningAt: listen.host, hasAPI: false)
    let metrics = PrometheusMetrics(Probes.descriptions(of: WorkerNode.self))
    let node = try await WorkerNode.start(
      worker, metrics: WorkerMetrics(metrics), program: Daemon.program("thumbprint-shard"),
      logger: common.logger)
    let services: [any Service] = [node] + common.httpServices(of: node, metrics: metrics)
    try await Daemon.run(services, logger: common.logger)
  }
}
