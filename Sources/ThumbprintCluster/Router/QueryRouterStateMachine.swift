import ThumbprintCodes

/// Sends each query to one replica in sync of every shard, and merges what comes back.
///
/// Shards that the same worker searches go in one request. A replica that fails is replaced by
/// another; one that is late (past the 95th percentile of what requests took) is joined by
/// another, for at most ``RouterSettings/hedgeRatio`` of the requests. The answer is in the order
/// (distance, id) and the same for any number of shards and replicas. A shard without an answer,
/// or without the contents of its winners, makes the query fail, unless the query allows a part.
///
/// - Note: `Certificate` and `Content` are what the shell makes of proofs and records; the router
///   passes them through. One machine serves all queries; its shell serialises the calls.
public struct QueryRouterStateMachine<Certificate: Sendable, Content: Sendable>: Sendable {
  public typealias Action = RouterAction<Certificate, Content>

  public let settings: RouterSettings
  var loads: WorkerLoads
  var queries: [QueryID: OpenQuery] = [:]
  var attempts: [AttemptID: Attempt] = [:]
  var timers = DeadlineQueue<QueryID>()
  /// Where each shard may be read.
  private var routes: [ShardKey: [WorkerName]] = [:]
  private var shardCounts: [CollectionID: Int] = [:]
  private var lastAttempt = AttemptID(0)
  /// Requests that were not the first for their shards, since this machine began.
  public private(set) var counts = Counts()

  public struct Counts: Hashable, Sendable {
    public var retries = 0
    public var hedges = 0
  }

  struct Attempt: Sendable {
    var query: QueryID
    var worker: WorkerName
    var shards: [ShardKey]
    var isFetch: Bool
    var isHedge: Bool
    var sentAt: MonotonicInstant
    /// When another replica is asked too.
    var hedgeAt: MonotonicInstant?
  }

  struct ShardProgress: Sendable {
    var open: Set<AttemptID> = []
    var tried: Set<WorkerName> = []
    var attemptCount = 0
    var isHedged = false
    var began: MonotonicInstant
    var retryAt: MonotonicInstant?
    var refusal: ReplicaRefusal?
    var answer: (worker: WorkerName, duration: Duration)?
    /// It will not answer.
    var isGivenUp = false
    var isSettled: Bool { answer != nil || isGivenUp }
  }

  struct OpenQuery: Sendable {
    var query: RoutedQuery
    var shards: [ShardKey: ShardProgress]
    var matches: [[RoutedMatch]]
    var certificates: [(certificate: Certificate, shards: [ShardKey])] = []
    /// What is fetched from which shard, once the winners are known.
    var wanted: [ShardKey: [ItemID]]?
    var fetching: [ShardKey: ShardProgress] = [:]
    var contents: [ItemID: Content] = [:]
    var isFetching: Bool { wanted != nil }

    func shard(of item: ItemID) -> ShardKey {
      ShardKey(
        collection: query.collection, number: ShardHash.shard(of: item, count: shards.count))
    }
  }

  public init(settings: RouterSettings = RouterSettings()) {
    self.settings = settings
    loads = WorkerLoads(settings: settings)
  }

  // MARK: What is where

  /// Route by this map from now on.
  ///
  /// Where a worker was asked that is not in sync any more, another is asked too: it may be gone.
  /// If it answers first its answer counts, since it was in sync when the query came.
  public mutating func mapChanged(_ map: ClusterMap, now: MonotonicInstant) -> [Action] {
    routes = map.shards.mapValues { $0.isEstablished ? $0.inSync : [] }
    shardCounts = map.collections.mapValues(\.shardCount)
    var actions: [Action] = []
    for (id, query) in queries where shardCounts[query.query.collection] == nil {
      actions += close(id, now: now) + [.fail(id, .unknownCollection)]
    }
    var left: [QueryID: [ShardKey]] = [:]
    for attempt in attempts.values where queries[attempt.query]?.isFetching == attempt.isFetch {
      let keys = attempt.shards.filter { routes[$0]?.contains(attempt.worker) != true }
      if !keys.isEmpty { left[attempt.query, default: []] += keys }
    }
    for id in left.keys.sorted() {
      let open = Set(left[id] ?? []).sorted().filter { isAnotherFree(for: $0, of: id) }
      actions += dispatch(id, open, now: now)
    }
    return actions
  }

  /// Whether a shard waits for an answer, and there is a replica that was not asked for it.
  private func isAnotherFree(for key: ShardKey, of id: QueryID) -> Bool {
    guard let query = queries[id],
      let shard = query.isFetching ? query.fetching[key] : query.shards[key], !shard.isSettled,
      shard.attemptCount < settings.attemptCountMax
    else { return false }
    return hasFresh(key, shard)
  }

  private func hasFresh(_ key: ShardKey, _ shard: ShardProgress) -> Bool {
    (routes[key] ?? []).contains { !shard.tried.contains($0) && loads.isConnected($0) }
  }

  /// The connection to a worker opened or closed. What it was asked and has not answered is asked
  /// of others at once; a worker without a connection is asked for nothing.
  public mutating func connectionChanged(
    _ worker: WorkerName, isConnected: Bool, now: MonotonicInstant
  ) -> [Action] {
    loads.connectionChanged(worker, isConnected: isConnected)
    if isConnected { return [] }
    let lost = attempts.filter { $0.value.worker == worker }.keys.sorted()
    return lost.flatMap { [.cancel($0, on: worker)] + attemptFailed($0, now: now) }
  }

  /// Workers that are known to have no connection.
  public var disconnectedWorkers: [WorkerName] { loads.disconnected }

  // MARK: Queries

  /// A query arrived.
  public mutating func queryReceived(
    _ id: QueryID, _ query: RoutedQuery, now: MonotonicInstant
  ) -> [Action] {
    guard let shardCount = shardCounts[query.collection] else {
      return [.fail(id, .unknownCollection)]
    }
    guard queries.count < settings.queryCountMax else { return [.fail(id, .tooManyQueries)] }
    let keys = (0..<shardCount).map { ShardKey(collection: query.collection, number: $0) }
    queries[id] = OpenQuery(
      query: query,
      shards: Dictionary(uniqueKeysWithValues: keys.map { ($0, ShardProgress(began: now)) }),
      matches: Array(repeating: [], count: max(query.queryCount, 1)))
    timers.insert(id, at: query.deadline)
    if query.searchDeadline < query.deadline { timers.insert(id, at: query.searchDeadline) }
    return dispatch(id, keys, now: now) + completeIfDone(id, now: now)
  }

  /// The asker does not want the answer any more.
  public mutating func queryCancelled(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    close(id, now: now)
  }

  /// A worker searched, or refused to.
  public mutating func searchReplied(
    _ id: AttemptID, _ reply: SearchReply<Certificate>, now: MonotonicInstant
  ) -> [Action] {
    guard let attempt = endAttempt(id), !attempt.isFetch, var query = queries[attempt.query] else {
      return []
    }
    loads.replied(
      attempt.worker, after: attempt.sentAt.duration(to: now),
      isBatch: query.query.queryCount > 1)
    let accepted = reply.searched.filter {
      attempt.shards.contains($0) && query.shards[$0]?.answer == nil
    }
    if !accepted.isEmpty, reply.matches.count == query.matches.count {
      let isWhole = accepted.count == reply.searched.count
      let numbers = Set(accepted.map(\.number))
      for index in query.matches.indices {
        let new =
          isWhole
          ? reply.matches[index]
          : reply.matches[index].filter {
            numbers.contains(ShardHash.shard(of: $0.id, count: query.shards.count))
          }
        query.matches[index] = Self.merge(
          query.matches[index], new, countMax: query.query.matchCountMax)
      }
      if let certificate = reply.certificate {
        query.certificates.append((certificate, reply.searched))
      }
      for key in accepted {
        let duration = query.shards[key]!.began.duration(to: now)
        query.shards[key]?.answer = (attempt.worker, duration)
        query.shards[key]?.isGivenUp = false
      }
    }
    for key in attempt.shards { query.shards[key]?.open.remove(id) }
    for (key, refusal) in reply.refused { query.shards[key]?.refusal = refusal }
    queries[attempt.query] = query
    // Said as soon as it is known: replies to come make no match go away.
    let matchCount = query.matches.reduce(0) { $0 + $1.count }
    if matchCount > query.query.answerMatchCountMax {
      return close(attempt.query, now: now) + [.fail(attempt.query, .tooManyMatches(matchCount))]
    }
    let rest = attempt.shards.filter { query.shards[$0]?.isSettled == false }
    return retry(attempt.query, rest, now: now) + completeIfDone(attempt.query, now: now)
  }

  /// A request could not be sent, its connection failed, or its reply made no sense.
  public mutating func attemptFailed(_ id: AttemptID, now: MonotonicInstant) -> [Action] {
    guard let attempt = endAttempt(id), queries[attempt.query] != nil else { return [] }
    loads.failed(attempt.worker, now: now)
    for key in attempt.shards {
      queries[attempt.query]?.shards[key]?.open.remove(id)
      queries[attempt.query]?.fetching[key]?.open.remove(id)
    }
    return retry(attempt.query, attempt.shards, now: now)
      + completeIfDone(attempt.query, now: now)
  }

  /// A worker sent contents; shards that it did not look into are named.
  public mutating func fetchReplied(
    _ id: AttemptID, found: [ItemID: Content], refused: [ShardKey: ReplicaRefusal],
    now: MonotonicInstant
  ) -> [Action] {
    guard let attempt = endAttempt(id), attempt.isFetch, var query = queries[attempt.query] else {
      return []
    }
    query.contents.merge(found) { old, _ in old }
    for key in attempt.shards {
      query.fetching[key]?.open.remove(id)
      if let refusal = refused[key] {
        query.fetching[key]?.refusal = refusal
      } else if let began = query.fetching[key]?.began {
        query.fetching[key]?.answer = (attempt.worker, began.duration(to: now))
      }
    }
    queries[attempt.query] = query
    let rest = attempt.shards.filter { query.fetching[$0]?.isSettled == false }
    return retry(attempt.query, rest, now: now) + completeIfDone(attempt.query, now: now)
  }

  // MARK: Time

  /// When ``deadlineFired(now:)`` wants to be called; `nil` if no query is open.
  public var nextDeadline: MonotonicInstant? { timers.first }

  /// The moment of ``nextDeadline`` has passed. Harmless at any other.
  public mutating func deadlineFired(now: MonotonicInstant) -> [Action] {
    var actions: [Action] = []
    while let id = timers.popDue(now: now) {
      guard let query = queries[id] else { continue }
      if query.query.deadline <= now {
        actions += expire(id, now: now)
        continue
      }
      if !query.isFetching, query.query.searchDeadline <= now {
        actions += endSearch(id, now: now)
        continue
      }
      let progress = query.isFetching ? query.fetching : query.shards
      let due = progress.filter { key, shard in
        !shard.isSettled && shard.open.isEmpty && (shard.retryAt ?? now) <= now
      }.keys.sorted()
      actions += dispatch(id, due, now: now)
      actions += hedge(id, now: now)
      actions += completeIfDone(id, now: now)
    }
    return actions
  }

  // MARK: Sending

  /// Asks one replica for each of `keys`, in as few requests as there are workers chosen.
  mutating func dispatch(
    _ id: QueryID, _ keys: [ShardKey], isHedge: Bool = false, now: MonotonicInstant
  ) -> [Action] {
    guard var query = queries[id], !keys.isEmpty else { return [] }
    let isFetching = query.isFetching
    var chosen: [WorkerName: [ShardKey]] = [:]
    for key in keys {
      guard var shard = isFetching ? query.fetching[key] : query.shards[key] else { continue }
      let preferred = isFetching ? query.shards[key]?.answer?.worker : nil
      let worker = choose(key, shard, preferred: preferred, chosen, isHedge: isHedge, now: now)
      if let worker {
        chosen[worker, default: []].append(key)
      } else if !isHedge {
        wait(&shard, now: now)
      }
      if isFetching { query.fetching[key] = shard } else { query.shards[key] = shard }
    }
    queries[id] = query
    var actions: [Action] = []
    for worker in chosen.keys.sorted() {
      actions.append(send(id, worker, chosen[worker]!.sorted(), isHedge: isHedge, now: now))
    }
    scheduleRetries(id, now: now)
    return actions
  }

  private func choose(
    _ key: ShardKey, _ shard: ShardProgress, preferred: WorkerName?,
    _ chosen: [WorkerName: [ShardKey]], isHedge: Bool, now: MonotonicInstant
  ) -> WorkerName? {
    let connected = (routes[key] ?? []).filter { loads.isConnected($0) }
    let fresh = connected.filter { !shard.tried.contains($0) }
    if let preferred, fresh.contains(preferred) { return preferred }
    if isHedge { return loads.best(of: fresh, extra: chosen.mapValues(\.count), now: now) }
    guard shard.attemptCount < settings.attemptCountMax else { return nil }
    let candidates = fresh.isEmpty ? connected : fresh
    return loads.best(of: candidates, extra: chosen.mapValues(\.count), now: now)
  }

  /// Lets a shard that nobody can be asked for wait a little, or gives it up.
  private func wait(_ shard: inout ShardProgress, now: MonotonicInstant) {
    let isOver =
      shard.attemptCount >= settings.attemptCountMax
      || shard.began.advanced(by: settings.patience) <= now
    if isOver {
      shard.isGivenUp = true
    } else {
      shard.retryAt = now.advanced(by: settings.retryPause)
    }
  }

  private mutating func send(
    _ id: QueryID, _ worker: WorkerName, _ keys: [ShardKey], isHedge: Bool, now: MonotonicInstant
  ) -> Action {
    lastAttempt = lastAttempt.next
    let attempt = lastAttempt
    let query = queries[id]!
    let isFetching = query.isFetching
    var hedgeAt = now.advanced(by: settings.silenceMax)
    if !isHedge, !isFetching,
      let delay = loads.hedgeDelay(isBatch: query.query.queryCount > 1)
    {
      hedgeAt = min(hedgeAt, now.advanced(by: delay))
    }
    timers.insert(id, at: hedgeAt)
    attempts[attempt] = Attempt(
      query: id, worker: worker, shards: keys, isFetch: isFetching, isHedge: isHedge, sentAt: now,
      hedgeAt: hedgeAt)
    loads.sent(worker, shardCount: keys.count, isHedge: isHedge)
    let progress = isFetching ? query.fetching : query.shards
    if isHedge {
      counts.hedges += 1
    } else if keys.contains(where: { progress[$0].map { $0.attemptCount > 0 } ?? false }) {
      counts.retries += 1
    }
    func note(_ shard: inout ShardProgress) {
      shard.open.insert(attempt)
      shard.tried.insert(worker)
      shard.retryAt = nil
      if isHedge { shard.isHedged = true } else { shard.attemptCount += 1 }
    }
    for key in keys {
      if isFetching {
        if var shard = queries[id]?.fetching[key] {
          note(&shard)
          queries[id]?.fetching[key] = shard
        }
      } else if var shard = queries[id]?.shards[key] {
        note(&shard)
        queries[id]?.shards[key] = shard
      }
    }
    guard let wanted = query.wanted else { return .search(attempt, id, on: worker, shards: keys) }
    return .fetch(attempt, id, on: worker, items: wanted.filter { keys.contains($0.key) })
  }

  /// Asks others at once for shards that were refused, or waits when all were asked.
  private mutating func retry(
    _ id: QueryID, _ keys: [ShardKey], now: MonotonicInstant
  ) -> [Action] {
    guard let query = queries[id] else { return [] }
    let progress = query.isFetching ? query.fetching : query.shards
    var soon: [ShardKey] = []
    for key in keys {
      guard let shard = progress[key], shard.open.isEmpty, !shard.isSettled else { continue }
      if hasFresh(key, shard) {
        soon.append(key)
      } else {
        var shard = shard
        wait(&shard, now: now)
        if query.isFetching {
          queries[id]?.fetching[key] = shard
        } else {
          queries[id]?.shards[key] = shard
        }
      }
    }
    scheduleRetries(id, now: now)
    return dispatch(id, soon, now: now)
  }

  private mutating func scheduleRetries(_ id: QueryID, now: MonotonicInstant) {
    guard let query = queries[id] else { return }
    let progress = query.isFetching ? query.fetching : query.shards
    if let at = progress.values.compactMap({ $0.isSettled ? nil : $0.retryAt }).min() {
      timers.insert(id, at: at)
    }
  }

  /// Has others asked too for what a worker is late with: if there are hedges left, or if it has
  /// been silent for too long.
  private mutating func hedge(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    guard let query = queries[id] else { return [] }
    let progress = query.isFetching ? query.fetching : query.shards
    var actions: [Action] = []
    for number in Set(progress.values.flatMap(\.open)).sorted() {
      guard let attempt = attempts[number], let at = attempt.hedgeAt, at <= now else { continue }
      let silentAt = attempt.sentAt.advanced(by: settings.silenceMax)
      let isSilent = silentAt <= now
      attempts[number]?.hedgeAt = isSilent ? nil : silentAt
      if !isSilent { timers.insert(id, at: silentAt) }
      guard isSilent || loads.canHedge else { continue }
      let late = attempt.shards.filter { key in
        guard let shard = progress[key], !shard.isSettled else { return false }
        return isSilent || !shard.isHedged
      }
      actions += dispatch(id, late, isHedge: true, now: now)
    }
    return actions
  }

  /// Forgets an attempt that ended, however it did.
  mutating func endAttempt(_ id: AttemptID) -> Attempt? {
    guard let attempt = attempts.removeValue(forKey: id) else { return nil }
    loads.ended(attempt.worker, shardCount: attempt.shards.count)
    return attempt
  }
}
