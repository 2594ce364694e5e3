import Testing
import ThumbprintCluster
import ThumbprintCodes

@Suite struct SearchStagesTests {
  private func matches(_ distances: [Int]) -> [RoutedMatch] {
    distances.enumerated().map { RoutedMatch(distance: $1, id: ItemID(UInt64($0))) }
  }

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
    check(stages.ended([matches([7, 9]), matches([3]), matches([400, 500])]), true)
    #expect(stages.stage == .bounded)
    #expect(stages.bounds == [9, 4096, 300])
    check(stages.ended([matches([7, 9]), matches([3]), matches([])]), false)
  }

  @Test func aProbeThatFindsNothingLeavesTheQueryAsItWas() {
    var stages = SearchStages(nearest: 1, bounds: [4096], isSpread: true)
    check(stages.ended([[]]), true)
    #expect(stages.stage == .whole && stages.bounds == [4096])
    check(stages.ended([[]]), false)
  }

  @Test func aBoundWhoseMatchIsGoneIsGivenUp() {
    var stages = SearchStages(nearest: 2, bounds: [4096], isSpread: true)
    check(stages.ended([matches([7, 9])]), true)
    // The record at 9 was deleted: the next one may be farther than the bound.
    check(stages.ended([matches([7])]), true)
    #expect(stages.stage == .whole && stages.bounds == [4096])
    check(stages.ended([matches([7])]), false)
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
