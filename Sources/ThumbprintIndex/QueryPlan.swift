import ThumbprintCodes

/// What one query allows a part of the index to miss, and by which bounds.
struct QueryPlan {
  let query: SearchQuery
  /// Chance, per true answer, that a stop of the tables may miss by at each of its looks.
  let tableMiss: Double
  /// For the prefixes of 16, 32, 64, 128 and 256 bytes; none for a recall promise.
  private let thresholds: [SketchThresholds]
  /// What the calibration of a segment says instead, for 16 bytes and for all other prefixes.
  private var calibrated: (first: Int, others: SketchThresholds)?
  /// Chance, per true answer, that all looks at sketches may miss by together.
  let sketchMiss: Double
  /// Number of true answers that the union bound has to cover.
  let answerCount: Int

  /// Looks at the tables: two numbers of votes after each of two waves.
  private static let lookCount = 4.0

  /// Of what a recall promise may lose, the share that a stop of the tables spends. The rest is
  /// for the spread of measured recall about its mean.
  private static let recallTableShare = 0.8
  /// The share that sketches spend, and the share that clusters left out spend, where these decide:
  /// see ``RecallCalibration``.
  private static let recallSketchShare = 0.6
  static let recallClusterShare = 0.4
  /// What of that each prefix may lose. The first one that is read decides how many codes are
  /// left, so it gets the most.
  private static let stageShares = [0.3, 0.35, 0.2, 0.1, 0.05]

  /// - Parameter missProbability: What a certified answer may miss by in this part.
  init(_ query: SearchQuery, missProbability: Double, rowCount: Int) {
    precondition(
      query.metric == .feature || query.image != nil, "a combined query needs an image code")
    self.query = query
    switch query.extent {
    case .nearest(let k): answerCount = max(1, min(k, rowCount))
    // How many rows are within a radius is not known before: all may be.
    case .within: answerCount = max(1, rowCount)
    }
    switch query.promise {
    case .exact:
      tableMiss = 0
      sketchMiss = 0
      thresholds = Self.stageShares.map { _ in .within(missProbability: 0) }
    case .certified:
      // Half for the tables, half for the sketches: both may have their say on a query.
      let each = missProbability / Double(answerCount) / 2
      tableMiss = each / Self.lookCount
      sketchMiss = each
      thresholds = Self.stageShares.map { .within(missProbability: each * $0) }
    case .recall(let recall):
      let loss = 1 - recall
      tableMiss = loss * Self.recallTableShare
      sketchMiss = loss * Self.recallSketchShare
      thresholds = []
    }
  }

  /// Whether the answer is the same whatever the way to it. What a recall promise leaves out
  /// depends on the way, which so has to be chosen by constants for equal questions to get equal
  /// answers.
  var isDecidedByBounds: Bool {
    if case .recall = query.promise { return false }
    return true
  }

  /// The radius that an answer with this bound proves: a recall promise proves none.
  func radius(bound: Int) -> Int { query.promise.provesRadius ? bound : 0 }

  /// The plan for one segment: a recall promise goes by what was measured on its rows.
  func calibrated(by header: SegmentHeader) -> QueryPlan {
    guard case .recall = query.promise else { return self }
    // Within a radius most answers may lie near it.
    let count = if case .within = query.extent { 1 } else { answerCount }
    let step = header.calibration.sketchStep(loss: sketchMiss, answerCount: count)
    var plan = self
    plan.calibrated = (step + RecallCalibration.firstStageSteps, .within(step: step))
    return plan
  }

  /// The most differing bits that prefix `stage` of a code may show under a bound.
  func threshold(stage: Int, distance: Int) -> Int {
    if let calibrated {
      let thresholds = stage == 0 ? .within(step: calibrated.first) : calibrated.others
      return thresholds.threshold(stage: stage, distance: distance)
    }
    guard thresholds.isEmpty else {
      return thresholds[stage].threshold(stage: stage, distance: distance)
    }
    return SketchThresholds.within(missProbability: sketchMiss * Self.stageShares[stage])
      .threshold(stage: stage, distance: distance)
  }

  /// Whether the search may end when rows with fewer than `voteCount` votes in `tableCount` tables
  /// were never compared; `nil` if not, else the chance per answer that one is missing.
  func missAfter(
    tableCount: Int, voteCount: Int, keyBitCount: Int, matches: TopMatches
  ) -> Double? {
    func miss(_ distance: Int) -> Double {
      MissProbability.votes(
        distance: distance, keyBitCount: keyBitCount, tableCount: tableCount,
        voteCount: voteCount)
    }
    switch query.promise {
    case .exact:
      // A difference in d bits spoils at most d tables.
      return tableCount - matches.bound >= voteCount ? 0 : nil
    case .certified:
      let chance = miss(matches.bound)
      return chance <= tableMiss ? chance : nil
    case .recall:
      // The i-th true answer is no farther than the i-th one found.
      guard matches.isFull else {
        let chance = miss(matches.bound)
        return chance <= tableMiss ? chance : nil
      }
      let distances = matches.distances
      let mean = distances.reduce(0.0) { $0 + miss($1) } / Double(distances.count)
      return mean <= tableMiss ? mean : nil
    }
  }

  /// The chance that anything is missing, from that for one answer. For a recall promise the
  /// share that may be missing is meant, so one answer speaks for all.
  func chance(perAnswer miss: Double) -> Double {
    if case .recall = query.promise { return miss }
    return min(1, miss * Double(answerCount))
  }
}
