import CHamming
import ThumbprintCodes

/// Everything that one query of one shard sees: sealed segments and the recent rows.
public struct IndexSnapshot: Sendable {
  public let segments: [Segment]
  /// Rows without an index; compared by their sketches, one block after another.
  public let recent: [CodeColumns]
  public let permutation: BitPermutation

  public init(segments: [Segment], recent: [CodeColumns], permutation: BitPermutation) {
    self.segments = segments
    self.recent = recent.filter { $0.rowCount > 0 }
    self.permutation = permutation
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
  ///     number of shards that answer together.
  public func search(_ query: SearchQuery, missProbability: Double = 1e-9) -> SearchAnswer {
    precondition(
      query.metric == .feature || query.image != nil, "a combined query needs an image code")
    return SearchScratch.with { scratch in
      prepare(query, scratch)
      let plan = QueryPlan(
        query, missProbability: missProbability / Double(partCount), rowCount: rowCount)
      var matches = TopMatches(query)
      var certificate = SearchCertificate()
      for segment in segments {
        var search = SegmentSearch(
          segment, plan: plan, scratch: scratch, costs: .current, outer: matches)
        search.run()
        matches.merge(search.matches)
        certificate.merge(search.certificate)
      }
      searchRecent(plan, scratch, &matches, &certificate)
      return answer(matches, certificate)
    }
  }

  func prepare(_ query: SearchQuery, _ scratch: SearchScratch) {
    query.feature.withUnsafeBytes {
      permutation.permute($0.baseAddress!, to: scratch.query.base)
    }
  }

  func searchRecent(
    _ plan: QueryPlan, _ scratch: SearchScratch, _ matches: inout TopMatches,
    _ certificate: inout SearchCertificate
  ) {
    guard !recent.isEmpty else { return }
    var part = SearchCertificate()
    for block in recent {
      RecentSearch.search(
        block, plan: plan, scratch: scratch, matches: &matches, certificate: &part)
    }
    part.arms[.sketches] = 1
    part.missProbability = plan.chance(perAnswer: plan.sketchMiss)
    certificate.merge(part)
  }

  func answer(_ matches: TopMatches, _ certificate: SearchCertificate) -> SearchAnswer {
    var certificate = certificate
    certificate.radius = matches.bound
    certificate.rowCount = rowCount
    return SearchAnswer(matches: matches.sorted(), certificate: certificate)
  }
}

/// Searching rows that no segment covers yet.
enum RecentSearch {
  static func search(
    _ block: CodeColumns, plan: QueryPlan, scratch: SearchScratch, matches: inout TopMatches,
    certificate: inout SearchCertificate
  ) {
    certificate.rowCount += block.rowCount
    certificate.predictedNanoseconds += Double(block.rowCount) * CostModel.current.scan32.cache
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
    var count = tp_select(
      scratch.distances.base, rows.rowCount, threshold(1), 0, scratch.positions.base)
    certificate.excludedBySketches += rows.rowCount - count
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(
        scratch.distances.base[Int(scratch.positions.base[i])])
    }
    count = tp_refine(
      query + 32, 32, rows.seconds, 32, scratch.positions.base, scratch.partials.base, count,
      threshold(2))
    for i in 0..<count {
      scratch.addresses.base[i] =
        (rows.rests + CodeColumns.restByteCount * Int(scratch.positions.base[i]))
        .assumingMemoryBound(to: UInt8.self)
    }
    var finished = 0
    let hits = tp_finish(
      query + 64, scratch.addresses.base, scratch.positions.base, scratch.partials.base, count,
      threshold(3), UInt32(min(matches.bound, FeatureCode.bitCount)), &finished)
    certificate.codesCompared += finished
    for hit in 0..<hits {
      let row = Int(scratch.positions.base[hit])
      guard !rows.isDead(row: row) else { continue }
      matches.insert(
        distance: rows.distance(
          of: row, featureDistance: Int(scratch.partials.base[hit]), plan.query),
        id: rows.id(ofRow: row))
    }
  }
}
