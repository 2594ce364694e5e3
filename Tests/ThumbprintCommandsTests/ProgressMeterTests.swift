import Testing
import ThumbprintCommands

@Suite struct ProgressMeterTests {
  @Test func speaksNoMoreOftenThanItsInterval() {
    var meter = ProgressMeter(total: 1000, noun: "records", interval: 5, now: 100)
    var spoke: [Int] = []
    for second in 1...20 where meter.moved(to: second * 10, now: 100 + Double(second)) != nil {
      spoke.append(second)
    }
    #expect(spoke == [5, 10, 15, 20])
  }

  @Test func saysRateAndTimeLeft() {
    var meter = ProgressMeter(total: 10_000, noun: "records", interval: 1, now: 0)
    #expect(
      meter.moved(to: 2_000, now: 1) == "2,000 of 10,000 records (20.0 %), 2,000/s, 4.0 s left")
    #expect(
      meter.moved(to: 10_000, phase: "indexing", now: 5)
        == "10,000 of 10,000 records (100.0 %), 2,000/s, indexing")
  }

  @Test func rateFollowsTheLastSeconds() {
    var meter = ProgressMeter(total: 1_000_000, noun: "records", interval: 1, now: 0)
    var text: String?
    for second in 1...60 {
      // Fast for half a minute, then ten times slower.
      let done = second <= 30 ? second * 10_000 : 300_000 + (second - 30) * 1_000
      text = meter.moved(to: done, now: Double(second))
    }
    #expect(text?.contains(", 1,000/s, ") == true)
  }

  @Test func aNewPhaseIsShownAtOnce() {
    var meter = ProgressMeter(total: 10, noun: "records", interval: 5, now: 0)
    #expect(meter.moved(to: 10, now: 1) == nil)
    #expect(
      meter.moved(to: 10, phase: "indexing", now: 1)
        == "10 of 10 records (100.0 %), 10/s, indexing")
    #expect(meter.moved(to: 10, phase: "indexing", now: 2) == nil)
  }

  @Test func standstillPromisesNothing() {
    var meter = ProgressMeter(total: 10, noun: "records", interval: 1, now: 0)
    #expect(meter.moved(to: 0, now: 30) == "0 of 10 records (0.0 %)")
  }
}
