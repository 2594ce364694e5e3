import CoreMetrics
import Synchronization

/// A number that a process shows to those who watch over it.
public struct MetricDescription: Sendable, Hashable {
  public enum Kind: String, Sendable {
    /// Only grows while the process lives.
    case counter
    case gauge
    /// Times, counted in buckets of fixed bounds.
    case histogram
  }

  /// With its unit last, `_total` for counters.
  public var name: String
  public var kind: Kind
  /// One line.
  public var help: String
  /// The name of its label; `nil` if it has none.
  public var label: String?
  /// All values of the label: there is a series for each from the start.
  public var values: [String]

  public init(
    _ name: String, _ kind: Kind, _ help: String, label: String? = nil, values: [String] = []
  ) {
    precondition((label == nil) == values.isEmpty, "\(name): a label and its values go together")
    self.name = name
    self.kind = kind
    self.help = help
    self.label = label
    self.values = values
  }

  fileprivate func each<Instrument>(
    _ make: ([(String, String)]) -> Instrument
  ) -> [String: Instrument] {
    guard let label else { return ["": make([])] }
    return Dictionary(uniqueKeysWithValues: values.map { ($0, make([(label, $0)])) })
  }
}

/// The counters of one name. Any thread may call.
public final class CounterFamily: Sendable {
  private let counters: [String: Counter]
  /// The totals that were last told to ``raise(_:to:)``.
  private let totals = Mutex<[String: Int]>([:])

  public init(_ description: MetricDescription, _ factory: any MetricsFactory) {
    counters = description.each {
      Counter(label: description.name, dimensions: $0, factory: factory)
    }
  }

  /// Counts; a value that the description does not name counts nothing.
  public func add(_ count: Int = 1, _ value: String = "") {
    counters[value]?.increment(by: count)
  }

  /// Brings it to a total that was counted elsewhere.
  public func raise(_ value: String = "", to total: Int) {
    totals.withLock { totals in
      let more = total - totals[value, default: 0]
      guard more > 0 else { return }
      totals[value] = total
      counters[value]?.increment(by: more)
    }
  }
}

/// The gauges of one name. Any thread may call.
public final class GaugeFamily: Sendable {
  private let gauges: [String: Meter]

  public init(_ description: MetricDescription, _ factory: any MetricsFactory) {
    gauges = description.each { Meter(label: description.name, dimensions: $0, factory: factory) }
  }

  public func set(_ number: Int, _ value: String = "") {
    gauges[value]?.set(Double(number))
  }

  /// Sets every value of the label; those without a number become 0.
  public func set(_ numbers: [String: Int]) {
    for (value, gauge) in gauges { gauge.set(Double(numbers[value] ?? 0)) }
  }
}

/// Times of one name. Any thread may call.
public struct TimeHistogram: Sendable {
  private let timer: Timer

  public init(_ description: MetricDescription, _ factory: any MetricsFactory) {
    timer = Timer(label: description.name, factory: factory)
  }

  public func record(nanoseconds: Int64) { timer.recordNanoseconds(max(0, nanoseconds)) }
}
