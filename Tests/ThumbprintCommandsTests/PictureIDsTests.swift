import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintCommands

@Suite struct PictureIDsTests {
  private func record(_ id: ItemID, _ name: String?) -> Record {
    Record(id: id, name: name, feature: FeatureCode(), image: ImageCode())
  }

  @Test func idsAreThoseOfTheNames() {
    let ids = (0..<1_000).map { PictureIDs.id("folder/\($0).jpg", attempt: 0) }
    #expect(Set(ids).count == 1_000)
    #expect(ids.allSatisfy { $0.rawValue < 1 << 52 })
    #expect(ids[7] == PictureIDs.id("folder/7.jpg", attempt: 0))
    #expect(ids[7] != PictureIDs.id("folder/7.jpg", attempt: 1))
    // Stored in collections, so it may not change.
    #expect(PictureIDs.id("folder/7.jpg", attempt: 0).rawValue == 279_961_716_376_888)
  }

  @Test func aNameKeepsItsRecordAndPassesOverThoseOfOthers() throws {
    let names = ["new", "known", "met a stranger"]
    let ids = names.map { PictureIDs.id($0, attempt: 0) }
    var stored = [
      ids[1]: record(ids[1], "known"),
      ids[2]: record(ids[2], "stranger"),
    ]
    let first = try PictureIDs.places(of: names) { $0.map { stored[$0] } }
    #expect(first.map(\.id) == [ids[0], ids[1], PictureIDs.id(names[2], attempt: 1)])
    #expect(first.map { $0.record?.name } == [nil, "known", nil])

    for (place, name) in zip(first, names) { stored[place.id] = record(place.id, name) }
    let second = try PictureIDs.places(of: names) { $0.map { stored[$0] } }
    #expect(second.map(\.id) == first.map(\.id))
    #expect(second.map { $0.record?.name } == names)
  }

  @Test func namesThatFindNoFreeIdAreSaid() {
    #expect(throws: CommandError.self) {
      try PictureIDs.places(of: ["a"]) { $0.map { self.record($0, "stranger") } }
    }
  }
}
