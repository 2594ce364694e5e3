import ThumbprintClient
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTranslation
import ThumbprintWire

/// A collection of a cluster, asked through its coordinator.
struct ClusterCollection: CollectionHandle {
  let session: ClusterSession
  let collection: RemoteCollection

  var name: String { collection.description.name }

  func report() throws -> CollectionReport {
    CollectionReport(try session.run(DescribeCollection(collection: name)))
  }

  func records(_ ids: [ItemID]) throws -> [Record?] {
    var found: [ItemID: Record] = [:]
    for start in stride(from: 0, to: ids.count, by: Self.fetchCount) {
      try fetch(Array(ids[start..<min(start + Self.fetchCount, ids.count)]), .all) { rows, row in
        found[rows.id(row)] = try rows.record(row)
      }
    }
    return ids.map { found[$0] }
  }

  /// Ids asked for at once.
  private static let fetchCount = 4096

  /// Calls `body` with the rows of ids; asks for fewer at once when they are too many bytes.
  private func fetch(
    _ ids: [ItemID], _ parts: RowParts, _ body: (RowColumns, Int) throws -> Void
  ) throws {
    if ids.isEmpty { return }
    let reply: FetchReply
    do {
      reply = try session.ask(FetchRequest(collection: collection.id, ids: ids, parts: parts))
    } catch let error as ServiceError where error.code == .tooLarge && ids.count > 1 {
      try fetch(Array(ids[..<(ids.count / 2)]), parts, body)
      return try fetch(Array(ids[(ids.count / 2)...]), parts, body)
    }
    for row in 0..<reply.rows.rowCount { try body(reply.rows, row) }
  }

  func forEachRecord(_ body: (Record) throws -> Void) throws {
    try forEachRow(parts: .all) { try body(try $0.record($1)) }
  }

  /// Visits every row, in ascending order of id, with what `parts` names of it.
  func forEachRow(parts: RowParts, _ body: (RowColumns, Int) throws -> Void) throws {
    var walk = try ClusterWalk(session, collection.id, collection.description.shardCount, parts)
    while let (rows, row) = try walk.next() { try body(rows, row) }
  }

  func forEachDescription(
    _ body: (ItemID, String?, [String: String]) throws -> Void
  ) throws {
    try forEachRow(parts: [.names, .tags]) { rows, row in
      try body(rows.id(row), rows.name(row), try rows.tags(row))
    }
  }

  /// What fails because a worker is lost is sent again, until another has taken its place.
  func upsert(_ records: [Record], coder: CoderIdentity) throws {
    let (collection, patience) = (collection, session.client.timeout)
    _ = try ClusterSession.wait {
      try await collection.upsert(records, coder: coder, patience: patience)
    }
  }

  /// Workers index by themselves.
  func settle() -> Bool { true }

  func delete(_ ids: [ItemID]) throws -> (deleted: Int, absent: Int) {
    let collection = collection
    let counts = try ClusterSession.wait { try await collection.delete(ids) }
    return (counts.deleted, counts.absent)
  }

  func stats() throws -> StatsReport {
    StatsReport(try session.run(CollectionStatsOperation(collection: name)))
  }

  // MARK: Searching

  func search(_ queries: [SearchQuery], _ run: SearchRun) throws -> SearchOutcome {
    var outcome = SearchOutcome()
    guard let first = queries.first else { return outcome }
    let batchCount =
      switch first.extent {
      case .nearest(let k): min(WireLimits.queryCountMax, WireLimits.matchCountMax / k)
      // Nobody knows how many there are; what is too large is asked for in halves.
      case .within: 64
      }
    var parts = run
    parts.wantsNames = run.wantsNames && Self.areFew(queries.count, first.extent)
    for start in stride(from: 0, to: queries.count, by: batchCount) {
      try search(queries[start..<min(start + batchCount, queries.count)], parts, &outcome)
    }
    guard run.wantsNames, !parts.wantsNames else { return outcome }
    let ids = Set(outcome.answers.lazy.flatMap(\.matches).map(\.id)).sorted()
    for start in stride(from: 0, to: ids.count, by: Self.fetchCount) {
      try fetch(Array(ids[start..<min(start + Self.fetchCount, ids.count)]), .names) { rows, row in
        if let name = rows.name(row) { outcome.names[rows.id(row)] = name }
      }
    }
    return outcome
  }

  /// Whether names are so few that they come with the matches, in the same answer.
  private static func areFew(_ queryCount: Int, _ extent: SearchQuery.Extent) -> Bool {
    guard case .nearest(let k) = extent else { return false }
    return queryCount * k * RecordLimits.nameByteCountMax <= WireLimits.payloadByteCountMax / 2
  }

  private func search(
    _ queries: ArraySlice<SearchQuery>, _ run: SearchRun, _ outcome: inout SearchOutcome
  ) throws {
    guard let first = queries.first else { return }
    var wants: SearchWants = .certificate
    if run.wantsNames { wants.insert(.names) }
    if run.wantsImages { wants.insert(.images) }
    if run.allowsPartial { wants.insert(.partial) }
    var request = SearchRequest(
      collection: collection.id, extent: WireExtent(first.extent), distanceMax: first.distanceMax,
      promise: WirePromise(first.promise),
      metric: WireMetric(first.metric), wants: wants)
    for query in queries { request.append(feature: query.feature, image: query.image) }
    if let problem = request.problem { throw ServiceError(.invalid, problem) }
    let reply: SearchReply
    do {
      reply = try session.ask(request)
    } catch let error as ServiceError where error.code == .tooLarge && queries.count > 1 {
      let middle = queries.startIndex + queries.count / 2
      try search(queries[..<middle], run, &outcome)
      return try search(queries[middle...], run, &outcome)
    } catch var error as ServiceError where error.code == .unavailable && error.hint != nil {
      error.hint =
        "see 'thumbprint cluster shards'; --allow-partial answers from the other shards"
      throw error
    }
    guard reply.answers.count == queries.count else {
      throw ServiceError(
        .malformed, "\(reply.answers.count) answers to \(queries.count) queries")
    }
    for answer in reply.answers {
      outcome.answers.append(
        SearchAnswer(
          matches: answer.matches.map {
            SearchMatch(distance: Int(reply.distances[$0]), id: reply.rows.id($0))
          },
          certificate: SearchCertificate(answer.certificate ?? WireCertificate())))
    }
    if run.wantsNames {
      for row in 0..<reply.rows.rowCount {
        if let name = reply.rows.name(row) { outcome.names[reply.rows.id(row)] = name }
      }
    }
    if run.wantsImages {
      for row in 0..<reply.rows.rowCount {
        outcome.images[reply.rows.id(row)] = reply.rows.image(row)
      }
    }
    outcome.shards.merge(reply.shards)
  }

  func fullScan(_ queries: [SearchQuery], each: (Int) -> Void) throws -> FullScan {
    var best = queries.map { TopMatches($0) }
    let isCombined = queries.contains { $0.metric == .combined }
    let watch = Stopwatch()
    // One pass over the network for all queries.
    try forEachRow(parts: isCombined ? [.features, .images] : .features) { rows, row in
      let feature = rows.feature(row)
      let image = isCombined ? rows.image(row) : ImageCode()
      for (number, query) in queries.enumerated() {
        var distance = query.feature.distance(to: feature)
        if query.metric == .combined, let code = query.image {
          distance += code.distance(to: image)
        }
        best[number].insert(distance: distance, id: rows.id(row))
      }
    }
    let share = watch.nanoseconds / UInt64(max(1, queries.count))
    each(queries.count)
    return FullScan(
      matches: best.map { $0.sorted() }, nanoseconds: queries.map { _ in share })
  }
}

extension [ShardOutcome] {
  /// Adds what became of the shards in another request.
  fileprivate mutating func merge(_ statuses: [ShardStatus]) {
    for status in statuses {
      let index =
        firstIndex { $0.shard == status.shard }
        ?? {
          append(
            ShardOutcome(
              shard: status.shard, waitedMilliseconds: 0, searchedMilliseconds: 0, position: ""))
          return count - 1
        }()
      if let failure = status.failure { self[index].failure = failure.description }
      self[index].waitedMilliseconds += Double(status.waitedMicroseconds) / 1000
      self[index].searchedMilliseconds += Double(status.searchedMicroseconds) / 1000
      self[index].position = status.position.description
    }
  }
}
