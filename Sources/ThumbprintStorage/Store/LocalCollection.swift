import Dispatch
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// A set of records that is searched as one, its shards in this process.
///
/// Any thread may call. A search sees every write that was acknowledged before it began.
public final class LocalCollection: Sendable {
  public let name: String
  /// The folder of its files.
  public let path: String
  let shards: [Shard]
  private let manifest: CollectionManifest

  init(folder: String, name: String, readOnly: Bool, limits: MaintenanceLimits) throws {
    self.name = name
    path = folder
    let manifest = try CollectionManifest.read(folder: folder, name: name)
    self.manifest = manifest
    var shards: [Shard] = []
    for number in 0..<manifest.shardCount {
      let file = folder + "/" + CollectionManifest.shardFileName(number)
      let shard = try Shard(path: file, readOnly: readOnly, limits: limits)
      let meta = try shard.meta
      guard meta.shardNumber == number, meta.shardCount == manifest.shardCount,
        meta.tableCount == manifest.tableCount,
        meta.collectionHigh == manifest.idHalves?.high,
        meta.collectionLow == manifest.idHalves?.low
      else {
        throw StoreError.corrupt(
          path: file, "the shard",
          expected: "shard \(number) of \(manifest.shardCount) of collection \(manifest.id)",
          found: "shard \(meta.shardNumber) of \(meta.shardCount) of another")
      }
      shards.append(shard)
    }
    self.shards = shards
  }

  func close() {
    for shard in shards { shard.close() }
  }

  public var info: CollectionInfo {
    get throws {
      let metas = try shards.map { try $0.meta }
      return CollectionInfo(
        name: name, shardCount: shards.count,
        recordCount: metas.reduce(0) { $0 + Int($1.recordCount) },
        coder: metas.lazy.compactMap(\.coder).first,
        profile: IndexProfile(tableCount: manifest.tableCount), created: manifest.created)
    }
  }

  // MARK: Searching

  /// Answers a query, nearest first in the order (distance, id), on the calling thread.
  ///
  /// Shards are searched as one: the chance to be wrong that `SearchPromise.certified` leaves is
  /// shared among them, and what one finds bounds what the others look for.
  ///
  /// - Throws: ``StoreError``: `invalid` for a query out of bounds, `corrupt`, `closed`, `io`.
  public func search(_ query: SearchQuery) throws -> SearchAnswer {
    try Self.check(query)
    return IndexSnapshot.search(query, in: try shards.map { try $0.index() })
  }

  /// Answers many queries, which share passes over memory, in their order.
  ///
  /// - Parameter threadCount: The most threads that work, at least 1; each takes a run of the
  ///   queries through all shards.
  public func search(batch queries: [SearchQuery], threadCount: Int) throws -> [SearchAnswer] {
    for query in queries { try Self.check(query) }
    guard threadCount >= 1 else {
      throw StoreError(.invalid, "\(threadCount) threads cannot search; give at least 1")
    }
    let partCount = max(1, min(threadCount, queries.count))
    let parts = Mutex([Result<[SearchAnswer], any Error>?](repeating: nil, count: partCount))
    @Sendable func run(_ part: Int) {
      let range = queries.count * part / partCount..<queries.count * (part + 1) / partCount
      let result = Result {
        IndexSnapshot.search(
          batch: Array(queries[range]), in: try shards.map { try $0.index() })
      }
      parts.withLock { $0[part] = result }
    }
    if partCount == 1 {
      run(0)
    } else {
      DispatchQueue.concurrentPerform(iterations: partCount) { run($0) }
    }
    return try parts.withLock { $0 }.flatMap { try $0?.get() ?? [] }
  }

  /// The slow twin of ``search(_:)``: compares every record. Exact.
  public func fullScan(_ query: SearchQuery) throws -> [SearchMatch] {
    try Self.check(query)
    var matches = try shards.flatMap { try $0.fullScan(query) }
    matches.sort()
    if case .nearest(let k) = query.extent { return Array(matches.prefix(k)) }
    return matches
  }

  private static func check(_ query: SearchQuery) throws {
    switch query.extent {
    case .nearest(let k):
      guard (1...SearchLimits.nearestCountMax).contains(k) else {
        throw StoreError(
          .invalid, "k is \(k), not in 1...\(SearchLimits.nearestCountMax)")
      }
    case .within(let radius):
      guard (0...query.metric.distanceMax).contains(radius) else {
        throw StoreError(
          .invalid, "the radius is \(radius), not in 0...\(query.metric.distanceMax)")
      }
    }
    if case .recall(let share) = query.promise, !(share > 0 && share < 1) {
      throw StoreError(.invalid, "the recall is \(share), not between 0 and 1")
    }
    if query.metric == .combined, query.image == nil {
      throw StoreError(.invalid, "the combined metric needs an image code in the query")
    }
    if query.distanceMax < 0 {
      throw StoreError(.invalid, "the greatest distance is \(query.distanceMax), below 0")
    }
  }

  // MARK: Records

  /// The records of ids, in their order; `nil` where there is none.
  public func records(_ ids: [ItemID]) throws -> [Record?] {
    var result = [Record?](repeating: nil, count: ids.count)
    for (number, places) in partition(ids.enumerated(), by: \.element) {
      let records = try shards[number].records(places.map(\.element))
      for (place, record) in zip(places, records) { result[place.offset] = record }
    }
    return result
  }

  /// Adds records, in place of those with the same ids; on disk on return.
  ///
  /// Of several records with one id the last counts. Records of one shard are added in groups
  /// of 16,384, each wholly or not at all.
  ///
  /// - Throws: ``StoreError``: `invalid` for a name or tags that are too long, before anything
  ///   is written; `diskFull`, `corrupt`, `io`.
  public func upsert(_ records: [Record]) throws -> WriteReceipt {
    for record in records { try Self.check(record) }
    var receipt = WriteReceipt()
    for (number, part) in partition(records, by: \.id) {
      receipt.add(try shards[number].upsert(part))
    }
    return receipt
  }

  /// Deletes the records of ids; on disk on return. An id given twice counts once.
  public func delete(_ ids: [ItemID]) throws -> WriteReceipt {
    var receipt = WriteReceipt()
    for (number, part) in partition(ids, by: \.self) {
      receipt.add(try shards[number].delete(part))
    }
    return receipt
  }

  static func check(_ record: Record) throws {
    let nameByteCount = record.name?.utf8.count ?? 0
    guard nameByteCount <= RecordLimits.nameByteCountMax else {
      throw StoreError(
        .invalid,
        "the name of record \(record.id) has \(nameByteCount) bytes; the most is "
          + "\(RecordLimits.nameByteCountMax)")
    }
    let tagsByteCount = record.tags.isEmpty ? 0 : TagsJSON.encode(record.tags).count
    guard tagsByteCount <= RecordLimits.tagsByteCountMax else {
      throw StoreError(
        .invalid,
        "the tags of record \(record.id) have \(tagsByteCount) bytes; the most is "
          + "\(RecordLimits.tagsByteCountMax)")
    }
  }

  private func partition<S: Sequence>(
    _ elements: S, by id: (S.Element) -> ItemID
  ) -> [(Int, [S.Element])] {
    var parts = [[S.Element]](repeating: [], count: shards.count)
    for element in elements {
      parts[ShardHash.shard(of: id(element), count: shards.count)].append(element)
    }
    return parts.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
  }

  /// Visits every record of one state of each shard, in ascending order of id.
  public func forEachRecord(_ body: (Record) throws -> Void) throws {
    var walks = try shards.map { try $0.recordWalk() }
    while true {
      var least: Int?
      for i in walks.indices {
        guard let id = walks[i].nextID else { continue }
        if let current = least, let currentID = walks[current].nextID, currentID <= id { continue }
        least = i
      }
      guard let least else { return }
      try body(try walks[least].next())
    }
  }

  // MARK: Upkeep

  public func stats() throws -> CollectionStats {
    CollectionStats(info: try info, shards: try shards.map { try $0.stats() })
  }

  /// Seals what is recent where it is enough for a segment, and merges what there is to merge.
  /// Waits for it; searches and writes go on meanwhile.
  ///
  /// - Parameter isCancelled: Asked between steps. Once it says so, the work ends; what was done
  ///   stays.
  /// - Throws: ``StoreError``: `cancelled` if it ended so.
  public func seal(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws {
    try asBulk(isCancelled) { for shard in shards { try shard.settle() } }
  }

  /// Drops all rows that were deleted or replaced, and merges segments up to their greatest
  /// size. Writes everything that it touches anew. Files keep their length; the space is used
  /// again.
  ///
  /// - Parameter isCancelled: As for ``seal(isCancelled:)``.
  /// - Throws: ``StoreError``: `cancelled` if it ended so.
  public func compact(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws {
    try asBulk(isCancelled) { for shard in shards { try shard.compact() } }
  }

  private func asBulk(
    _ isCancelled: @escaping @Sendable () -> Bool, _ body: () throws -> Void
  ) throws {
    let bulks = shards.map { $0.maintenance.beginBulk(isCancelled: isCancelled) }
    defer { for (shard, bulk) in zip(shards, bulks) { shard.maintenance.endBulk(bulk) } }
    try body()
    // Pieces of work that are not begun any more end without an error.
    if isCancelled() { throw StoreError(.cancelled, "was asked to stop", path: path) }
  }

  /// Gets ready to answer the first query as fast as any other: makes what is kept in fast
  /// memory, brings codes and tables into the map of this process, and asks for some records.
  public func warm() throws {
    for shard in shards { try shard.warm() }
    IndexSnapshot.prepare(try shards.map { try $0.index() })
  }
}
