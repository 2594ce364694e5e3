import CoreMetrics
import Synchronization
import ThumbprintServer

/// One series: a number, or the buckets of a histogram.
protocol Cell: AnyObject, Sendable {
  var kind: MetricDescription.Kind { get }
  func write(_ name: String, _ labels: String, _ text: inout TextExposition)
}

final class CounterCell: Cell, CounterHandler {
  private let count = Atomic<Int64>(0)

  var kind: MetricDescription.Kind { .counter }

  func increment(by amount: Int64) { count.add(max(0, amount), ordering: .relaxed) }

  func reset() { count.store(0, ordering: .relaxed) }

  func write(_ name: String, _ labels: String, _ text: inout TextExposition) {
    text.add(name, labels, Double(count.load(ordering: .relaxed)))
  }
}

final class FloatingPointCounterCell: Cell, FloatingPointCounterHandler {
  private let sum = Mutex(0.0)

  var kind: MetricDescription.Kind { .counter }

  func increment(by amount: Double) {
    if amount > 0, amount.isFinite { sum.withLock { $0 += amount } }
  }

  func reset() { sum.withLock { $0 = 0 } }

  func write(_ name: String, _ labels: String, _ text: inout TextExposition) {
    text.add(name, labels, sum.withLock { $0 })
  }
}

final class GaugeCell: Cell, MeterHandler, RecorderHandler {
  private let number = Mutex(0.0)

  var kind: MetricDescription.Kind { .gauge }

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { number.withLock { $0 = value } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }
  func increment(by amount: Double) { number.withLock { $0 += amount } }
  func decrement(by amount: Double) { number.withLock { $0 -= amount } }

  func write(_ name: String, _ labels: String, _ text: inout TextExposition) {
    text.add(name, labels, number.withLock { $0 })
  }
}

final class HistogramCell: Cell, TimerHandler {
  private struct State {
    /// How many times fell into each bucket; the last is for those above all bounds.
    var counts: [Int]
    var sum: Int64 = 0
  }

  private let bounds: [Double]
  private let state: Mutex<State>

  /// - Parameter bounds: In seconds, ascending.
  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
  }

  var kind: MetricDescription.Kind { .histogram }

  func recordNanoseconds(_ duration: Int64) {
    let seconds = Double(duration) / 1e9
    let bucket = bounds.firstIndex { seconds <= $0 } ?? bounds.count
    state.withLock { state in
      state.counts[bucket] += 1
      state.sum &+= duration
    }
  }

  func write(_ name: String, _ labels: String, _ text: inout TextExposition) {
    let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
    var total = 0
    for (bound, count) in zip(bounds + [.infinity], counts) {
      total += count
      text.add(name + "_bucket", TextExposition.labels([("le", "\(bound)")]), Double(total))
    }
    text.add(name + "_sum", labels, Double(sum) / 1e9)
    text.add(name + "_count", labels, Double(total))
  }
}
