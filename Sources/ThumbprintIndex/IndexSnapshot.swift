import ThumbprintCodes

/// Everything that one query of one shard sees: sealed segments and the recent rows.
public struct IndexSnapshot: Sendable {
  public let segments: [Segment]
  /// Rows without an index; compared by their sketches, one block after another.
  public let recent: [CodeColumns]
  public let permutation: BitPermutation
  /// Rows that are not deleted.
  let liveRowCount: Int
  /// What keeps the borrowed memory in place: it lives as long as a search that was begun.
  private var owner: (any AnyObject & Sendable)?

  public init(
    segments: [Segment], recent: [CodeColumns], permutation: BitPermutation,
    owner: (any AnyObject & Sendable)? = nil
  ) {
    self.segments = segments
    self.recent = recent.filter { $0.rowCount > 0 }
    liveRowCount =
      segments.reduce(0) { $0 + $1.liveRowCount } + recent.reduce(0) { $0 + $1.liveRowCount }
    self.permutation = permutation
    self.owner = owner
  }

  /// The same rows, in memory that `owner` keeps in place.
  public func owned(by owner: any AnyObject & Sendable) -> IndexSnapshot {
    var copy = self
    copy.owner = owner
    return copy
  }

  /// The same rows, searched by plans made for other costs.
  package func priced(_ costs: CostModel) -> IndexSnapshot {
    IndexSnapshot(
      segments: segments.map { $0.priced(costs) }, recent: recent, permutation: permutation,
      owner: owner)
  }

  public var rowCount: Int {
    segments.reduce(0) { $0 + $1.rowCount } + recent.reduce(0) { $0 + $1.rowCount }
  }

  /// Parts among which the allowed chance to miss is split.
  var partCount: Int { max(1, segments.count + (recent.isEmpty ? 0 : 1)) }

  /// Answers one query on the calling thread. Any number of threads may search at once.
  ///
  /// - Parameters:
  ///   - query: For ``SearchMetric/combined`` it must have an image code.
  ///   - missProbability: What ``SearchPromise/certified`` may miss by, here: 10⁻⁹ over the
  ///     number of processes that answer together.
  public func search(_ query: SearchQuery, missProbability: Double = 1e-9) -> SearchAnswer {
    Self.search(query, in: [self], missProbability: missProbability)
  }

  /// Answers many queries, which share passes over memory, on the calling thread.
  ///
  /// Each answer is what ``search(_:missProbability:)`` gives, or as good: a batch may take
  /// another way to it.
  public func search(
    batch queries: [SearchQuery], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    Self.search(batch: queries, in: [self], missProbability: missProbability)
  }

  /// Answers one query from several shards as if they were one.
  ///
  /// A bound found in any part serves all others: a near duplicate is as cheap when its like are
  /// spread over shards.
  public static func search(
    _ query: SearchQuery, in snapshots: [IndexSnapshot], missProbability: Double = 1e-9
  ) -> SearchAnswer {
    if snapshots.count == 1, let answer = snapshots[0].searchAlone(query, missProbability) {
      return answer
    }
    return search(batch: [query], in: snapshots, missProbability: missProbability)[0]
  }

  /// What a batch of one query does, without the lists that it keeps; `nil` if this is not one
  /// segment alone.
  private func searchAlone(_ query: SearchQuery, _ missProbability: Double) -> SearchAnswer? {
    guard segments.count == 1, recent.isEmpty else { return nil }
    let plan = QueryPlan(query, missProbability: missProbability, rowCount: rowCount)
    return SearchScratch.with { scratch in
      prepare(query, scratch)
      var search = SegmentSearch(
        segments[0], plan: plan, scratch: scratch,
        costs: plan.isDecidedByBounds ? segments[0].costs : .usual, outer: TopMatches(query))
      search.run()
      search.certificate.radius = plan.radius(bound: search.matches.bound)
      return withExtendedLifetime(self) {
        SearchAnswer(matches: search.matches.sorted(), certificate: search.certificate)
      }
    }
  }

  /// Answers many queries from several shards as if they were one.
  public static func search(
    batch queries: [SearchQuery], in snapshots: [IndexSnapshot], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    inGroups(queries, snapshots, missProbability) { $0.run() }
  }

  /// Finds near rows at little cost: by hash tables and clusters, by sketches where neither is worth
  /// asking, and among the recent rows.
  ///
  /// Nothing is proved. What is found is there, so the
  /// distance of the k-th is a bound under which the shards of other processes can be searched for
  /// less: what ``search(batch:in:missProbability:)`` does for the shards that it has in hand.
  ///
  /// - Returns: For each query at most the matches that it asks for, in order. The certificates
  ///   say what it took, and that it may have missed anything.
  public static func probe(
    batch queries: [SearchQuery], in snapshots: [IndexSnapshot], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    inGroups(queries, snapshots, missProbability) { $0.runProbe() }
  }

  private static func inGroups(
    _ queries: [SearchQuery], _ snapshots: [IndexSnapshot], _ missProbability: Double,
    _ answer: (inout BatchSearch) -> [SearchAnswer]
  ) -> [SearchAnswer] {
    // Pointers do not keep their owners: without this one could go while its rows are read.
    defer { withExtendedLifetime(snapshots) {} }
    // A group shares its passes; more at once would not fit the caches.
    var answers: [SearchAnswer] = []
    answers.reserveCapacity(queries.count)
    for low in stride(from: 0, to: queries.count, by: BatchSearch.groupSize) {
      let group = queries[low..<min(queries.count, low + BatchSearch.groupSize)]
      var batch = BatchSearch(snapshots, Array(group), missProbability: missProbability)
      answers += answer(&batch)
    }
    return answers
  }

  func prepare(_ query: SearchQuery, _ scratch: SearchScratch) {
    query.feature.withUnsafeBytes {
      permutation.permute($0.baseAddress!, to: scratch.query.base)
    }
  }
}
