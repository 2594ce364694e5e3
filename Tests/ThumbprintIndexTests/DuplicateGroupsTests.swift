import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTestKit

@Suite struct DuplicateGroupsTests {
  @Test func aChainIsOneGroup() {
    var groups = DuplicateGroups()
    groups.add(ItemID(1), matches: [match(0, 1), match(4, 3)])
    groups.add(ItemID(2), matches: [])
    groups.add(ItemID(3), matches: [match(4, 1)])
    groups.add(ItemID(4), matches: [match(0, 4)])
    groups.add(ItemID(5), matches: [match(0, 5), match(7, 2)])
    groups.add(ItemID(9), matches: [match(0, 9), match(3, 5)])
    #expect(
      groups.groups() == [
        [member(2, 7), member(5, 3), member(9, 3)],
        [member(1, 4), member(3, 4)],
      ])
  }

  @Test func whatWasNotAddedIsPassedOver() {
    var groups = DuplicateGroups()
    groups.add(ItemID(1), matches: [match(0, 1), match(1, 7)])
    groups.add(ItemID(3), matches: [match(0, 3), match(2, 2)])
    #expect(groups.groups().isEmpty)
    #expect(groups.count == 2)
  }

  @Test(arguments: [Fixture.Kind.planted, .clustered, .equal])
  func searchedGroupsEqualThoseOfAllPairs(_ kind: Fixture.Kind) throws {
    let fixture = Fixture(kind, count: 1_500, seed: 71)
    let index = try fixture.index(tables: 64)
    let radius = kind == .clustered ? 900 : 420
    let order = fixture.ids.indices.sorted { fixture.ids[$0] < fixture.ids[$1] }

    let queries = order.map { SearchQuery(feature: fixture.codes[$0], extent: .within(radius)) }
    var found = DuplicateGroups()
    for (place, answer) in zip(order, index.snapshot.search(batch: queries)) {
      found.add(fixture.ids[place], matches: answer.matches)
    }

    #expect(found.groups() == allPairs(fixture, radius: radius))
    if kind != .equal { #expect(found.groups().count > 1) }
  }

  /// Floods from each record that is in no group yet.
  private func allPairs(_ fixture: Fixture, radius: Int) -> [[DuplicateGroups.Member]] {
    let all = fixture.codes.indices
    let near = all.map { a in
      all.filter { $0 != a && fixture.codes[a].distance(to: fixture.codes[$0]) <= radius }
    }
    var seen = Set<Int>()
    var groups: [[DuplicateGroups.Member]] = []
    for start in all where !near[start].isEmpty && seen.insert(start).inserted {
      var group = [start]
      var next = 0
      while next < group.count {
        for other in near[group[next]] where seen.insert(other).inserted { group.append(other) }
        next += 1
      }
      let members = group.map { a in
        member(
          fixture.ids[a].rawValue,
          near[a].map { fixture.codes[a].distance(to: fixture.codes[$0]) }.min() ?? 0)
      }
      groups.append(members.sorted { $0.id < $1.id })
    }
    return groups.sorted { $0.count != $1.count ? $0.count > $1.count : $0[0].id < $1[0].id }
  }

  private func match(_ distance: Int, _ id: UInt64) -> SearchMatch {
    SearchMatch(distance: distance, id: ItemID(id))
  }

  private func member(_ id: UInt64, _ distance: Int) -> DuplicateGroups.Member {
    DuplicateGroups.Member(id: ItemID(id), distance: distance)
  }
}
