import ThumbprintCodes
import ThumbprintIndex

/// How a store is opened.
public enum StoreAccess: Sendable, Hashable {
  /// Any number of processes at once, beside one that writes. A search sees what is committed
  /// when it begins; until the next one the file keeps that state, so a reader that idles for
  /// long beside a busy writer makes the file grow.
  case readOnly
  /// One process at a time; makes the store if there is none.
  case readWrite
}

/// What a collection is.
public struct CollectionInfo: Sendable, Hashable {
  public var name: String
  public var shardCount: Int
  public var recordCount: Int
  /// The networks that made the codes; `nil` until known.
  public var coder: CoderIdentity?
  public var profile: IndexProfile
  /// Seconds since 1970.
  public var created: UInt64
  /// Why the collection cannot be used, if so; its counts are zero then.
  public var damage: StoreError?
}

/// The state of one shard.
public struct ShardStats: Sendable, Hashable {
  public var number: Int
  public var path: String
  public var recordCount: Int
  /// Rows deleted or replaced that still take space.
  public var deadRowCount: Int
  public var segmentCount: Int
  /// Rows in no segment yet, dead ones included.
  public var recentRowCount: Int
  public var blockCount: Int
  /// The length of the file, free pages included.
  public var fileByteCount: Int
  /// Bytes of the file that are free to be used again.
  public var freeByteCount: Int
  /// Bytes of tables, directories, clusters and places.
  public var indexByteCount: Int
  /// The sequence of the last write; the log holds those from ``logStart`` on.
  public var logSequence: UInt64
  public var logStart: UInt64
  public var digest: RecordDigest
  /// Why sealing or merging in the background ended early, if it did; it will be tried again.
  public var maintenanceFailure: StoreError?
}

/// The state of a collection, shard by shard.
public struct CollectionStats: Sendable, Hashable {
  public var info: CollectionInfo
  public var shards: [ShardStats]

  public var recordCount: Int { shards.reduce(0) { $0 + $1.recordCount } }
  public var fileByteCount: Int { shards.reduce(0) { $0 + $1.fileByteCount } }
  public var indexByteCount: Int { shards.reduce(0) { $0 + $1.indexByteCount } }
  /// The digest of all records, whatever the number of shards.
  public var digest: RecordDigest {
    shards.reduce(into: RecordDigest()) { $0.add($1.digest) }
  }
}
