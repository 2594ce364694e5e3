import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage

/// What the threads of queries know of the replicas; the loop of the worker keeps it up to date.
final class ReplicaTable: Sendable {
  struct Handle: Sendable {
    /// `nil` while there are no whole files.
    var shard: Shard?
    /// Why it answers no query; `nil` if it does.
    var refusal: ReplicaRefusal?
    /// The term in which it is primary, if it is.
    var primaryTerm: Term?
  }

  private let handles = Mutex<[CollectionID: [Int: Handle]]>([:])

  subscript(key: ShardKey) -> Handle? {
    handles.withLock { $0[key.collection]?[key.number] }
  }

  /// The replicas of a collection, by the number of their shard.
  subscript(collection: CollectionID) -> [Int: Handle] {
    handles.withLock { $0[collection] ?? [:] }
  }

  func set(_ key: ShardKey, _ handle: Handle?) {
    handles.withLock { handles in
      handles[key.collection, default: [:]][key.number] = handle
      if handles[key.collection]?.isEmpty == true { handles[key.collection] = nil }
    }
  }
}
