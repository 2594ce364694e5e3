import CHamming
import ThumbprintCodes

/// What queries ask for that a plan is made for. Between the two lies most of the world, and what
/// that costs depends on the data.
package enum SearchWorkload: String, Sendable, Hashable, CaseIterable {
  /// Copies: all of the k nearest are at most ``distance`` bits away, 4.7 % of all.
  case near
  /// Nothing is nearer than unrelated codes are, so everything has to be compared.
  case unlike

  /// The distance of the k-th nearest, in bits. Unrelated codes are 2048 bits apart, give or take
  /// 32: of a thousand million, the nearest is six times that below.
  package var distance: Int {
    switch self {
    case .near: 192
    case .unlike: 1856
    }
  }
}

/// What a query is expected to do to an index that is not there yet, from the costs and the bounds
/// by which a search chooses its way. Rows are taken for unrelated to each other, but for copies.
package struct SearchForecast: Sendable {
  /// How often each step happens, as ``SearchCertificate`` counts them, and what all take.
  package struct Steps: Sendable, Hashable {
    package var bucketsProbed = 0.0
    package var postingsRead = 0.0
    package var sketchesRead = 0.0
    package var codesCompared = 0.0
    /// Of one thread.
    package var nanoseconds = 0.0

    package init() {}

    package static func + (a: Steps, b: Steps) -> Steps {
      var sum = a
      sum.bucketsProbed += b.bucketsProbed
      sum.postingsRead += b.postingsRead
      sum.sketchesRead += b.sketchesRead
      sum.codesCompared += b.codesCompared
      sum.nanoseconds += b.nanoseconds
      return sum
    }

    package static func * (steps: Steps, factor: Double) -> Steps {
      var product = steps
      product.bucketsProbed *= factor
      product.postingsRead *= factor
      product.sketchesRead *= factor
      product.codesCompared *= factor
      product.nanoseconds *= factor
      return product
    }
  }

  /// The parts of the rows that one process searches.
  package struct Parts: Sendable, Hashable {
    package var segmentCount: Double
    /// Rows of all segments.
    package var sealedRowCount: Double
    /// Rows without an index.
    package var recentRowCount: Double

    package init(segmentCount: Double, sealedRowCount: Double, recentRowCount: Double) {
      self.segmentCount = segmentCount
      self.sealedRowCount = sealedRowCount
      self.recentRowCount = recentRowCount
    }
  }

  /// What a visit of a segment takes beside the steps that ``CostModel`` knows, and by how much
  /// more lookups and postings cost when other segments and other work have driven tables out of
  /// the caches. `thumbprint-trial latency --seed 11 --count 1000000`, in one process: 0.52 ms with
  /// 8 segments and 1.60 ms with 32, of which 0.09 ms are not the search (`--count 800`), so 47 to
  /// 54 us a segment, visited twice; these give 43.
  static let visitNanoseconds = 2_000.0
  static let coldFactor = 2.0
  /// What a row without an index takes beside reading its sketch: the distance is written, and read
  /// again to choose by it. The same with a worker: 2.13 ms with 32 shards, in which no row has an
  /// index, of which 0.47 ms are not the search, so 1.6 ns a row in all; and 1.95 to 3.3 ms with 8,
  /// in which half have none, so 2.3 to 5 ns. These give 2.3.
  static let choiceNanoseconds = 1.6

  private let workload: SearchWorkload
  private let answerCount: Int
  private let costs: CostModel
  private let plan: QueryPlan
  private let tableCount: Int
  private let keyBitCount: Int
  /// Places of the bit map by which rows met twice are noticed, as far as they are used.
  private let placeCount: Double
  /// Postings of a bucket.
  private let bucketRowCount: Double
  private static let strangers = [FeatureCode.bitCount / 2]

  /// - Parameters:
  ///   - nearestCount: k, `1...SearchLimits.nearestCountMax`.
  ///   - segmentRowCount: Rows of the segments that most rows are in.
  ///   - missProbability: What a certified answer may miss by in one part.
  package init(
    _ workload: SearchWorkload, nearestCount: Int, promise: SearchPromise, profile: IndexProfile,
    segmentRowCount: Int, costs: CostModel, missProbability: Double
  ) {
    self.workload = workload
    self.costs = costs
    answerCount = nearestCount
    tableCount = profile.tableCount
    keyBitCount = SegmentHeader.keyBitCount(rowCount: segmentRowCount)
    placeCount = Double(min(64 * Int(TP_SEEN_WORDS), segmentRowCount))
    bucketRowCount = Double(segmentRowCount) / Double(1 << keyBitCount)
    let query = SearchQuery(
      feature: FeatureCode(), extent: .nearest(nearestCount), promise: promise)
    plan = QueryPlan(query, missProbability: missProbability, rowCount: .max)
  }

  /// The search for a bound, by which nothing is proved.
  ///
  /// - Parameter isAlone: Whether no search follows in the same process.
  package func probe(_ parts: Parts, isAlone: Bool) -> Steps {
    var steps = lookups(tableCount, timesMet: 2, isBounded: false) * parts.segmentCount
    if isAlone, tableCount == 0 { steps = steps + seed(parts.sealedRowCount) }
    return steps + pool(parts.recentRowCount)
  }

  /// The search under the bound that was found.
  ///
  /// - Parameter isAlone: Whether the search for the bound was in another request, so that
  ///   sketches of recent rows have to be read again.
  package func search(_ parts: Parts, isAlone: Bool) -> Steps {
    searchSegments(parts) + searchRecent(parts.recentRowCount, isAlone: isAlone)
  }

  // MARK: Segments

  private func searchSegments(_ parts: Parts) -> Steps {
    let bound = TopMatches(capacity: answerCount, distanceMax: workload.distance)
    func decides(_ count: Int, votes: Int) -> Bool {
      count > 0
        && plan.missAfter(
          tableCount: count, voteCount: votes, keyBitCount: keyBitCount, matches: bound) != nil
    }
    let firstWave = min(SegmentSearch.firstWave, tableCount)
    for count in [firstWave, tableCount] where decides(count, votes: 2) {
      return lookups(count, timesMet: 2) * parts.segmentCount
    }
    let tables = lookups(tableCount, timesMet: 1) * parts.segmentCount
    if decides(tableCount, votes: 1) { return tables }
    return tables + sweep(parts.sealedRowCount)
  }

  /// One visit of the tables of a segment, where rows met so often are compared.
  ///
  /// - Parameter isBounded: Whether it is known how near they have to be.
  private func lookups(_ count: Int, timesMet: Int, isBounded: Bool = true) -> Steps {
    guard count > 0 else { return Steps() }
    var steps = Steps()
    let tables = Double(count)
    steps.bucketsProbed = tables
    steps.postingsRead = tables * bucketRowCount
    // Every two postings may be of one row, or of two that share a place in the bit map.
    steps.sketchesRead =
      timesMet == 1
      ? steps.postingsRead : steps.postingsRead * steps.postingsRead / 2 / placeCount
    steps.codesCompared =
      steps.sketchesRead * (isBounded ? passShare(stage: 1) : 1)
    steps.nanoseconds =
      Self.visitNanoseconds
      + Self.coldFactor * (tables * costs.lookup + steps.postingsRead * costs.posting)
      + steps.sketchesRead * costs.candidate + steps.codesCompared * costs.finishEnded
    return steps
  }

  /// Reading the sketches of rows for a bound.
  private func seed(_ rowCount: Double) -> Steps {
    guard rowCount > 0 else { return Steps() }
    var steps = Steps()
    steps.sketchesRead = rowCount
    steps.codesCompared = min(rowCount, Double(RecentSearch.poolTarget(answerCount)))
    steps.nanoseconds = scan(rowCount) + steps.codesCompared * (costs.candidate + costs.finishEnded)
    return steps
  }

  /// Sketches, or whole rows where those exclude too little.
  private func sweep(_ rowCount: Double) -> Steps {
    guard rowCount > 0 else { return Steps() }
    // Costs are linear in the rows once they are more than the caches hold.
    let unit = 1 << 20
    let sweep = costs.sweep(
      count: unit, bound: workload.distance, plan: plan, strangers: Self.strangers)
    let sweepCost = sweep.nanoseconds / Double(unit) * rowCount
    let rowCost = rowCount * costs.row
    var steps = sweepCost > 2 * scan(rowCount) ? seed(rowCount) : Steps()
    steps.sketchesRead = rowCount
    if sweepCost < rowCost {
      steps.codesCompared += rowCount * passShare(stage: 4)
      steps.nanoseconds += sweepCost
    } else {
      steps.codesCompared += rowCount
      steps.nanoseconds += rowCost
    }
    return steps
  }

  private func scan(_ rowCount: Double) -> Double { rowCount * costs.scan32.memory }

  private func passShare(stage: Int) -> Double {
    CostModel.passShare(
      width: SketchThresholds.widths[stage],
      threshold: plan.threshold(stage: stage, distance: workload.distance),
      strangers: Self.strangers)
  }

  // MARK: Rows without an index

  private func pool(_ rowCount: Double) -> Steps {
    var steps = seed(rowCount)
    steps.nanoseconds += rowCount * Self.choiceNanoseconds
    return steps
  }

  private func searchRecent(_ rowCount: Double, isAlone: Bool) -> Steps {
    guard rowCount > 0 else { return Steps() }
    var steps = Steps()
    if isAlone {
      // A bound that lets most rows pass is lowered first, as if there were none.
      let isWide = plan.threshold(stage: 1, distance: workload.distance) > RecentSearch.thresholdMin
      if isWide { steps = pool(rowCount) }
      steps.sketchesRead = rowCount
      if !isWide { steps.nanoseconds += scan(rowCount) }
    }
    let passed = rowCount * passShare(stage: 1)
    let compared = rowCount * passShare(stage: 4)
    steps.codesCompared += compared
    steps.nanoseconds +=
      passed * costs.refine + rowCount * passShare(stage: 2) * costs.finishBegun
      + compared * costs.finishEnded
    return steps
  }
}

/// Bytes of the index of a segment that is not built yet.
package struct SegmentFootprint: Sendable, Hashable {
  /// Of the pieces that are stored.
  package let pieceByteCount: Int
  /// Of what is kept in fast memory: what ``SegmentResident/byteCount`` will say.
  package let residentByteCount: Int

  /// - Parameter rowCount: Rows, none of them deleted, that are not laid out in clusters.
  package init(rowCount: Int, profile: IndexProfile) {
    let tableCount = rowCount >= IndexProfile.rowCountMin ? profile.tableCount : 0
    let directory = (1 << SegmentHeader.keyBitCount(rowCount: rowCount)) + 1
    pieceByteCount = 4 * tableCount * (directory + rowCount)
    // Half sketches, sketches and seconds.
    let columns =
      CodeColumns.sketchByteCount / 2 + CodeColumns.sketchByteCount
      + CodeColumns.secondByteCount
    residentByteCount = columns * rowCount + 4 * tableCount * directory
  }
}
