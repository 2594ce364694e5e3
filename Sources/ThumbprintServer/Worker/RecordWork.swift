import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// Rows that came in a message, as storage takes them.
struct ReceivedRows: RecordSource {
  let rows: RowColumns

  init(_ rows: RowColumns) { self.rows = rows }

  var path: String { "the rows of a write" }
  var count: Int { rows.rowCount }
  var coder: CoderIdentity? { nil }
  var expectedDigest: RecordDigest? { nil }

  func id(at row: Int) -> ItemID { rows.id(row) }

  func forEachSourceRow(in range: Range<Int>, _ body: (SourceRow) throws -> Void) throws {
    try rows.forEachRow(in: range) { row in
      try body(
        SourceRow(
          index: row.index, id: row.id, feature: row.feature, image: row.image, name: row.name,
          tags: row.tags))
    }
  }

  func releaseMemory(of rows: Range<Int>) {}
}

/// What a worker is asked about records, beside searches.
enum RecordWork {
  /// The operation of a ``ControlRequest`` that asks for the states of the shards of which this
  /// worker is primary; its arguments are ``ShardReportsArguments``, its result `[ShardReport]`.
  static let shardReports = "shardReports"

  static func checkCoder(_ coder: CoderIdentity?, of shard: Shard) throws {
    guard let coder, let own = try shard.meta.coder, coder != own else { return }
    throw ServiceError(
      .coderMismatch, "the codes are of coder '\(coder)', those of the collection of '\(own)'")
  }

  /// The replica, if it answers queries.
  static func shard(_ key: ShardKey, _ context: WorkerContext) throws -> Shard {
    let name = context.settings.name
    guard let handle = context.replicas[key] else {
      throw ServiceError.notHere(key, worker: name)
    }
    if let refusal = handle.refusal {
      throw ServiceError(refusal, shard: key, worker: name)
    }
    guard let shard = handle.shard else { throw ServiceError.notHere(key, worker: name) }
    return shard
  }

  /// The shards of a collection that answer queries, by number, and how many it has in all.
  private static func shards(
    _ collection: CollectionID, _ context: WorkerContext
  ) throws -> (shards: [Int: Shard], count: Int) {
    let shards = context.replicas[collection].compactMapValues {
      $0.refusal == nil ? $0.shard : nil
    }
    guard let any = shards.values.first else {
      throw ServiceError(
        .notHere,
        "worker \(context.settings.name) has no shard of collection \(collection) in sync")
    }
    return (shards, try any.meta.shardCount)
  }

  static func fetch(_ request: FetchRequest, _ context: WorkerContext) throws -> FetchReply {
    let (shards, count) = try shards(request.collection, context)
    let records = try records(request.ids, in: shards, count: count) { number in
      ServiceError.notHere(
        ShardKey(collection: request.collection, number: number), worker: context.settings.name)
    }
    var rows = RowColumnsBuilder(parts: request.parts, capacity: request.ids.count)
    for case let record? in records {
      rows.append(record)
      guard rows.byteCount <= WireLimits.payloadByteCountMax else {
        throw ServiceError(
          .tooLarge,
          "the records have more than \(WireLimits.payloadByteCountMax) bytes; ask for fewer")
      }
    }
    return FetchReply(rows: rows.columns())
  }

  /// The records of ids, in their order; `nil` where there is none.
  static func records(
    _ ids: [ItemID], in shards: [Int: Shard], count: Int, missing: (Int) -> ServiceError
  ) throws -> [Record?] {
    var places: [Int: [Int]] = [:]
    for (place, id) in ids.enumerated() {
      places[ShardHash.shard(of: id, count: count), default: []].append(place)
    }
    var result = [Record?](repeating: nil, count: ids.count)
    for (number, places) in places {
      guard let shard = shards[number] else { throw missing(number) }
      let records = try shard.records(places.map { ids[$0] })
      for (place, record) in zip(places, records) { result[place] = record }
    }
    return result
  }

  static func scan(_ request: ScanRequest, _ context: WorkerContext) throws -> ScanReply {
    let shard = try shard(request.shard, context)
    var rows = RowColumnsBuilder(parts: request.parts)
    if request.parts.isEmpty {
      let isLast = try shard.scanIDs(after: request.after) { id in
        rows.append(id: id)
        return rows.rowCount < request.rowCountMax
      }
      return ScanReply(rows: rows.columns(), isLast: isLast)
    }
    let isLast = try shard.scan(after: request.after) { record in
      rows.append(record)
      // The largest record still fits into the message after this.
      return rows.rowCount < request.rowCountMax
        && rows.byteCount < WireLimits.payloadByteCountMax / 2
    }
    return ScanReply(rows: rows.columns(), isLast: isLast)
  }

  static func control(_ request: ControlRequest, _ context: WorkerContext) throws -> ControlReply {
    guard request.operation == shardReports else {
      throw ServiceError(
        .unknownMessage, "a worker does not answer '\(request.operation.prefix(64))'")
    }
    let arguments: ShardReportsArguments = try request.arguments()
    let handles = context.replicas[arguments.collection].filter { $0.value.primaryTerm != nil }
    return ControlReply(
      try handles.sorted { $0.key < $1.key }.compactMap { number, handle in
        try handle.shard.map { try report($0, number, context.settings.name) }
      })
  }

  private static func report(
    _ shard: Shard, _ number: Int, _ worker: WorkerName
  ) throws -> ShardReport {
    let stats = try shard.stats()
    return ShardReport(
      number: number, worker: worker, position: try shard.position,
      recordCount: stats.recordCount, deadRowCount: stats.deadRowCount,
      segmentCount: stats.segmentCount, recentRowCount: stats.recentRowCount,
      fileByteCount: stats.fileByteCount, freeByteCount: stats.freeByteCount,
      indexByteCount: stats.indexByteCount, logStart: stats.logStart, digest: stats.digest)
  }
}

/// See ``RecordWork/shardReports``.
package struct ShardReportsArguments: Codable, Sendable, Hashable {
  package var collection: CollectionID

  package init(collection: CollectionID) { self.collection = collection }
}
