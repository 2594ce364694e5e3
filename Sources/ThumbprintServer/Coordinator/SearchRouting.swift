import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// The words that the shell of the router has for what the router passes through.
enum SearchRouting {
  /// What was proved about each query of a batch; empty if nobody asked.
  typealias Proofs = [WireCertificate]
  typealias Machine = QueryRouterStateMachine<Proofs, Content>
  typealias Action = RouterAction<Proofs, Content>

  /// What an answer says of one match: a row of what a worker sent.
  struct Content: Sendable {
    var rows: RowColumns
    var row: Int
  }

  /// A search whose answer is waited for.
  struct OpenSearch {
    var search: SearchRequest
    var request: ServerRequest
    /// When it is answered at the latest, whatever its stages have taken.
    var deadline: MonotonicInstant
    /// What is left of the time then, and what is kept for contents before: none of either unless
    /// an answer in part is allowed.
    var margin: Duration
    var shardCount: Int
    /// What came with the matches, if it was asked for with them.
    var contents: [ItemID: Content] = [:]
    /// What workers said of shards that they searched.
    var statuses: [Int: ThumbprintWire.ShardStatus] = [:]
    var isEager: Bool
    var stages: SearchStages
    /// For each query what its probes took; empty if nobody asked.
    var probes: Proofs = []
  }

  /// Contents that one worker is asked for, as many at once as a fetch may name.
  struct ContentFetch {
    var attempt: AttemptID
    var query: QueryID
    var worker: WorkerAddress
    /// Those that were not asked for yet.
    var ids: ArraySlice<ItemID>
    var found: [ItemID: Content] = [:]
    var byteCount = 0
  }
}

extension CoordinatorCore {
  func search(_ search: SearchRequest, _ request: ServerRequest) throws(ServiceError) {
    let entry = try collection(search.collection)
    try check(search.coder ?? request.peer.hello.coder, entry)
    guard search.shards.isEmpty else {
      throw ServiceError(.invalid, "a coordinator searches all shards")
    }
    guard !search.isProbe else {
      throw ServiceError(.invalid, "a coordinator does not probe: it answers searches")
    }
    let k: Int? = if case .nearest(let k) = search.extent { k } else { nil }
    let isEager = k.map { $0 <= settings.eagerMatchCountMax } ?? false
    let stages = SearchStages(
      nearest: k, bounds: (0..<search.queryCount).map(search.distanceMax),
      isSpread: isSpread(search.collection, shardCount: entry.shardCount))
    // An answer in part comes a little earlier: its sender has to be waiting still when it is found
    // out that something is late.
    let deadline = deadline(of: request)
    let left = max(.zero, MonotonicInstant.now.duration(to: deadline))
    let margin =
      search.wants.contains(.partial) ? min(settings.partialMargin, left / 10) : .zero
    begin(
      SearchRouting.OpenSearch(
        search: search, request: request, deadline: deadline.advanced(by: .zero - margin),
        margin: margin, shardCount: entry.shardCount, isEager: isEager, stages: stages))
  }

  /// Has the router do what comes next for a search.
  func begin(_ open: SearchRouting.OpenSearch) {
    let search = open.search
    lastQuery = QueryID(lastQuery.rawValue + 1)
    let id = lastQuery
    searches[id] = open
    let cancelled = onLoop { core in
      if let open = core.searches.removeValue(forKey: id) { core.ended(open, .cancelled) }
      core.route { $0.queryCancelled(id, now: $1) }
    }
    open.request.onCancel(cancelled)
    let countMax =
      switch search.extent {
      case .nearest(let k): k
      case .within: Int.max
      }
    var query = RoutedQuery(
      collection: search.collection, queryCount: search.queryCount, matchCountMax: countMax,
      answerMatchCountMax: ThumbprintWire.SearchReply.matchCountMax(with: search.wants.parts),
      deadline: open.deadline, allowsPartial: search.wants.contains(.partial),
      wantsContents: !search.wants.parts.isEmpty && !open.isEager, contentsTime: open.margin)
    if open.stages.stage == .probe {
      // A bound is worth no more than it saves: without some shards it is only less tight.
      let now = MonotonicInstant.now
      let wait = min(settings.probeWait, now.duration(to: query.deadline) / 4)
      query.deadline = now.advanced(by: wait)
      query.allowsPartial = true
      query.wantsContents = false
    }
    route { $0.queryReceived(id, query, now: $1) }
  }

  /// When the sender of a request stops waiting, or this coordinator does.
  func deadline(of request: ServerRequest) -> MonotonicInstant {
    request.deadline?.monotonic ?? MonotonicInstant.now.advanced(by: settings.deadline)
  }

  func collection(_ id: CollectionID) throws(ServiceError) -> CollectionEntry {
    guard let entry = map.collections[id] else {
      throw ServiceError(
        .notFound, "there is no collection \(id)",
        hint: "it was dropped; the list of collections names those that there are")
    }
    return entry
  }

  func check(_ coder: CoderIdentity?, _ entry: CollectionEntry) throws(ServiceError) {
    if let theirs = coder, let mine = entry.coder, theirs != mine {
      throw .coderMismatch(
        of: "the request", is: theirs, but: mine, holds: "collection '\(entry.name)'")
    }
  }

  // MARK: Actions

  func run(_ action: SearchRouting.Action) {
    switch action {
    case .search(let attempt, let query, let worker, let shards):
      search(attempt, query, on: worker, shards: shards)
    case .fetch(let attempt, let query, let worker, let items):
      fetch(attempt, query, on: worker, items: items)
    case .cancel(let attempt, on: _): attempts.removeValue(forKey: attempt)?.cancel()
    case .answer(let query, let answer):
      guard let open = searches.removeValue(forKey: query) else { return }
      if let next = open.next(after: answer) { return begin(next) }
      do throws(ServiceError) {
        open.request.answer(try reply(to: open, answer))
        ended(open, answer.isComplete ? .complete : .partial)
      } catch {
        fail(open, error)
      }
    case .fail(let query, let failure):
      guard var open = searches.removeValue(forKey: query) else { return }
      // What follows a probe finds no fewer matches.
      let isFinal = if case .tooManyMatches = failure { true } else { false }
      if !isFinal, open.stages.failed() { return begin(open) }
      fail(open, error(failure, open))
    }
  }

  private func fail(_ open: SearchRouting.OpenSearch, _ error: ServiceError) {
    open.request.fail(error)
    ended(open, .failed)
  }

  private func ended(_ open: SearchRouting.OpenSearch, _ outcome: CoordinatorMetrics.QueryOutcome) {
    metrics.searched(
      outcome, queryCount: open.search.queryCount,
      nanoseconds: (NIODeadline.now() - open.request.received).nanoseconds)
  }

  private func search(
    _ attempt: AttemptID, _ query: QueryID, on worker: WorkerName, shards: [ShardKey]
  ) {
    guard let open = searches[query], let address = address(of: worker) else {
      return failed(attempt)
    }
    var search = open.search
    search.shards = shards.map(\.number)
    // A share of the least chance that there is would be none, which no search may be asked for.
    search.missProbability = max(
      .leastNonzeroMagnitude,
      search.missProbability * Double(shards.count) / Double(max(1, open.shardCount)))
    search.wants.remove(.partial)
    search.isProbe = open.stages.stage == .probe
    if open.stages.stage == .bounded { search.bounds = open.stages.bounds.map(UInt16.init) }
    if !open.isEager || search.isProbe { search.wants.subtract([.images, .names, .tags]) }
    let (queryCount, parts) = (search.queryCount, search.wants.parts)
    let received = receiver {
      (core: CoordinatorCore, result: Result<ThumbprintWire.SearchReply, ServiceError>) in
      guard core.attempts.removeValue(forKey: attempt) != nil else { return }
      switch result {
      case .success(let reply) where reply.answers.count == queryCount && reply.rows.has(parts):
        core.received(reply, attempt, query, shards)
      case .failure(let error) where error.code == .tooLarge: core.refused(query, error)
      case .success, .failure: core.failed(attempt)
      }
    }
    start(attempt, search, for: open, to: address, received)
  }

  private func start<Request: WireRequest>(
    _ attempt: AttemptID, _ message: Request, for open: SearchRouting.OpenSearch,
    to address: WorkerAddress,
    _ received: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void
  ) {
    let left = max(.milliseconds(1), MonotonicInstant.now.duration(to: open.deadline))
    let outgoing = OutgoingRequest(
      message, traceID: open.request.traceID, timeout: left.timeAmount, completion: received)
    attempts[attempt] = outgoing
    network.start(outgoing, to: address)
  }

  /// Not at once: the router is in the middle of handing out actions.
  private func failed(_ attempt: AttemptID) {
    onLoop { $0.route { $0.attemptFailed(attempt, now: $1) } }()
  }

  /// Ends a query that every replica would refuse, with what one said.
  private func refused(_ query: QueryID, _ error: ServiceError) {
    guard let open = searches.removeValue(forKey: query) else { return }
    fail(open, error)
    onLoop { $0.route { $0.queryCancelled(query, now: $1) } }()
  }

  private func received(
    _ reply: ThumbprintWire.SearchReply, _ attempt: AttemptID, _ query: QueryID,
    _ shards: [ShardKey]
  ) {
    guard let collection = shards.first?.collection else { return }
    var searched: [ShardKey] = []
    var refused: [ShardKey: ReplicaRefusal] = [:]
    for status in reply.shards {
      let key = ShardKey(collection: collection, number: status.shard)
      if let failure = status.failure {
        refused[key] = ReplicaRefusal(failure)
      } else {
        searched.append(key)
        searches[query]?.statuses[status.shard] = status
      }
    }
    // Where no row has a name, names that were asked for have no column.
    if let open = searches[query], open.isEager, open.stages.stage != .probe,
      !open.search.wants.parts.isEmpty
    {
      for row in 0..<reply.rows.rowCount {
        searches[query]?.contents[reply.rows.id(row)] = .init(rows: reply.rows, row: row)
      }
    }
    let matches = reply.answers.map { answer in
      answer.matches.map {
        RoutedMatch(distance: Int(reply.distances[$0]), id: reply.rows.id($0))
      }
    }
    let proofs = reply.answers.compactMap(\.certificate)
    let routed = ThumbprintCluster.SearchReply<SearchRouting.Proofs>(
      matches: matches, searched: searched, refused: refused,
      certificate: proofs.isEmpty ? nil : proofs)
    route { $0.searchReplied(attempt, routed, now: $1) }
  }

  private func fetch(
    _ attempt: AttemptID, _ query: QueryID, on worker: WorkerName, items: [ShardKey: [ItemID]]
  ) {
    guard let address = address(of: worker) else { return failed(attempt) }
    let ids = items.values.flatMap { $0 }.sorted()
    fetch(
      SearchRouting.ContentFetch(attempt: attempt, query: query, worker: address, ids: ids[...]))
  }

  /// Asks for as many of the contents as one message may name; the next ones follow its answer.
  private func fetch(_ contents: SearchRouting.ContentFetch) {
    let (attempt, query) = (contents.attempt, contents.query)
    guard let open = searches[query] else { return failed(attempt) }
    let parts = open.search.wants.parts
    let message = FetchRequest(
      collection: open.search.collection, ids: Array(contents.ids.prefix(WireLimits.idCountMax)),
      parts: parts)
    let received = receiver { (core: CoordinatorCore, result: Result<FetchReply, ServiceError>) in
      guard core.attempts.removeValue(forKey: attempt) != nil else { return }
      switch result {
      case .success(let reply) where reply.rows.has(parts):
        var contents = contents
        contents.add(reply.rows)
        core.fetched(contents)
      case .failure(let error) where error.code == .tooLarge: core.refused(query, error)
      case .success, .failure: core.failed(attempt)
      }
    }
    start(attempt, message, for: open, to: contents.worker, received)
  }

  private func fetched(_ contents: SearchRouting.ContentFetch) {
    // All of it is for one answer.
    guard contents.byteCount <= WireLimits.payloadByteCountMax else {
      return refused(
        contents.query,
        .tooLarge("bytes", orMore: contents.byteCount, most: WireLimits.payloadByteCountMax))
    }
    guard contents.ids.isEmpty else { return fetch(contents) }
    route { $0.fetchReplied(contents.attempt, found: contents.found, refused: [:], now: $1) }
  }

  // MARK: Answers

  private func error(_ failure: RouterFailure, _ open: SearchRouting.OpenSearch) -> ServiceError {
    let name = map.collections[open.search.collection]?.name ?? "\(open.search.collection)"
    func list(_ shards: [ShardKey]) -> String {
      shards.prefix(8).map { "\($0.number)" }.joined(separator: ", ")
        + (shards.count > 8 ? " and \(shards.count - 8) more" : "")
    }
    return switch failure {
    case .unknownCollection: ServiceError(.notFound, "there is no collection '\(name)'")
    case .unavailable(let shards):
      ServiceError(
        .unavailable, "no replica answers of shard \(list(shards)) of '\(name)'",
        // Programs of all kinds ask: each names its own way to say so.
        hint: "a search that allows a partial answer gets that of the other shards")
    case .deadlineExceeded(let shards):
      ServiceError(.deadlineExceeded, "no answer in time of shard \(list(shards)) of '\(name)'")
    case .tooManyQueries: ServiceError(.busy, "too many queries are open")
    case .tooManyMatches(let count):
      .tooLarge(
        "matches", orMore: count,
        most: ThumbprintWire.SearchReply.matchCountMax(with: open.search.wants.parts))
    }
  }

  private func reply(
    to open: SearchRouting.OpenSearch,
    _ answer: RoutedAnswer<SearchRouting.Proofs, SearchRouting.Content>
  ) throws(ServiceError) -> ThumbprintWire.SearchReply {
    let parts = open.search.wants.parts
    let contents = open.isEager ? open.contents : answer.contents
    var rows = RowColumnsBuilder(
      parts: parts, capacity: answer.matches.reduce(0) { $0 + $1.count })
    var distances: [UInt16] = []
    var answers: [ThumbprintWire.SearchReply.Answer] = []
    for (index, matches) in answer.matches.enumerated() {
      let first = distances.count
      for match in matches {
        if parts.isEmpty {
          rows.append(id: match.id)
        } else if let content = contents[match.id] {
          rows.append(row: content.row, of: content.rows)
        } else {
          // It was deleted since it was found.
          continue
        }
        try rows.checkSize()
        distances.append(UInt16(match.distance))
      }
      let proof = open.search.wants.contains(.certificate) ? open.proof(of: index, answer) : nil
      answers.append(.init(matches: first..<distances.count, certificate: proof))
    }
    let statuses = answer.shards.map { shard in
      var status = open.statuses[shard.shard.number] ?? .init(shard: shard.shard.number)
      if case .missing(let refusal) = shard.state {
        status.failure = refusal?.serviceCode ?? .unavailable
      }
      return status
    }
    return ThumbprintWire.SearchReply(
      answers: answers, shards: statuses, distances: distances, rows: rows.columns())
  }
}

extension SearchRouting.ContentFetch {
  /// Takes the answer for the first of the ids.
  mutating func add(_ rows: RowColumns) {
    ids = ids.dropFirst(WireLimits.idCountMax)
    byteCount += rows.byteCount
    for row in 0..<rows.rowCount { found[rows.id(row)] = .init(rows: rows, row: row) }
  }
}

extension SearchRouting.OpenSearch {
  /// What is left to do after an answer of the router; `nil` if it is the answer.
  func next(
    after answer: RoutedAnswer<SearchRouting.Proofs, SearchRouting.Content>
  ) -> SearchRouting.OpenSearch? {
    var next = self
    let wasProbe = stages.stage == .probe
    let hasTime = MonotonicInstant.now < deadline.advanced(by: .zero - margin)
    guard next.stages.ended(answer.cuts, hasTime: hasTime) else { return nil }
    next.contents = [:]
    next.statuses = [:]
    if wasProbe, let first = answer.proofs.first?.certificate {
      next.probes = answer.proofs.dropFirst().reduce(into: first) { sum, proof in
        for index in sum.indices { sum[index].merge(proof.certificate[index]) }
      }
    }
    return next
  }

  /// What was proved about one query, and what it took.
  func proof(
    of index: Int, _ answer: RoutedAnswer<SearchRouting.Proofs, SearchRouting.Content>
  ) -> WireCertificate {
    var proof = answer.proofs.reduce(into: WireCertificate()) { $0.merge($1.certificate[index]) }
    // Which of the rows are those of a shard that is missing now only its worker knows: so none of
    // what it searched with it is spoken for.
    for lost in answer.proofs where !lost.isWhole {
      proof.rowCount -= lost.certificate[index].rowCount
    }
    if index < probes.count { proof.add(costsOf: probes[index]) }
    // Workers prove their own answers; what was left out of them here limits what is proved.
    if let cut = answer.cuts[index] { proof.radius = min(proof.radius, UInt64(cut)) }
    return proof
  }
}

extension CoordinatorCore {
  /// Whether several workers answer searches of a collection.
  private func isSpread(_ collection: CollectionID, shardCount: Int) -> Bool {
    if let known = spread[collection] { return known }
    var workers: Set<WorkerName> = []
    for number in 0..<shardCount {
      workers.formUnion(map.shards[ShardKey(collection: collection, number: number)]?.inSync ?? [])
    }
    spread[collection] = shardCount > 1 && workers.count > 1
    return spread[collection] ?? false
  }
}
