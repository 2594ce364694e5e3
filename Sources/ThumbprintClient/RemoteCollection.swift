import ThumbprintCodes
import ThumbprintWire

/// A collection of a cluster.
public struct RemoteCollection: Sendable {
  public let client: ClusterClient
  /// As it was when this value was made.
  public let description: CollectionDescription

  public init(client: ClusterClient, description: CollectionDescription) {
    self.client = client
    self.description = description
  }

  public var id: CollectionID { description.id }

  /// Answers queries; `SearchRequest.collection` must be ``id``.
  public func search(_ search: SearchRequest) async throws(ServiceError) -> SearchReply {
    if let problem = search.problem { throw ServiceError(.invalid, problem) }
    return try await client.ask(search)
  }

  /// The records of ids; what is not there is left out.
  public func records(_ ids: [ItemID]) async throws(ServiceError) -> [ItemID: Record] {
    var found: [ItemID: Record] = [:]
    for start in stride(from: 0, to: ids.count, by: 4096) {
      let part = Array(ids[start..<min(start + 4096, ids.count)])
      let reply = try await client.ask(FetchRequest(collection: id, ids: part, parts: .all))
      for row in 0..<reply.rows.rowCount { found[reply.rows.id(row)] = try reply.rows.record(row) }
    }
    return found
  }

  /// Adds records, in place of those with the same ids; on the disks of all in-sync replicas on
  /// return. Of several records with one id the last counts.
  ///
  /// - Parameters:
  ///   - coder: The coder of the codes; `nil` if nobody said. A collection without one takes the
  ///     first that is named, and refuses codes of another from then on.
  ///   - patience: How long a write that fails for reasons that pass is sent again; what is counted
  ///     then is what the last one did.
  public func upsert(
    _ records: [Record], coder: CoderIdentity? = nil, patience: Duration = .zero
  ) async throws(ServiceError) -> WriteCounts {
    var parts = [RowColumnsBuilder?](repeating: nil, count: description.shardCount)
    var counts = WriteCounts()
    for record in records {
      try Self.check(record)
      let shard = ShardHash.shard(of: record.id, count: parts.count)
      var part = parts[shard] ?? RowColumnsBuilder(parts: .all)
      // Taken out while it grows, so that its columns are not copied.
      parts[shard] = nil
      part.append(record)
      if part.rowCount == Self.rowCountMax || part.byteCount > Self.byteCountMax {
        counts.add(try await append(.upsert(part.columns()), shard, patience, coder: coder))
      } else {
        parts[shard] = part
      }
    }
    for (shard, part) in parts.enumerated() {
      if let part {
        counts.add(try await append(.upsert(part.columns()), shard, patience, coder: coder))
      }
    }
    return counts
  }

  private func append(
    _ operation: AppendRequest.Operation, _ shard: Int, _ patience: Duration,
    coder: CoderIdentity?
  ) async throws(ServiceError) -> AppendReply {
    var retrying = Retrying(patience: patience)
    return try await retrying.call { () throws(ServiceError) in
      try await append(operation, shard, coder: coder)
    }
  }

  /// Deletes the records of ids, on all in-sync replicas on return.
  public func delete(_ ids: [ItemID]) async throws(ServiceError) -> WriteCounts {
    var parts = [[ItemID]](repeating: [], count: description.shardCount)
    for id in Set(ids).sorted() { parts[ShardHash.shard(of: id, count: parts.count)].append(id) }
    var counts = WriteCounts()
    for (shard, part) in parts.enumerated() {
      for start in stride(from: 0, to: part.count, by: WireLimits.idCountMax) {
        let ids = Array(part[start..<min(start + WireLimits.idCountMax, part.count)])
        counts.add(try await append(.delete(ids), shard))
      }
    }
    return counts
  }

  /// Calls `body` with all records of one shard, ascending by id, as they are when they are read.
  public func forEachRecord(
    ofShard shard: Int, _ body: (Record) throws -> Void
  ) async throws {
    var after: ItemID?
    while true {
      let reply = try await client.ask(
        ScanRequest(shard: ShardKey(collection: id, number: shard), after: after))
      for row in 0..<reply.rows.rowCount { try body(try reply.rows.record(row)) }
      if reply.isLast || reply.rows.rowCount == 0 { return }
      after = reply.rows.id(reply.rows.rowCount - 1)
    }
  }

  /// The state of each shard, as its primary has it.
  public func stats() async throws(ServiceError) -> CollectionStatsOperation.Result {
    try await client.run(CollectionStatsOperation(collection: description.name))
  }

  /// Writes one operation to one shard.
  ///
  /// - Parameter coder: The coder of the rows; `nil` if nobody said.
  public func append(
    _ operation: AppendRequest.Operation, _ shard: Int, coder: CoderIdentity? = nil
  ) async throws(ServiceError) -> AppendReply {
    try await client.ask(
      AppendRequest(
        shard: ShardKey(collection: id, number: shard), operation: operation, coder: coder))
  }

  private static let rowCountMax = 4096
  private static let byteCountMax = 8 << 20

  /// - Throws: `invalid` if the name or the tags of a record are too long.
  public static func check(_ record: Record) throws(ServiceError) {
    let nameByteCount = record.name?.utf8.count ?? 0
    guard nameByteCount <= RecordLimits.nameByteCountMax else {
      throw ServiceError(
        .invalid,
        "the name of record \(record.id) has \(nameByteCount) bytes; the most is "
          + "\(RecordLimits.nameByteCountMax)")
    }
    let tagsByteCount = record.tags.isEmpty ? 0 : TagsJSON.encode(record.tags).count
    guard tagsByteCount <= RecordLimits.tagsByteCountMax else {
      throw ServiceError(
        .invalid,
        "the tags of record \(record.id) have \(tagsByteCount) bytes; the most is "
          + "\(RecordLimits.tagsByteCountMax)")
    }
  }
}

/// What writes did.
public struct WriteCounts: Sendable, Hashable {
  public var added = 0
  public var replaced = 0
  public var unchanged = 0
  public var deleted = 0
  public var absent = 0

  public init() {}

  public mutating func add(_ reply: AppendReply) {
    added += Int(reply.added)
    replaced += Int(reply.replaced)
    unchanged += Int(reply.unchanged)
    deleted += Int(reply.deleted)
    absent += Int(reply.absent)
  }
}
