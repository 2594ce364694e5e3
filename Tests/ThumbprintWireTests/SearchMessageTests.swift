import Testing
import ThumbprintCodes
import ThumbprintWire

@Suite struct SearchMessageTests {
  @Test func messagesComeBack() throws {
    try MessageCheck.roundTrip(WireSamples.search)
    try MessageCheck.roundTrip(WireSamples.combinedSearch)
    try MessageCheck.roundTrip(WireSamples.searchReply)
    try MessageCheck.roundTrip(WireSamples.explainedReply)
  }

  @Test func queriesAreTheCodesThatWereGiven() throws {
    let search = try SearchRequest.decoded(WireSamples.combinedSearch.encoded())
    #expect(search.queryCount == 2)
    #expect(search.feature(0) == WireSamples.feature(1))
    #expect(search.image(0) == WireSamples.image(2))
    #expect(search.feature(1) == WireSamples.feature(3))
    #expect(search.image(1) == WireSamples.image(4))
    #expect(WireSamples.search.image(0) == nil)
  }

  @Test func whatCannotBeAskedIsNamed() {
    func problem(_ change: (inout SearchRequest) -> Void) -> String? {
      var search = WireSamples.search
      change(&search)
      return search.problem
    }
    #expect(problem { _ in } == nil)
    #expect(problem { $0.extent = .nearest(0) } == "k is 0, not 1 to 16384")
    #expect(problem { $0.extent = .nearest(16_385) } == "k is 16385, not 1 to 16384")
    #expect(problem { $0.extent = .within(4097) } == "the radius is 4097, not 0 to 4096")
    #expect(problem { $0.distanceMax = -1 }?.contains("-1") == true)
    #expect(problem { $0.promise = .recall(1) }?.contains("recall") == true)
    #expect(problem { $0.promise = .recall(.nan) }?.contains("recall") == true)
    #expect(problem { $0.missProbability = 1e-8 }?.contains("miss probability") == true)
    #expect(problem { $0.missProbability = 0 }?.contains("miss probability") == true)
    #expect(problem { $0.shards = [3, 3] }?.contains("shards") == true)
    #expect(problem { $0.shards = [1024] }?.contains("shards") == true)
    let empty = SearchRequest(collection: WireSamples.collection, extent: .nearest(1))
    #expect(empty.problem == "0 queries, not 1 to 1024")
  }

  @Test func eachQueryMayHaveABound() throws {
    var search = WireSamples.combinedSearch
    search.bounds = [150, 900]
    search.isProbe = true
    try MessageCheck.roundTrip(search)
    // The lesser one counts.
    #expect([search.distanceMax(0), search.distanceMax(1)] == [150, 200])
    search.bounds = [1]
    #expect(search.problem == "1 bounds of 2 queries")
    search.bounds = [1, 4609]
    #expect(search.problem == "a bound is 4609, not 0 to 4608")
  }

  @Test func valuesOutOfBoundsAreMalformed() throws {
    for (offset, value) in [(20, 2), (21, 2), (22, 3), (23, 32), (49, 4), (50, 1), (24, 0)] {
      var bytes = WireSamples.search.encoded()
      bytes[offset] = UInt8(value)
      let error = #expect(throws: ServiceError.self, "\(value) at \(offset)") {
        try SearchRequest.decoded(bytes)
      }
      #expect(error?.code == .malformed)
    }
  }

  @Test func answersShareTheMatches() throws {
    let reply = try SearchReply.decoded(WireSamples.explainedReply.encoded())
    #expect(reply.answers.map(\.matches) == [0..<2, 2..<2])
    #expect(reply.distances == [7, 4608])
    #expect(reply.rows.image(1) == WireSamples.image(0xF0))
    #expect(reply.answers[0].certificate?.excludedBySketches == 17)
    let failed = try SearchReply.decoded(WireSamples.searchReply.encoded())
    #expect(failed.shards.map(\.failure) == [nil, .unavailable])
    #expect(failed.rows.name(0) == "été" && failed.rows.name(1) == nil)
  }
}
