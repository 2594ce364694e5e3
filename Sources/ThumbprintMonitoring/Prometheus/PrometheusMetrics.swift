import CoreMetrics
import Synchronization
import ThumbprintServer

/// Keeps what a process counts and measures, and writes it in the text format of Prometheus.
///
/// Any thread may make instruments, use them, and call ``text()``. The same name and labels give the
/// same instrument.
public final class PrometheusMetrics: MetricsFactory {
  /// Upper bounds of the buckets of times, in seconds.
  public static let bounds: [Double] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    10, 30,
  ]

  private let descriptions: [String: MetricDescription]
  private let series = Mutex<[String: [String: any Cell]]>([:])

  /// - Parameter descriptions: What is said of names; a name without one is shown without help.
  public init(_ descriptions: [MetricDescription]) {
    self.descriptions = Dictionary(
      descriptions.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
  }

  private func cell<C: Cell>(
    _ label: String, _ dimensions: [(String, String)], _ make: @autoclosure () -> C
  ) -> C {
    let name = TextExposition.name(label)
    let labels = TextExposition.labels(dimensions)
    return series.withLock { series in
      if let old = series[name]?[labels] as? C { return old }
      let new = make()
      series[name, default: [:]][labels] = new
      return new
    }
  }

  /// Everything, in the order of names and labels, as version 0.0.4 of the format has it.
  public func text() -> String {
    let all = series.withLock { $0 }
    var text = TextExposition()
    for (name, cells) in all.sorted(by: { $0.key < $1.key }) {
      guard let first = cells.first?.value else { continue }
      let description = descriptions[name]
      text.begin(name, kind: description?.kind ?? first.kind, help: description?.help)
      for (labels, cell) in cells.sorted(by: { $0.key < $1.key }) {
        cell.write(name, labels, &text)
      }
    }
    return text.text
  }

  // MARK: MetricsFactory

  public func makeCounter(
    label: String, dimensions: [(String, String)]
  ) -> any CounterHandler {
    cell(label, dimensions, CounterCell())
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    cell(label, dimensions, FloatingPointCounterCell())
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    cell(label, dimensions, GaugeCell())
  }

  /// The last value that was recorded, whether aggregation was asked for or not.
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    cell(label, dimensions, GaugeCell())
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    cell(label, dimensions, HistogramCell(bounds: Self.bounds))
  }

  // A series that ends would look like one that went back: what was made stays.
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}
}
