import ThumbprintCodes
import ThumbprintWire

/// Goes through the rows of all shards of a collection in ascending order of id, a page of each
/// shard at a time. Rows that are written meanwhile may or may not be met.
struct ClusterWalk {
  /// A shard, and where it stands.
  private struct Cursor {
    var shard: ShardKey
    var rows: RowColumns = .empty
    var row = 0
    var isLast = false

    /// The id of the next row; `nil` if the page is at its end.
    var nextID: ItemID? { row < rows.rowCount ? rows.id(row) : nil }
  }

  private let session: ClusterSession
  private let parts: RowParts
  private let pageRowCount: Int
  private var cursors: [Cursor]

  /// Rows of all pages together: some ten megabytes.
  private static let rowCountMax = 16_384

  init(
    _ session: ClusterSession, _ collection: CollectionID, _ shardCount: Int, _ parts: RowParts
  ) throws {
    self.session = session
    self.parts = parts
    pageRowCount = max(64, Self.rowCountMax / shardCount)
    cursors = (0..<shardCount).map {
      Cursor(shard: ShardKey(collection: collection, number: $0))
    }
    for index in cursors.indices { try turn(index) }
  }

  /// The next row, and the page that it is on; `nil` after the last.
  mutating func next() throws -> (rows: RowColumns, row: Int)? {
    var least: (id: ItemID, index: Int)?
    for index in cursors.indices {
      guard let id = cursors[index].nextID else { continue }
      if least.map({ id < $0.id }) ?? true { least = (id, index) }
    }
    guard let index = least?.index else { return nil }
    let found = (cursors[index].rows, cursors[index].row)
    cursors[index].row += 1
    if cursors[index].nextID == nil { try turn(index) }
    return found
  }

  /// Gets the next page of a shard.
  private mutating func turn(_ index: Int) throws {
    let cursor = cursors[index]
    if cursor.isLast { return }
    let after = cursor.rows.rowCount > 0 ? cursor.rows.id(cursor.rows.rowCount - 1) : nil
    let reply = try session.ask(
      ScanRequest(shard: cursor.shard, after: after, rowCountMax: pageRowCount, parts: parts))
    cursors[index].rows = reply.rows
    cursors[index].row = 0
    cursors[index].isLast = reply.isLast || reply.rows.rowCount == 0
  }
}
