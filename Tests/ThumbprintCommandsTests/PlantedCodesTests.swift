import Testing
import ThumbprintCodes
import ThumbprintCommands

@Suite struct PlantedCodesTests {
  @Test func rowsDependOnTheSeedAndTheirNumberAlone() {
    let codes = PlantedCodes(seed: 7)
    #expect(codes.record(12345) == PlantedCodes(seed: 7).record(12345))
    #expect(codes.record(1).feature != codes.record(2).feature)
    #expect(codes.record(0).feature != PlantedCodes(seed: 8).record(0).feature)
  }

  @Test func groupsAreNearAndApart() {
    let codes = PlantedCodes(seed: 1, groupSize: 4, flippedShare: 0.1)
    // Two members differ in each bit with chance 2 · 0.1 · 0.9: 737 of 4096, deviation 25.
    let inside = codes.record(8).feature.distance(to: codes.record(11).feature)
    #expect((600...880).contains(inside), "\(inside)")
    let outside = codes.record(7).feature.distance(to: codes.record(8).feature)
    #expect((1850...2250).contains(outside), "\(outside)")
    let image = codes.record(8).image.distance(to: codes.record(9).image)
    #expect((40...150).contains(image), "\(image)")
    let query = codes.query(0, groupCount: 100).distance(to: codes.record(0).feature)
    #expect((600...880).contains(query), "\(query)")
  }

  @Test func nothingIsFlippedWhenNothingIsToBe() {
    let codes = PlantedCodes(seed: 3, groupSize: 2, flippedShare: 0)
    #expect(codes.record(4).feature == codes.record(5).feature)
  }
}
