import Testing
import ThumbprintCluster

@Suite struct SearchStagesTests {
  /// The macro cannot call what mutates.
  private func check(
    _ goesOn: Bool, _ expected: Bool, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(goesOn == expected, sourceLocation: location)
  }

  @Test func whatProbesFindBoundsTheSearch() {
    var stages = SearchStages(nearest: 2, bounds: [4096, 4096, 300], isSpread: true)
    #expect(stages.stage == .probe)
    // Less than asked for is no bound, and what the asker said holds.
    check(stages.ended([9, nil, 500]), true)
    #expect(stages.stage == .bounded)
    #expect(stages.bounds == [9, 4096, 300])
    check(stages.ended([9, nil, nil]), false)
  }

  @Test func aProbeThatFindsNothingLeavesTheQueryAsItWas() {
    var stages = SearchStages(nearest: 1, bounds: [4096], isSpread: true)
    check(stages.ended([nil]), true)
    #expect(stages.stage == .whole && stages.bounds == [4096])
    check(stages.ended([nil]), false)
  }

  @Test func aBoundWhoseMatchIsGoneIsGivenUp() {
    var stages = SearchStages(nearest: 2, bounds: [4096], isSpread: true)
    check(stages.ended([9]), true)
    // The record at 9 was deleted: the next one may be farther than the bound.
    check(stages.ended([nil]), true)
    #expect(stages.stage == .whole && stages.bounds == [4096])
    check(stages.ended([nil]), false)
  }

  /// The story: an answer that lacked a shard at the deadline was begun anew, and so lacked all.
  @Test func nothingIsBegunForWhomNobodyWaits() {
    var stages = SearchStages(nearest: 2, bounds: [4096], isSpread: true)
    check(stages.ended([9]), true)
    let goesOn = stages.ended([nil], hasTime: false)
    check(goesOn, false)
    #expect(stages.stage == .bounded && stages.bounds == [9])
  }

  @Test func aFailedProbeIsNoFailedSearch() {
    var stages = SearchStages(nearest: 2, bounds: [4096], isSpread: true)
    check(stages.failed(), true)
    #expect(stages.stage == .whole)
    check(stages.failed(), false)
  }

  @Test func oneWorkerOrARadiusNeedsNoProbe() {
    #expect(SearchStages(nearest: 2, bounds: [4096], isSpread: false).stage == .whole)
    #expect(SearchStages(nearest: nil, bounds: [4096], isSpread: true).stage == .whole)
  }
}
