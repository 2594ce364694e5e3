import ThumbprintCodes

extension QueryRouterStateMachine {
  /// Goes on to the contents, or answers, when no shard is waited for any more.
  mutating func completeIfDone(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    guard let query = queries[id] else { return [] }
    let progress = query.isFetching ? query.fetching : query.shards
    guard progress.values.allSatisfy(\.isSettled) else { return [] }
    let missing = progress.filter { $0.value.isGivenUp }.keys.sorted()
    guard missing.isEmpty || query.query.allowsPartial else {
      return close(id, now: now) + [.fail(id, .unavailable(missing))]
    }
    if !query.isFetching, query.query.wantsContents, query.matches.contains(where: { !$0.isEmpty })
    {
      return cancelAttempts(of: id) + beginFetching(id, now: now)
    }
    return close(id, now: now) + [.answer(id, answer(query))]
  }

  private mutating func beginFetching(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    guard let query = queries[id] else { return [] }
    var wanted: [ShardKey: [ItemID]] = [:]
    for item in Set(query.matches.joined().map(\.id)).sorted() {
      wanted[query.shard(of: item), default: []].append(item)
    }
    queries[id]?.wanted = wanted
    queries[id]?.fetching = wanted.mapValues { _ in ShardProgress(began: now) }
    return dispatch(id, wanted.keys.sorted(), now: now)
  }

  /// Goes on without the shards that have not answered.
  mutating func endSearch(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    guard let query = queries[id] else { return [] }
    for (key, shard) in query.shards where !shard.isSettled {
      queries[id]?.shards[key]?.isGivenUp = true
    }
    return completeIfDone(id, now: now)
  }

  /// The deadline passed: answers with what is there if that is allowed.
  mutating func expire(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    guard let query = queries[id] else { return [] }
    let progress = query.isFetching ? query.fetching : query.shards
    let missing = progress.filter { $0.value.answer == nil }.keys.sorted()
    let end = close(id, now: now)
    guard query.query.allowsPartial else { return end + [.fail(id, .deadlineExceeded(missing))] }
    return end + [.answer(id, answer(query))]
  }

  /// Forgets a query, and tells workers that still work on it.
  mutating func close(_ id: QueryID, now: MonotonicInstant) -> [Action] {
    let cancels = cancelAttempts(of: id)
    queries[id] = nil
    return cancels
  }

  private mutating func cancelAttempts(of id: QueryID) -> [Action] {
    guard let query = queries[id] else { return [] }
    let open = Set(query.shards.values.flatMap(\.open) + query.fetching.values.flatMap(\.open))
    // The usual case, in which nothing need be copied to be changed.
    if open.isEmpty { return [] }
    for key in query.shards.keys { queries[id]?.shards[key]?.open = [] }
    return open.sorted().compactMap { attempt in
      endAttempt(attempt).map { .cancel(attempt, on: $0.worker) }
    }
  }

  private func answer(_ query: OpenQuery) -> RoutedAnswer<Certificate, Content> {
    let lost = Self.lost(query)
    let statuses = query.shards.sorted { $0.key < $1.key }.map { key, shard in
      ShardStatus(
        shard: key,
        state: lost.contains(key)
          ? .missing(query.fetching[key]?.refusal)
          : shard.answer.map { .answered(by: $0.worker) } ?? .missing(shard.refusal),
        duration: shard.answer?.duration ?? .zero, attemptCount: shard.attemptCount,
        isHedged: shard.isHedged)
    }
    var matches = query.matches
    if !lost.isEmpty {
      for index in matches.indices {
        matches[index].removeAll { lost.contains(query.shard(of: $0.id)) }
      }
    }
    return RoutedAnswer(
      matches: matches,
      cuts: query.matches.map {
        $0.count >= query.query.matchCountMax ? $0.last?.distance : nil
      },
      shards: statuses,
      proofs: query.certificates.map { certificate, shards in
        RoutedProof(
          certificate: certificate, isWhole: lost.isDisjoint(with: shards))
      },
      contents: query.contents,
      isComplete: lost.isEmpty && query.shards.values.allSatisfy { $0.answer != nil })
  }

  /// Shards with matches whose contents are wanted and are not there. What was found in them cannot
  /// be shown: without a word it would seem not to be there.
  private static func lost(_ query: OpenQuery) -> Set<ShardKey> {
    if query.isFetching { return Set(query.fetching.filter { $0.value.answer == nil }.keys) }
    guard query.query.wantsContents else { return [] }
    return Set(query.matches.joined().map { query.shard(of: $0.id) })
  }

  /// The least `countMax` of two lists in order, without doubles.
  static func merge(
    _ a: [RoutedMatch], _ b: [RoutedMatch], countMax: Int
  ) -> [RoutedMatch] {
    if a.isEmpty { return Array(b.prefix(countMax)) }
    var result: [RoutedMatch] = []
    result.reserveCapacity(min(a.count + b.count, countMax))
    var (i, j) = (0, 0)
    while result.count < countMax, i < a.count || j < b.count {
      let takesA = j == b.count || (i < a.count && a[i] <= b[j])
      let next = takesA ? a[i] : b[j]
      if takesA { i += 1 } else { j += 1 }
      if result.last != next { result.append(next) }
    }
    return result
  }
}
