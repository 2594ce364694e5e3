import Hummingbird
import NIOCore
import ThumbprintServer

/// `/metrics`, `/livez` and `/readyz`.
public struct Probes: Sendable {
  /// How long the process may take to answer a question about itself.
  private static let patience: Duration = .seconds(2)

  private let process: any WatchedProcess
  private let metrics: PrometheusMetrics
  private let own: ProcessMetrics

  /// - Parameter metrics: What `process` counts with.
  public init(of process: any WatchedProcess, metrics: PrometheusMetrics) {
    self.process = process
    self.metrics = metrics
    own = ProcessMetrics(metrics)
  }

  /// Everything that a process of this kind shows.
  public static func descriptions(
    of process: any WatchedProcess.Type
  ) -> [MetricDescription] {
    process.metrics + ProcessMetrics.descriptions
  }

  /// Answered without a token: what starts and watches processes has none.
  static let openPaths: Set<String> = ["/livez", "/readyz"]

  public func addRoutes(to routes: HTTPServer.Routes) {
    routes.get("metrics") { _, _ in await metricsText() }
    routes.get("livez") { _, _ in await liveness() }
    routes.get("readyz") { _, _ in await readiness() }
  }

  /// What could not be brought up to date in time is shown as it was.
  private func metricsText() async -> Response {
    await Patience.wait(Self.patience) { [process] in await process.updateMetrics() }
    own.update()
    return Self.text(
      .ok, metrics.text(), type: "text/plain; version=0.0.4; charset=utf-8")
  }

  private func liveness() async -> Response {
    let hasTurned: Void? = await Patience.wait(Self.patience) { [process] in
      await process.takeTurn()
    }
    return hasTurned == nil
      ? Self.text(.serviceUnavailable, "the main loop has not answered for \(Self.patience)\n")
      : Self.text(.ok, "alive\n")
  }

  private func readiness() async -> Response {
    let problems = await Patience.wait(Self.patience) { [process] in
      await process.readinessProblems()
    }
    guard let problems else {
      return Self.text(.serviceUnavailable, "the main loop has not answered for \(Self.patience)\n")
    }
    return problems.isEmpty
      ? Self.text(.ok, "ready\n")
      : Self.text(.serviceUnavailable, problems.map { $0 + "\n" }.joined())
  }

  private static func text(
    _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store"],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}
