import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintServer
import ThumbprintWire

/// Searches whose answers are large, empty of something, or asked for in odd ways.
@Suite(.serialized) struct AnswerSizeTests {
  private func records(_ ids: Range<Int>, name: (Int) -> String?) -> [Record] {
    ids.map { number in
      var feature = FeatureCode()
      feature[number % FeatureCode.bitCount] = true
      var image = ImageCode()
      image[number % ImageCode.bitCount] = true
      return Record(id: ItemID(UInt64(number)), name: name(number), feature: feature, image: image)
    }
  }

  /// The story: what was to be fetched for the winners of one worker was named in one message,
  /// however many they were, and the coordinator ended.
  @Test func moreWinnersThanOneFetchMayNameEndNoCoordinator() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let remote = try await client.createCollection(
      "c", shardCount: 1, replicationFactor: 1, tableCount: 0)
    let count = WireLimits.idCountMax + 500
    for start in stride(from: 0, to: count, by: 8_192) {
      let ids = start..<min(start + 8_192, count)
      _ = try await remote.upsert(records(ids) { $0 % 5 == 0 ? "\($0)" : nil })
    }
    var search = SearchRequest(
      collection: remote.id, extent: .within(FeatureCode.bitCount), wants: [.names, .images])
    search.append(feature: FeatureCode())
    let rows = try await remote.search(search).rows
    #expect(rows.rowCount == count)
    for row in 0..<rows.rowCount {
      let number = Int(rows.id(row).rawValue)
      guard rows.name(row) == (number % 5 == 0 ? "\(number)" : nil),
        rows.image(row)[number % ImageCode.bitCount]
      else {
        Issue.record("record \(number) is called \(rows.name(row) ?? "nothing")")
        break
      }
    }
    await client.close()
    try await cluster.end()
  }

  /// The story: each worker found less than the most that a message may hold, and the coordinator
  /// answered with all of it, which no client could read.
  @Test func whatWorkersFindTogetherMayBeTooLarge() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let remote = try await client.createCollection(
      "c", shardCount: 4, replicationFactor: 1, tableCount: 0)
    _ = try await remote.upsert(records(0..<1_100) { _ in nil })
    for (wants, queryCount) in [(SearchWants(), 1_000), (.images, 250)] {
      let most = SearchReply.matchCountMax(with: wants.parts)
      var search = SearchRequest(
        collection: remote.id, extent: .within(FeatureCode.bitCount), wants: wants)
      while search.queryCount < queryCount { search.append(feature: FeatureCode()) }
      let error = await #expect(throws: ServiceError.self) { _ = try await remote.search(search) }
      #expect(error?.code == .tooLarge, "\(String(describing: error))")
      #expect(error?.message.hasSuffix("the most is \(most)") == true, "\(error?.message ?? "")")
      // The same for the nearest.
      search.extent = .nearest(1_100)
      let nearest = await #expect(throws: ServiceError.self) { _ = try await remote.search(search) }
      #expect(nearest?.code == .tooLarge, "\(String(describing: nearest))")
    }
    await client.close()
    try await cluster.end()
  }

  /// The story: names that no record has made the answer empty.
  @Test func recordsWithoutNamesAreFoundWhenNamesAreWanted() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let remote = try await client.createCollection(
      "c", shardCount: 4, replicationFactor: 1, tableCount: 0)
    _ = try await remote.upsert(records(0..<200) { _ in nil })
    for k in [5, 100] {
      for wants in [SearchWants.names, .tags, [.names, .tags]] {
        var search = SearchRequest(collection: remote.id, extent: .nearest(k), wants: wants)
        search.append(feature: FeatureCode())
        let reply = try await remote.search(search)
        #expect(reply.distances.count == k && reply.rows.name(0) == nil, "\(wants.parts)")
      }
    }
    await client.close()
    try await cluster.end()
  }

  /// The story: the share of a worker of the least chance there is was none at all, which no
  /// message may ask for, and the coordinator ended.
  @Test func theLeastChanceOfAMissCanBeAskedFor() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let remote = try await client.createCollection(
      "c", shardCount: 4, replicationFactor: 1, tableCount: 0)
    _ = try await remote.upsert(records(0..<200) { _ in nil })
    var search = SearchRequest(
      collection: remote.id, extent: .nearest(3), wants: .certificate)
    search.missProbability = .leastNonzeroMagnitude
    search.append(feature: FeatureCode())
    let reply = try await remote.search(search)
    #expect(reply.distances == [1, 1, 1])
    await client.close()
    try await cluster.end()
  }
}
