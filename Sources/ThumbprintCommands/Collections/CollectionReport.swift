import Foundation
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

/// A collection as `--json` shows it.
struct CollectionReport: Encodable {
  var name: String
  var shards: Int
  /// How many replicas each shard should have, in a cluster.
  var replicas: Int?
  var records: Int
  var coder: String?
  var tables: Int
  /// ISO 8601, UTC.
  var created: String
  /// Why it cannot be used, if so; counts are zero then.
  var damage: String?

  init(_ info: CollectionInfo) {
    name = info.name
    shards = info.shardCount
    records = info.recordCount
    coder = info.coder?.name
    tables = info.profile.tableCount
    damage = info.damage?.description
    created = Self.text(ofTime: info.created)
  }

  init(_ description: CollectionDescription) {
    name = description.name
    shards = description.shardCount
    replicas = description.replicationFactor
    records = description.recordCount
    coder = description.coder?.name
    tables = description.tableCount
    created = Self.text(ofTime: description.created)
  }

  /// - Parameter time: Seconds since 1970.
  static func text(ofTime time: UInt64) -> String {
    Date(timeIntervalSince1970: Double(time)).formatted(.iso8601)
  }
}
