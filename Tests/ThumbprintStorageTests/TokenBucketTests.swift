import Testing
import ThumbprintStorage

@Suite struct TokenBucketTests {
  private let start = ContinuousClock.now

  private func moment(_ milliseconds: Int) -> ContinuousClock.Instant {
    start.advanced(by: .milliseconds(milliseconds))
  }

  @Test func bytesTakeTheirTime() {
    var bucket = TokenBucket(byteRate: 1_000, now: moment(0))
    var now = moment(0)
    for _ in 0..<10 {
      now = max(now, bucket.nextMoment(now: now))
      bucket.take(500, now: now)
    }
    // The last are taken when those before are paid for.
    #expect(abs(moment(0).duration(to: now) / .milliseconds(1) - 4_500) < 1)
  }

  @Test func onlyALittleIsSavedUp() {
    var bucket = TokenBucket(byteRate: 1_000, now: moment(0))
    bucket.take(1_000, now: moment(60_000))
    let next = bucket.nextMoment(now: moment(60_000))
    #expect(abs(moment(60_000).duration(to: next) / .milliseconds(1) - 900) < 1)
  }

  @Test func anotherRateCountsAtOnce() {
    var bucket = TokenBucket(byteRate: 10, now: moment(0))
    bucket.take(1_000, now: moment(0))
    bucket.setRate(1_000, now: moment(0))
    let next = bucket.nextMoment(now: moment(0))
    #expect(abs(moment(0).duration(to: next) / .milliseconds(1) - 1_000) < 1)
    bucket.setRate(0, now: moment(0))
    #expect(bucket.nextMoment(now: moment(0)) <= moment(0))
    bucket.take(1 << 40, now: moment(0))
    #expect(bucket.nextMoment(now: moment(1)) <= moment(1))
  }
}
