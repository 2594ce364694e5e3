import Foundation
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintServer
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintTranslation
import ThumbprintWire

@Suite(.serialized) struct ReplicationTests {
  /// A search as a query of the index, for one worker.
  private func search(_ query: SearchQuery, _ id: CollectionID) -> SearchRequest {
    var request = SearchRequest(
      collection: id, extent: WireExtent(query.extent), metric: WireMetric(query.metric),
      wants: [.images, .names, .tags, .certificate])
    request.append(feature: query.feature, image: query.image)
    return request
  }

  @Test func replicasAnswerLikeACollectionOnThisDisk() throws {
    let cluster = try TestCluster()
    let names = [TestCluster.name(1), TestCluster.name(2)]
    for name in names { try cluster.start(name) }
    let id = try cluster.create(shardCount: 4, replicationFactor: 2)
    let store = try LocalStore(path: cluster.folder + "/local", access: .readWrite)
    defer { store.close() }
    try store.createCollection(
      "c", shardCount: 4, profile: IndexProfile(tableCount: 64), coder: nil)
    let local = try store.collection("c")

    var generator = RecordGenerator(seed: 21)
    for _ in 0..<12 {
      let records = generator.records(generator.number(in: 1...150), idsBelow: 900)
      try cluster.upsert(records, to: id)
      _ = try local.upsert(records)
      let ids = (0..<generator.number(in: 1...20)).map { _ in generator.id(below: 900) }
      try cluster.delete(ids, from: id)
      _ = try local.delete(ids)
    }
    for _ in 0..<30 {
      let query = generator.query()
      let expected = try local.search(query).matches
      let records = try local.records(expected.map(\.id))
      for name in names {
        let reply = try cluster.ask(search(query, id), name)
        #expect(reply.shards.map(\.shard) == [0, 1, 2, 3])
        #expect(reply.shards.allSatisfy { $0.failure == nil })
        #expect(reply.distances.map(Int.init) == expected.map(\.distance))
        #expect(reply.answers.count == 1 && reply.answers[0].certificate != nil)
        for (row, record) in records.enumerated() {
          let record = try #require(record)
          #expect(reply.rows.id(row) == record.id)
          #expect(reply.rows.image(row) == record.image)
          #expect(reply.rows.name(row) == record.name)
          #expect(try reply.rows.tags(row) == record.tags)
        }
      }
    }
    var all: [ItemID: Record] = [:]
    try local.forEachRecord { all[$0.id] = $0 }
    try cluster.expectEverywhere(all, id)
  }

  @Test func aBatchIsAnsweredLikeItsQueries() throws {
    let cluster = try TestCluster()
    let name = TestCluster.name(1)
    try cluster.start(name)
    let id = try cluster.create(shardCount: 2, replicationFactor: 1)
    var generator = RecordGenerator(seed: 3)
    try cluster.upsert(generator.records(700, idsBelow: 5_000), to: id)
    var codes = CodeGenerator(seed: 9)
    let features = (0..<70).map { _ in codes.feature() }
    var batch = SearchRequest(collection: id, extent: .nearest(5))
    for feature in features { batch.append(feature: feature) }
    let reply = try cluster.ask(batch, name)
    #expect(reply.answers.count == features.count)
    for (feature, answer) in zip(features, reply.answers) {
      var one = SearchRequest(collection: id, extent: .nearest(5))
      one.append(feature: feature)
      let expected = try cluster.ask(one, name)
      #expect(answer.matches.map { reply.rows.id($0) } == (0..<5).map { expected.rows.id($0) })
      #expect(Array(reply.distances[answer.matches]) == expected.distances)
    }
  }

  @Test func whatWasAcknowledgedSurvivesThePrimary() throws {
    let cluster = try TestCluster()
    let names = (1...2).map(TestCluster.name)
    for name in names { try cluster.start(name) }
    let id = try cluster.create(shardCount: 2, replicationFactor: 2)
    var generator = RecordGenerator(seed: 8)
    var expected: [ItemID: Record] = [:]
    func write(_ count: Int) throws {
      let records = generator.records(count, idsBelow: 2_000)
      try cluster.upsert(records, to: id)
      for record in records { expected[record.id] = record }
    }
    try write(300)
    let key = ShardKey(collection: id, number: 0)
    for _ in 0..<2 {
      let lost = try cluster.primary(key)
      cluster.halt(lost)
      try eventually("another primary") { try cluster.primary(key) != lost }
      try write(100)
      try cluster.expectEverywhere(expected, id)
      try cluster.start(lost)
      try cluster.waitForSync(id, count: 2)
      try cluster.expectEverywhere(expected, id)
    }
    // All at once: the last terms are begun anew from the disks.
    for name in names { cluster.halt(name) }
    for name in names { try cluster.start(name) }
    try write(50)
    try cluster.waitForSync(id, count: 2)
    try cluster.expectEverywhere(expected, id)
  }

  @Test func aPrimaryThatWroteAloneIsCopiedAnew() throws {
    // The follower is not given up while its link is cut.
    let cluster = try TestCluster { $0.replica.followerTimeout = .seconds(600) }
    let names = (1...2).map(TestCluster.name)
    for name in names { try cluster.start(name) }
    let id = try cluster.create(shardCount: 1, replicationFactor: 2)
    let key = ShardKey(collection: id, number: 0)
    var generator = RecordGenerator(seed: 4)
    let records = generator.records(200, idsBelow: 1_000)
    try cluster.upsert(records, to: id)
    var expected: [ItemID: Record] = [:]
    for record in records { expected[record.id] = record }

    let lost = try cluster.primary(key)
    let other = try #require(names.first { $0 != lost })
    cluster.network.setCut(true, from: other, to: TestCluster.address(lost))
    func write(_ id: ItemID) throws -> Bool {
      var rows = RowColumnsBuilder(parts: .all)
      let record = Record(id: id, feature: records[0].feature, image: records[0].image)
      rows.append(record)
      do {
        _ = try cluster.ask(
          AppendRequest(shard: key, operation: .upsert(rows.columns())), lost,
          timeout: .milliseconds(700))
        expected[id] = record
        return true
      } catch let error as ServiceError where error.code == .deadlineExceeded {
        return false
      }
    }
    // A pull that waits at the primary is answered yet, so the follower may have the first write
    // that is not acknowledged, and may keep it. No pull brings it the second.
    var number: UInt64 = 1 << 40
    try eventually("no pull") {
      number += 1
      return try !write(ItemID(number))
    }
    let (doubtful, alone) = (ItemID(number), ItemID(number + 1))
    #expect(try !write(alone))
    // Its caller lost patience, which need not be after it was stored.
    try eventually("both writes") {
      try cluster.records(key, on: lost).count == expected.count + 2
    }
    cluster.halt(lost)
    cluster.network.setCut(false, from: other, to: TestCluster.address(lost))
    try eventually("another primary") { try cluster.primary(key) == other }
    expected[doubtful] = try cluster.records(key, on: other).first { $0.id == doubtful }
    try cluster.start(lost)
    try cluster.waitForSync(id, count: 2)
    try cluster.expectEverywhere(expected, id)
    let term = try #require(cluster.coordinator.map.shards[key]).term
    #expect(term.rawValue >= 2)
  }

  @Test func aCopyGoesOnAfterEitherSideStartsAgain() throws {
    var settings = ClusterSettings()
    settings.copyByteRate = 600_000
    let cluster = try TestCluster(settings: settings)
    let (source, target) = (TestCluster.name(1), TestCluster.name(2))
    try cluster.start(source)
    let id = try cluster.create(shardCount: 1, replicationFactor: 1)
    let key = ShardKey(collection: id, number: 0)
    var generator = RecordGenerator(seed: 6)
    let records = generator.records(2_000, idsBelow: 100_000)
    try cluster.upsert(records, to: id)
    var expected: [ItemID: Record] = [:]
    for record in records { expected[record.id] = record }

    try cluster.start(target)
    try eventually("two workers") { cluster.coordinator.map.workers.count == 2 }
    try cluster.coordinator.request(.setReplicationFactor(name: "c", 2))
    let unfinished = cluster.path(target)
    func copiedByteCount() -> Int {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: unfinished)) ?? []
      return files.filter { $0.hasSuffix(".copy") }.count
    }
    func isCopying() -> Bool {
      cluster.shards(id)[key]?.replicas[target]?.isInSync == false
    }
    try eventually("a copy") { isCopying() && copiedByteCount() > 0 }
    Thread.sleep(forTimeInterval: 0.4)
    cluster.halt(target)
    #expect(isCopying())
    try cluster.start(target)
    Thread.sleep(forTimeInterval: 0.4)
    cluster.halt(source)
    try cluster.start(source)
    let more = generator.records(100, idsBelow: 100_000)
    try cluster.upsert(more, to: id)
    for record in more { expected[record.id] = record }
    try cluster.waitForSync(id, count: 2)
    try cluster.expectEverywhere(expected, id)
  }
}
