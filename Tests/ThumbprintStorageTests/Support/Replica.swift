import Foundation
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// One replica of a shard in a folder of its own.
final class Replica {
  let folder = TemporaryFolder()
  private(set) var shard: Shard
  let retention: LogRetention

  /// The settings that all replicas of the shard of the tests share.
  static func meta(shardNumber: Int = 0, shardCount: Int = 1, seed: UInt64 = 77) -> ShardMeta {
    ShardMeta(
      key: ShardKey(collection: CollectionID(high: 1, low: 2), number: shardNumber),
      shardCount: shardCount, tableCount: 64, permutationSeed: seed, created: 1_700_000_000,
      coder: nil)
  }

  static var limits: MaintenanceLimits {
    var limits = MaintenanceLimits.tiny
    limits.isAutomatic = false
    return limits
  }

  var path: String { folder.path + "/shard.mdb" }

  init(_ meta: ShardMeta = Replica.meta(), retention: LogRetention = .standard) throws {
    self.retention = retention
    let path = folder.path + "/shard.mdb"
    try Shard.create(path: path, meta: meta)
    shard = try Shard(path: path, readOnly: false, limits: Self.limits, retention: retention)
  }

  func reopen() throws {
    shard.close()
    // The one reference that keeps the file open is let go before it is opened again.
    let path = path
    withExtendedLifetime(shard) {}
    shard = try Shard(path: path, readOnly: false, limits: Self.limits, retention: retention)
  }

  /// Pulls what there is, in parts of random sizes.
  ///
  /// - Returns: Whether the log of the other reached back far enough.
  @discardableResult
  func follow(
    _ primary: Replica, term: Term, using generator: inout RecordGenerator,
    byteCounts: ClosedRange<Int> = 1...300_000
  ) throws -> Bool {
    while true {
      let read = try primary.shard.logEntries(
        after: try shard.position, byteCountMax: generator.number(in: byteCounts))
      guard case .entries(let payloads) = read else { return false }
      if payloads.isEmpty { return true }
      let position = try shard.apply(payloads, primaryTerm: term)
      #expect(try shard.position == position)
    }
  }
}

extension StoreTwin {
  /// Everything that a shard tells about its records.
  func expectEqual(
    _ shard: Shard, queries: [SearchQuery], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let meta = try shard.meta
    #expect(meta.digest == digest, sourceLocation: sourceLocation)
    #expect(Int(meta.recordCount) == records.count, sourceLocation: sourceLocation)
    let ids = records.keys.sorted()
    #expect(
      try shard.records(ids + [ItemID(999_999)]) == ids.map { records[$0] } + [nil],
      sourceLocation: sourceLocation)
    for query in queries {
      let answer = IndexSnapshot.search(query, in: [try shard.index()])
      #expect(answer.matches == search(query), sourceLocation: sourceLocation)
    }
    let report = try shard.check()
    #expect(report.problems.isEmpty, "\(report.problems)", sourceLocation: sourceLocation)
    #expect(report.digest == digest, sourceLocation: sourceLocation)
  }
}
