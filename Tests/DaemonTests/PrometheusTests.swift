import CoreMetrics
import Testing
import ThumbprintMonitoring
import ThumbprintServer

/// The text that a server of Prometheus reads.
@Suite struct PrometheusTests {
  private let described = [
    MetricDescription("a_total", .counter, "First\nline, back\\slash.", label: "k", values: ["x"]),
    MetricDescription("g", .gauge, "A gauge."),
    MetricDescription("t_seconds", .histogram, "Times."),
  ]

  @Test func everyKindIsWrittenAsTheFormatHasIt() {
    let metrics = PrometheusMetrics(described)
    let counter = CounterFamily(described[0], metrics)
    counter.add(3, "x")
    counter.add(1, "not a value")
    GaugeFamily(described[1], metrics).set(-7)
    FloatingPointCounter(label: "f_total", factory: metrics).increment(by: 0.25)
    #expect(
      metrics.text() == """
        # HELP a_total First\\nline, back\\\\slash.
        # TYPE a_total counter
        a_total{k="x"} 3
        # TYPE f_total counter
        f_total 0.25
        # HELP g A gauge.
        # TYPE g gauge
        g -7

        """)
  }

  @Test func bucketsAreCumulativeAndBoundsAreInThem() throws {
    let metrics = PrometheusMetrics(described)
    let times = TimeHistogram(described[2], metrics)
    for nanoseconds: Int64 in [100_000, 100_001, 1_000_000, 31_000_000_000, -5] {
      times.record(nanoseconds: nanoseconds)
    }
    let lines = metrics.text().split(separator: "\n").map(String.init)
    #expect(lines.contains("t_seconds_bucket{le=\"0.0001\"} 2"))
    #expect(lines.contains("t_seconds_bucket{le=\"0.00025\"} 3"))
    #expect(lines.contains("t_seconds_bucket{le=\"0.001\"} 4"))
    #expect(lines.contains("t_seconds_bucket{le=\"30.0\"} 4"))
    #expect(lines.contains("t_seconds_bucket{le=\"+Inf\"} 5"))
    #expect(lines.contains("t_seconds_count 5"))
    #expect(lines.contains("t_seconds_sum 31.001200001"))
    #expect(lines.count == 2 + PrometheusMetrics.bounds.count + 3)
  }

  @Test func labelsAndNamesCannotBreakALine() {
    let metrics = PrometheusMetrics([])
    Counter(label: "odd name-1", dimensions: [("a b", "q\"uo\\te\n")], factory: metrics).increment()
    #expect(
      metrics.text() == """
        # TYPE odd_name_1 counter
        odd_name_1{a_b="q\\"uo\\\\te\\n"} 1

        """)
  }

  @Test func theSameNameAndLabelsAreOneSeries() async {
    let metrics = PrometheusMetrics(described)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let counter = CounterFamily(described[0], metrics)
          for _ in 0..<1000 { counter.add(1, "x") }
        }
      }
    }
    #expect(metrics.text().contains("a_total{k=\"x\"} 8000\n"))
  }

  @Test func totalsThatGoBackCountNothing() {
    let metrics = PrometheusMetrics(described)
    let counter = CounterFamily(described[0], metrics)
    for total in [5, 3, 9] { counter.raise("x", to: total) }
    #expect(metrics.text().contains("a_total{k=\"x\"} 9\n"))
  }

  @Test func nobodyWaitsForEver() async {
    let late = await Patience.wait(.milliseconds(10)) {
      try? await Task.sleep(for: .seconds(600))
      return 1
    }
    #expect(late == nil)
    #expect(await Patience.wait(.seconds(60)) { 2 } == 2)
  }
}
