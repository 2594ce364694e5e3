import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// A collection against a dictionary: random operations, with reopening in between.
@Suite struct TwinTests {
  @Test(arguments: [1, 4]) func randomOperationsEqualTheTwin(shardCount: Int) throws {
    let seed = testSeed()
    var generator = RecordGenerator(seed: seed)
    let folder = TemporaryFolder()
    var limits = MaintenanceLimits.tiny
    limits.isAutomatic = false
    var store = try LocalStore(path: folder.path, access: .readWrite, limits: limits)
    try store.createCollection("c", shardCount: shardCount, profile: .standard, coder: nil)
    var collection = try store.collection("c")
    var twin = StoreTwin()
    for step in 0..<60 {
      switch generator.number(in: 0...9) {
      case 0...4:
        let records = generator.records(generator.number(in: 1...60), idsBelow: 700)
        #expect(try collection.upsert(records) == twin.upsert(records))
      case 5...6:
        let ids = (0..<generator.number(in: 1...30)).map { _ in generator.id(below: 700) }
        #expect(try collection.delete(ids) == twin.delete(ids))
      case 7: try collection.seal()
      case 8: if step % 3 == 0 { try collection.compact() }
      default:
        store.close()
        store = try LocalStore(path: folder.path, access: .readWrite, limits: limits)
        collection = try store.collection("c")
      }
      if step % 10 == 9 {
        try twin.expectEqual(collection, queries: (0..<5).map { _ in generator.query() })
      }
    }
    try collection.compact()
    try twin.expectEqual(collection, queries: (0..<10).map { _ in generator.query(exact: true) })
  }

  @Test func workInTheBackgroundChangesNothing() throws {
    let seed = testSeed()
    var generator = RecordGenerator(seed: seed)
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 2, profile: .small, coder: nil)
    let collection = try store.collection("c")
    var twin = StoreTwin()
    for _ in 0..<80 {
      let records = generator.records(generator.number(in: 1...40), idsBelow: 900)
      #expect(try collection.upsert(records) == twin.upsert(records))
      let ids = (0..<generator.number(in: 1...10)).map { _ in generator.id(below: 900) }
      #expect(try collection.delete(ids) == twin.delete(ids))
      let query = generator.query()
      #expect(try collection.search(query).matches == twin.search(query))
    }
    try collection.seal()
    let stats = try collection.stats()
    #expect(stats.shards.allSatisfy { $0.segmentCount > 0 && $0.maintenanceFailure == nil })
    try twin.expectEqual(collection, queries: (0..<5).map { _ in generator.query() })
  }

  @Test func answersDoNotDependOnShardsOrOrder() throws {
    let seed = testSeed()
    var generator = RecordGenerator(seed: seed)
    var records: [Record] = []
    for id in 0..<500 {
      records.append(generator.record(id: ItemID(UInt64(id) &* 0x9E37_79B9_7F4A_7C15)))
    }
    let queries = (0..<20).map { _ in generator.query() }
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
    var answers: [[[SearchMatch]]] = []
    for (i, shardCount) in [1, 4, 7].enumerated() {
      try store.createCollection("c\(i)", shardCount: shardCount, profile: .standard, coder: nil)
      let collection = try store.collection("c\(i)")
      let order = i == 1 ? records.reversed() : i == 2 ? records.shuffled() : records
      for start in stride(from: 0, to: order.count, by: 90) {
        _ = try collection.upsert(Array(order[start..<min(start + 90, order.count)]))
      }
      if i == 0 { try collection.seal() }
      answers.append(try queries.map { try collection.search($0).matches })
      #expect(
        try collection.search(batch: queries, threadCount: 2).map(\.matches) == answers[i])
      #expect(try queries.map { try collection.fullScan($0) } == answers[i])
    }
    #expect(answers[0] == answers[1] && answers[1] == answers[2])
  }

  @Test func writersTogetherGetTheirOwnReceipts() async throws {
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    let receipts = try await withThrowingTaskGroup(of: WriteReceipt.self) { group in
      for writer in 0..<8 {
        group.addTask {
          var generator = RecordGenerator(seed: UInt64(writer))
          var sum = WriteReceipt()
          for i in 0..<20 {
            let id = ItemID(UInt64(writer * 1000 + i))
            let added = try collection.upsert([generator.record(id: id)])
            sum.added += added.added
            #expect(added.replaced == 0)
            if i % 3 == 0 { sum.deleted += try collection.delete([id]).deleted }
          }
          return sum
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(receipts.allSatisfy { $0.added == 20 && $0.deleted == 7 })
    #expect(try collection.info.recordCount == 8 * 13)
    #expect(try collection.check().isSound)
  }
}

/// Readers beside writers: a search, a walk and a check each see one state, whatever is written,
/// joined, sealed and rewritten meanwhile.
@Suite struct ConcurrencyTests {
  @Test func readersSeeOneStateWhileWritersGoOn() async throws {
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    var generator = RecordGenerator(seed: 21)
    // Every write replaces all records of a generation: a whole state has one generation.
    let ids = (0..<150).map { ItemID(UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }
    let generations = (0..<30).map { number in
      ids.map { id in
        var record = generator.record(id: id)
        record.name = "generation \(number)"
        return record
      }
    }
    _ = try collection.upsert(generations[0])
    let query = generator.query()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for (i, records) in generations.enumerated().dropFirst() {
          _ = try collection.upsert(records)
          if i % 7 == 3 { try collection.compact() }
        }
      }
      for _ in 0..<2 {
        group.addTask {
          for _ in 0..<40 {
            var names: Set<String?> = []
            var count = 0
            try collection.forEachRecord {
              names.insert($0.name)
              count += 1
            }
            #expect(names.count == 1 && count == ids.count)
            #expect(try collection.search(query).matches.count <= ids.count)
            let found = try collection.records(ids).compactMap { $0?.name }
            #expect(found.count == ids.count && Set(found).count == 1)
          }
        }
      }
      try await group.waitForAll()
    }
    let report = try collection.check()
    #expect(report.problems.isEmpty, "\(report.problems)")
    #expect(report.recordCount == ids.count)
  }
}
