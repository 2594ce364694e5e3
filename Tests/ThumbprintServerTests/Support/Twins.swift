import Foundation
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintTranslation
import ThumbprintWire

/// The same records in a cluster and in a store of this machine.
struct Twins {
  var remote: RemoteCollection
  var local: LocalCollection
  var store: LocalStore
  var generator: RecordGenerator

  /// Makes a collection of a cluster, and its twin in a folder of this machine.
  init(
    _ folder: URL, _ client: ClusterClient, shardCount: Int, replicas: Int
  ) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("Twins: seed=\(seed)")
    remote = try await client.createCollection(
      "photos", shardCount: shardCount, replicationFactor: replicas, tableCount: 0)
    store = try LocalStore(
      path: folder.appending(path: "local").path, access: .readWrite)
    try store.createCollection("photos", shardCount: 3, profile: .sketchesOnly, coder: nil)
    local = try store.collection("photos")
    generator = RecordGenerator(seed: seed)
  }

  /// Asks both the same.
  mutating func compare(_ count: Int, _ what: String) async throws {
    for number in 0..<count {
      let query = generator.query()
      var wire = SearchRequest(
        collection: remote.id, extent: WireExtent(query.extent), metric: .feature,
        wants: [.images, .names, .certificate])
      var asked = query
      asked.metric = .feature
      asked.image = nil
      asked.distanceMax = min(asked.distanceMax, 4096)
      wire.append(feature: query.feature)
      let expected = try local.search(asked)
      let reply = try await remote.search(wire)
      let found = reply.distances.enumerated().map {
        SearchMatch(distance: Int($1), id: reply.rows.id($0))
      }
      #expect(found == expected.matches, "\(what), query \(number)")
      #expect(reply.shards.allSatisfy { $0.failure == nil }, "\(what)")
      let records = try local.records(expected.matches.map(\.id))
      for (row, record) in records.enumerated() {
        #expect(reply.rows.image(row) == record?.image, "\(what), query \(number)")
        #expect(reply.rows.name(row) == record?.name, "\(what), query \(number)")
      }
      #expect(reply.answers[0].certificate.map { $0.missProbability <= 1e-9 } == true)
    }
  }

  /// Writes the same to both.
  mutating func write(_ count: Int) async throws {
    let records = generator.records(count, idsBelow: 3_000)
    _ = try local.upsert(records)
    _ = try await remote.upsert(records)
    let ids = (0..<count / 4).map { _ in generator.id(below: 3_000) }
    _ = try local.delete(ids)
    _ = try await remote.delete(ids)
  }

  /// Both hold the same records, counted and summed.
  func compareAll(_ what: String) async throws {
    let stats = try await remote.stats()
    #expect(stats.digest == (try local.stats().digest), "\(what)")
    #expect(
      stats.shards.reduce(0) { $0 + $1.recordCount } == (try local.info.recordCount), "\(what)")
  }

  func close() { store.close() }
}

/// Searches and writes, one after another each, until it is ended: nothing of it may fail.
///
/// Writes go to the twin too, in the same order; every answer has all shards.
actor MixedLoad {
  private var twins: Twins
  private var isOver = false
  private var searchCount = 0
  private var writeCount = 0
  private var tasks: [Task<Void, any Error>] = []

  init(_ twins: Twins) { self.twins = twins }

  func start() {
    let collection = twins.remote
    for _ in 0..<2 {
      tasks.append(
        Task {
          var codes = CodeGenerator(seed: .random(in: 0...UInt64.max))
          while !self.isOver {
            var search = SearchRequest(
              collection: collection.id, extent: .nearest(5), wants: [.images, .names])
            search.append(feature: codes.feature())
            let reply = try await collection.search(search)
            #expect(reply.shards.allSatisfy { $0.failure == nil })
            self.searched()
          }
        })
    }
    tasks.append(Task { while !self.isOver { try await self.writeAndCompare() } })
  }

  private func searched() { searchCount += 1 }

  private func writeAndCompare() async throws {
    var twins = twins
    try await twins.write(24)
    try await twins.compare(2, "under load")
    self.twins = twins
    writeCount += 1
  }

  /// Ends the load; throws what any of it failed with.
  func end() async throws -> Twins {
    isOver = true
    for task in tasks { try await task.value }
    #expect(searchCount > 0 && writeCount > 0)
    print("MixedLoad: \(searchCount) searches, \(writeCount) rounds of writes")
    return twins
  }
}
