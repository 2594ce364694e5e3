/// Decides when progress is worth showing and what it says. Knows no clock and no terminal, so
/// a test can drive it.
package struct ProgressMeter {
  /// Seconds between two texts.
  package let interval: Double
  /// What is counted, in the plural: "records".
  package let noun: String

  /// 0 while it is not known.
  package var total: Int
  private let start: Double
  private var shown: Double?
  private var shownPhase: String?
  /// Where the work stood at some moments of the last seconds, for a rate that follows it.
  private var samples: [(time: Double, done: Int)]
  /// The rate is that of this many seconds.
  private static let window = 10.0

  package init(total: Int, noun: String, interval: Double, now: Double) {
    self.total = total
    self.noun = noun
    self.interval = interval
    start = now
    samples = [(now, 0)]
  }

  /// Notes that `done` of the total are done.
  ///
  /// - Parameters:
  ///   - phase: What is being done beside counting; a new one is always shown.
  ///   - detail: How well it goes; shown last, but no reason to show anything.
  /// - Returns: What to show, or `nil` when the last text is recent enough.
  package mutating func moved(
    to done: Int, phase: String? = nil, detail: String? = nil, now: Double
  ) -> String? {
    if let last = samples.last, now - last.time >= 0.05 {
      samples.append((now, done))
      while samples.count > 2, samples[1].time < now - Self.window { samples.removeFirst() }
    }
    guard now - (shown ?? start) >= interval || phase != nil && phase != shownPhase else {
      return nil
    }
    shown = now
    shownPhase = phase
    return ([text(done: done, phase: phase, now: now)] + [detail].compactMap(\.self))
      .joined(separator: ", ")
  }

  private func text(done: Int, phase: String?, now: Double) -> String {
    var parts = [
      total > 0
        ? "\(Text.grouped(done)) of \(Text.grouped(total)) \(noun)"
        : "\(Text.grouped(done)) \(noun)"
    ]
    if total > 0 { parts[0] += " (\(Text.percent(Double(done) / Double(total))))" }
    let rate = self.rate(done: done, now: now)
    if rate >= 1 {
      parts.append("\(Text.grouped(Int(rate)))/s")
      if done < total { parts.append("\(Text.duration(Double(total - done) / rate)) left") }
    }
    if let phase { parts.append(phase) }
    return parts.joined(separator: ", ")
  }

  /// Done per second, over the last few seconds.
  private func rate(done: Int, now: Double) -> Double {
    guard let first = samples.first, now > first.time else { return 0 }
    return Double(done - first.done) / (now - first.time)
  }
}
