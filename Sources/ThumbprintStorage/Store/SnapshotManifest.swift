import Foundation
import ThumbprintCodes
import ThumbprintIndex

/// The file `snapshot.json` of a snapshot: a store with one collection, each shard as it was at one
/// position of its log.
package struct SnapshotManifest: Codable, Sendable, Hashable {
  package struct Shard: Codable, Sendable, Hashable {
    package var shard: Int
    /// Term and sequence of the last operation that is in it.
    package var position: String
    package var records: Int
    package var digest: RecordDigest

    package init(shard: Int, position: String, records: Int, digest: RecordDigest) {
      self.shard = shard
      self.position = position
      self.records = records
      self.digest = digest
    }
  }

  package static let fileName = "snapshot.json"
  package static let versionValue = 1
  private static let byteCountMax = 1 << 20

  package var version = Self.versionValue
  package var createdBy: String
  /// ISO 8601, UTC: when the last shard was there.
  package var created: String
  package var collection: String
  /// The cluster that it was taken of; `nil` for a store.
  package var cluster: String?
  package var coder: String?
  package var tables: Int
  package var records: Int
  package var digest: RecordDigest
  package var shards: [Shard]

  /// Reads the manifest of a snapshot.
  ///
  /// - Throws: ``StoreError``: `notFound` if the folder is no whole snapshot; `corrupt`,
  ///   `unsupportedVersion`, `io`.
  package init(folder: String) throws {
    let path = folder + "/" + Self.fileName
    guard FileStatus.exists(path) else {
      throw StoreError(
        .notFound, "there is no whole snapshot here", path: folder,
        hint: "an unfinished one is completed by the same 'thumbprint snapshot create'")
    }
    let bytes = try DurableFiles.read(path, byteCountMax: Self.byteCountMax)
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw StoreError.corrupt(
        path: path, "the file", expected: "the JSON of a snapshot", found: "other text")
    }
    guard version == Self.versionValue else {
      throw StoreError(
        .unsupportedVersion,
        "has version \(version); this program reads version \(Self.versionValue)", path: path)
    }
    let sum = shards.reduce(into: RecordDigest()) { $0.add($1.digest) }
    guard StoreLimits.shardCounts.contains(shards.count),
      shards.map(\.shard) == Array(shards.indices), IndexProfile.tableCounts.contains(tables),
      shards.allSatisfy({ $0.records >= 0 }),
      shards.reduce(0, { $0 + min($1.records, 1 << 50) }) == records, sum == digest
    else {
      throw StoreError.corrupt(
        path: path, "the file", expected: "shards that add up to the whole", found: "others")
    }
  }

  init(
    createdBy: String, cluster: String?, collection: String, coder: CoderIdentity?, tables: Int,
    shards: [Shard]
  ) {
    self.createdBy = createdBy
    created = Date().formatted(.iso8601)
    self.collection = collection
    self.cluster = cluster
    self.coder = coder?.name
    self.tables = tables
    records = shards.reduce(0) { $0 + $1.records }
    digest = shards.reduce(into: RecordDigest()) { $0.add($1.digest) }
    self.shards = shards
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(self)) + [0x0A]
  }
}
