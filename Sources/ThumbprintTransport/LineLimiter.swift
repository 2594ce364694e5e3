/// Bounds the lines that peers can make a process log: the first ones of a while are written, the
/// others are counted, and the counts become one line when the while is over.
///
/// Time is passed in, in nanoseconds of a clock that never goes back.
package struct LineLimiter {
  package enum Verdict: Equatable {
    case write
    /// To be counted; `true` for the first of its while, after which ``summary(now:)`` is due.
    case count(isFirst: Bool)
  }

  package let lineCountMax: Int
  package let window: Int64
  private var windowEnd = Int64.min
  private var lineCount = 0
  private var counts: [String: Int] = [:]

  /// - Parameters:
  ///   - lineCountMax: Lines of one while, at least 1.
  ///   - window: Nanoseconds of a while.
  package init(lineCountMax: Int, window: Int64) {
    self.lineCountMax = lineCountMax
    self.window = window
  }

  /// When the while that is on ends.
  package var deadline: Int64 { windowEnd }

  package mutating func add(_ kind: String, now: Int64) -> Verdict {
    if now >= windowEnd, counts.isEmpty {
      windowEnd = now + window
      lineCount = 0
    }
    if lineCount < lineCountMax, counts.isEmpty {
      lineCount += 1
      return .write
    }
    let isFirst = counts.isEmpty
    counts[kind, default: 0] += 1
    return .count(isFirst: isFirst)
  }

  /// What was counted and not written, by kind; a new while begins. Empty if there was nothing.
  package mutating func summary(now: Int64) -> [String: Int] {
    defer { counts = [:] }
    if !counts.isEmpty {
      windowEnd = now + window
      lineCount = 0
    }
    return counts
  }
}
