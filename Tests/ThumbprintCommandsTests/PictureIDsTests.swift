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
    var taken: Set<ItemID> = []
    let first = try PictureIDs.places(of: names, taken: &taken) { $0.map { stored[$0] } }
    #expect(taken == Set(first.map(\.id)))
    #expect(first.map(\.id) == [ids[0], ids[1], PictureIDs.id(names[2], attempt: 1)])
    #expect(first.map { $0.record?.name } == [nil, "known", nil])

    for (place, name) in zip(first, names) { stored[place.id] = record(place.id, name) }
    taken = []
    let second = try PictureIDs.places(of: names, taken: &taken) { $0.map { stored[$0] } }
    #expect(second.map(\.id) == first.map(\.id))
    #expect(second.map { $0.record?.name } == names)
  }

  @Test func namesThatFindNoFreeIdAreSaid() {
    #expect(throws: CommandError.self) {
      var taken: Set<ItemID> = []
      _ = try PictureIDs.places(of: ["a"], taken: &taken) { ids in
        ids.map { self.record($0, "stranger") }
      }
    }
  }

  /// An é of one code point and one of two are the same text to Swift, and two files on a disk.
  @Test func namesThatOnlyLookAlikeAreTwo() throws {
    let (composed, decomposed) = ("caf\u{E9}.png", "cafe\u{301}.png")
    #expect(composed == decomposed)
    var taken: Set<ItemID> = []
    let id = PictureIDs.id(composed, attempt: 0)
    let places = try PictureIDs.places(of: [composed, decomposed], taken: &taken) { ids in
      ids.map { $0 == id ? self.record($0, decomposed) : nil }
    }
    #expect(places[0].id == PictureIDs.id(composed, attempt: 1) && places[0].record == nil)
    #expect(places[1].id != places[0].id)
  }

  @Test func idsThatAreGivenOutAreNotGivenAgain() throws {
    var taken: Set<ItemID> = [PictureIDs.id("a", attempt: 0)]
    let places = try PictureIDs.places(of: ["a"], taken: &taken) { $0.map { _ in nil } }
    #expect(places[0].id == PictureIDs.id("a", attempt: 1))
  }
}
