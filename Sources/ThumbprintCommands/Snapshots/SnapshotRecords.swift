import ThumbprintCodes
import ThumbprintStorage

/// The records of a snapshot, shard by shard, in ascending order of id in each.
struct SnapshotRecords: AsyncSequence, Sendable {
  typealias Element = Record

  let collection: LocalCollection
  let manifest: SnapshotManifest

  /// For messages.
  var path: String { collection.path }

  func makeAsyncIterator() -> Iterator { Iterator(collection, manifest.shards.count) }

  struct Iterator: AsyncIteratorProtocol {
    private static let pageCount = 1024

    private let collection: LocalCollection
    private let shardCount: Int
    private var shard = 0
    private var page: [Record] = []
    private var next = 0
    private var isShardDone = false

    fileprivate init(_ collection: LocalCollection, _ shardCount: Int) {
      self.collection = collection
      self.shardCount = shardCount
    }

    mutating func next() async throws -> Record? { try record() }

    /// Reads a file, so it does not wait for anything but the disk.
    private mutating func record() throws -> Record? {
      while next == page.count {
        if isShardDone {
          shard += 1
          page = []
        }
        guard shard < shardCount else { return nil }
        let after = page.last?.id
        page.removeAll(keepingCapacity: true)
        next = 0
        isShardDone = try collection.scan(shard, after: after) { record in
          page.append(record)
          return page.count < Self.pageCount
        }
      }
      defer { next += 1 }
      return page[next]
    }
  }
}
