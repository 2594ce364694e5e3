import Testing
import ThumbprintTransport

/// Lines that peers can make a process log.
@Suite struct LineLimiterTests {
  @Test func aBurstBecomesLinesAndOneCount() {
    var limiter = LineLimiter(lineCountMax: 3, window: 100)
    #expect((0..<3).allSatisfy { limiter.add("a", now: $0) == .write })
    #expect(limiter.add("a", now: 4) == .count(isFirst: true))
    #expect(limiter.deadline == 100)
    for now in 5..<9 { #expect(limiter.add("b", now: Int64(now)) == .count(isFirst: false)) }
    #expect(limiter.summary(now: 100) == ["a": 1, "b": 4])
    #expect(limiter.summary(now: 100).isEmpty)
    #expect(limiter.add("a", now: 101) == .write)
  }

  @Test func aQuietWhileForgetsWhatWasWritten() {
    var limiter = LineLimiter(lineCountMax: 1, window: 100)
    for start in stride(from: Int64(0), to: 1000, by: 100) {
      #expect(limiter.add("a", now: start) == .write)
    }
    #expect(limiter.summary(now: 1000).isEmpty)
  }

  /// The line with the counts may be late: until then everything is counted, so that none is lost.
  @Test func whatComesBeforeALateCountIsInIt() {
    var limiter = LineLimiter(lineCountMax: 1, window: 100)
    #expect(limiter.add("a", now: 0) == .write)
    #expect(limiter.add("a", now: 1) == .count(isFirst: true))
    #expect(limiter.add("a", now: 500) == .count(isFirst: false))
    #expect(limiter.summary(now: 501) == ["a": 2])
    #expect(limiter.deadline == 601)
  }
}
