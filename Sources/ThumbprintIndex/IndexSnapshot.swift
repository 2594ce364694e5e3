import CHamming
import ThumbprintCodes

/// Everything that one query of one shard sees: sealed segments and the recent rows.
public struct IndexSnapshot: Sendable {
  public let segments: [Segment]
  /// Rows without an index; compared by their sketches, one block after another.
  public let recent: [CodeColumns]
  public let permutation: BitPermutation
  /// What keeps the borrowed memory in place: it lives as long as a search that was begun.
  private let owner: (any AnyObject & Sendable)?

  public init(
    segments: [Segment], recent: [CodeColumns], permutation: BitPermutation,
    owner: (any AnyObject & Sendable)? = nil
  ) {
    self.segments = segments
    self.recent = recent.filter { $0.rowCount > 0 }
    self.permutation = permutation
    self.owner = owner
  }

  /// The same rows, in memory that `owner` keeps in place.
  public func owned(by owner: any AnyObject & Sendable) -> IndexSnapshot {
    IndexSnapshot(segments: segments, recent: recent, permutation: permutation, owner: owner)
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
      search.certificate.radius = search.matches.bound
      return withExtendedLifetime(self) {
        SearchAnswer(matches: search.matches.sorted(), certificate: search.certificate)
      }
    }
  }

  /// Answers many queries from several shards as if they were one.
  public static func search(
    batch queries: [SearchQuery], in snapshots: [IndexSnapshot], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    // Pointers do not keep their owners: without this one could go while its rows are read.
    defer { withExtendedLifetime(snapshots) {} }
    // A group shares its passes; more at once would not fit the caches.
    var answers: [SearchAnswer] = []
    answers.reserveCapacity(queries.count)
    for low in stride(from: 0, to: queries.count, by: BatchSearch.groupSize) {
      let group = queries[low..<min(queries.count, low + BatchSearch.groupSize)]
      var batch = BatchSearch(snapshots, Array(group), missProbability: missProbability)
      answers += batch.run()
    }
    return answers
  }

  func prepare(_ query: SearchQuery, _ scratch: SearchScratch) {
    query.feature.withUnsafeBytes {
      permutation.permute($0.baseAddress!, to: scratch.query.base)
    }
  }
}

/// Searching rows that no segment covers yet.
enum RecentSearch {
  static func search(
    _ block: CodeColumns, plan: QueryPlan, scratch: SearchScratch, matches: inout TopMatches,
    certificate: inout SearchCertificate
  ) {
    certificate.rowCount += block.rowCount
    certificate.predictedNanoseconds += Double(block.rowCount) * CostModel.usual.scan32.cache
    scratch.reserveCandidates(SearchScratch.chunkSize)
    scratch.distances.reserve(SearchScratch.chunkSize)
    var low = 0
    // Until there is a bound, sketches exclude nothing.
    if matches.bound >= FeatureCode.bitCount {
      // A multiple of 8: a run of rows begins at a whole byte of the deletion map.
      let head = min(block.rowCount, (max(64, plan.answerCount) + 7) & ~7)
      RowScan.scan(block.rows(0..<head), plan: plan, scratch: scratch, matches: &matches)
      certificate.codesCompared += head
      low = head
    }
    while low < block.rowCount {
      let size = min(SearchScratch.chunkSize, block.rowCount - low)
      compare(
        block.rows(low..<low + size), plan: plan, scratch: scratch, matches: &matches,
        certificate: &certificate)
      low += size
    }
  }

  private static func compare(
    _ rows: CodeColumns, plan: QueryPlan, scratch: SearchScratch, matches: inout TopMatches,
    certificate: inout SearchCertificate
  ) {
    func threshold(_ stage: Int) -> UInt32 {
      UInt32(plan.threshold(stage: stage, distance: matches.bound))
    }
    let query = scratch.query.base
    tp_scan32(query, rows.sketches, rows.rowCount, scratch.distances.base)
    certificate.sketchesRead += rows.rowCount
    let count = tp_select(
      scratch.distances.base, rows.rowCount, threshold(1), 0, scratch.positions.base)
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(
        scratch.distances.base[Int(scratch.positions.base[i])])
    }
    if count > step {
      // The nearest by their sketches first: they lower the bound for the others.
      tp_order(
        scratch.positions.base, scratch.partials.base, count, scratch.positionScratch.base,
        scratch.partialScratch.base)
    }
    var first = 0
    while first < count, scratch.partials.base[first] <= threshold(1) {
      let size = min(step, count - first)
      finish(
        rows, first: first, count: size, plan: plan, scratch: scratch, matches: &matches,
        certificate: &certificate)
      first += size
    }
    certificate.excludedBySketches += rows.rowCount - min(first, count)
  }

  /// Candidates compared under one bound.
  private static let step = 64

  private static func finish(
    _ rows: CodeColumns, first: Int, count: Int, plan: QueryPlan, scratch: SearchScratch,
    matches: inout TopMatches, certificate: inout SearchCertificate
  ) {
    func threshold(_ stage: Int) -> UInt32 {
      UInt32(plan.threshold(stage: stage, distance: matches.bound))
    }
    let query = scratch.query.base
    let positions = scratch.positions.base + first
    let partials = scratch.partials.base + first
    let kept = tp_refine(
      query + 32, 32, rows.seconds, 32, positions, partials, count, threshold(2))
    for i in 0..<kept {
      scratch.addresses.base[i] =
        (rows.rests + CodeColumns.restByteCount * Int(positions[i]))
        .assumingMemoryBound(to: UInt8.self)
    }
    let begun = tp_begin(
      query + 64, scratch.addresses.base, positions, partials, kept, threshold(3))
    var finished = 0
    let hits = tp_finish(
      query + 128, scratch.addresses.base, positions, partials, begun, threshold(4),
      UInt32(min(matches.bound, FeatureCode.bitCount)), &finished)
    certificate.codesCompared += finished
    for hit in 0..<hits {
      let row = Int(positions[hit])
      guard !rows.isDead(row: row) else { continue }
      matches.insert(
        distance: rows.distance(
          of: row, featureDistance: Int(partials[hit]), plan.query),
        id: rows.id(ofRow: row))
    }
  }
}
