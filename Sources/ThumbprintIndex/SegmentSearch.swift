import CHamming
import ThumbprintCodes

/// One query at work on one segment.
struct SegmentSearch {
  let segment: Segment
  let plan: QueryPlan
  let scratch: SearchScratch
  let costs: CostModel
  var certificate = SearchCertificate()
  /// Matches of this segment. Its bound also knows what was found elsewhere.
  var matches: TopMatches
  /// Whether the bound comes from the rows of the nearest clusters.
  var isSeeded = false
  /// Whether the bound comes from candidates chosen for being near, so that it hardly matters in
  /// which order others are compared.
  var isBoundTight = false
  /// Whether other parts of the collection are asked too, before any is searched to the end.
  var isProbe = false
  /// What tables or clusters met without keeping the promise: matches, though perhaps not all.
  var probed: TopMatches?
  /// Rows in the pool of a search for a bound, and the sketch distance up to which more enter.
  var poolCount = 0
  var poolLimit: UInt32 = 255

  init(
    _ segment: Segment, plan: QueryPlan, scratch: SearchScratch, costs: CostModel,
    outer: TopMatches
  ) {
    self.segment = segment
    self.plan = plan.calibrated(by: segment.resident.header)
    self.scratch = scratch
    self.costs = costs
    matches = outer.part()
  }

  var resident: SegmentResident { segment.resident }
  var header: SegmentHeader { segment.resident.header }
  var queryBytes: UnsafeMutablePointer<UInt8> { scratch.query.base }

  /// Searches by the cheapest way that keeps the promise.
  mutating func run() {
    certificate.rowCount = segment.liveRowCount
    if runIndexed() { return }
    if !wantsSketches {
      runRows()
    } else if wantsSeed {
      runSeed()
      if !finishSeeded() { runRows() }
    } else {
      runSketches()
    }
  }

  /// Searches clusters and tables, which read a small part of the rows. Returns whether they kept
  /// the promise; if not, they may have found a bound.
  mutating func runIndexed() -> Bool {
    if resident.clusters != nil, runClusters() { return true }
    return tablesMayDecide && runTables()
  }

  /// Whether all tables together could keep the promise under the bound of now.
  private var tablesMayDecide: Bool {
    guard header.tableCount > 0 else { return false }
    if case .recall = plan.query.promise { return true }
    // A bound that is just the caller's word may be far above what the tables find.
    return canTighten && !isBoundTight
      || plan.missAfter(
        tableCount: header.tableCount, voteCount: 1, keyBitCount: header.keyBitCount,
        matches: matches) != nil
  }

  /// Whether sketches may be cheaper than comparing every row: surely not under a radius so wide
  /// that they exclude little; perhaps where better matches may still lower the bound.
  var wantsSketches: Bool {
    canTighten && !isSeeded || expectsSweepToPay
  }

  /// Whether a sweep under the bound of now is cheaper than comparing every row.
  var expectsSweepToPay: Bool { expectedSweep(bound: matches.bound).nanoseconds < rowCost }

  /// Whether to read all sketches for a bound first: where the one that is known, if any, lets far
  /// more codes pass than reading the sketches costs.
  var wantsSeed: Bool {
    canTighten && !isSeeded
      && expectedSweep(bound: matches.bound).nanoseconds
        > 2 * costs.scan(width: 32, count: segment.rowCount)
  }

  /// What comparing every row would cost.
  var rowCost: Double { Double(segment.rowCount) * costs.row }

  /// Whether better matches would lower the bound; a radius is what it is.
  private var canTighten: Bool {
    if case .nearest = plan.query.extent { return true }
    return false
  }

  func expectedSweep(bound: Int) -> CostModel.Sweep {
    costs.sweep(
      count: segment.rowCount, bound: bound, plan: plan,
      strangers: header.strangerDistances)
  }

  /// What a search without tables is expected to cost, for the bound known or the usual one.
  func expectedFallback() -> Double {
    let usual = header.neighbourDistances
    let bound = usual.isEmpty ? matches.bound : min(matches.bound, usual[usual.count / 2])
    return min(expectedSweep(bound: bound).nanoseconds, rowCost)
  }

  /// Whether there is a bound yet, be it by matches, a radius or the caller's word.
  var isBounded: Bool { matches.bound < plan.query.metric.distanceMax }

  // MARK: Comparing candidates

  /// Compares the first `count` candidates of the scratch memory, of which nothing was read yet.
  mutating func verify(count: Int) {
    let scratch = scratch
    scratch.partials.base.update(repeating: 0, count: count)
    certificate.sketchesRead += count
    let kept = tp_refine(
      queryBytes, 32, resident.sketches.base, 32, scratch.positions.base, scratch.partials.base,
      count, threshold(1))
    verify(count: kept, read: 32)
  }

  /// Compares the first `count` candidates, of which `read` bytes (32 or 64) were read.
  mutating func verify(count: Int, read: Int) {
    guard count > 0 else { return }
    var first = 0
    var count = count
    var step = 512
    if !isBoundTight, !matches.isFull, count > 64 {
      // In this order every few candidates may lower the bound.
      step = 48
      // The nearest by their sketches come first: they soon give a bound for the others.
      tp_order(
        scratch.positions.base, scratch.partials.base, count, scratch.positionScratch.base,
        scratch.partialScratch.base)
      while first < count, !matches.isFull {
        let step = min(count - first, max(32, 2 * min(plan.answerCount, 1024)))
        finish(first: first, count: step, read: read)
        first += step
      }
      let limit = threshold(read == 32 ? 1 : 2)
      var end = first
      while end < count, scratch.partials.base[end] <= limit { end += 1 }
      certificate.excludedBySketches += count - end
      count = end
    }
    while first < count {
      let size = min(step, count - first)
      finish(first: first, count: size, read: read)
      first += size
    }
  }

  /// Compares candidates `first..<first + count`, of which `read` bytes were read, to the end.
  private mutating func finish(first: Int, count: Int, read: Int) {
    let positions = scratch.positions.base + first
    let partials = scratch.partials.base + first
    var kept = count
    if read == 32 {
      kept = tp_refine(
        queryBytes + 32, 32, resident.seconds.base, 32, positions, partials, count, threshold(2))
    }
    kept = narrow(positions, partials, count: kept)
    guard kept > 0 else { return }
    // Scattered reads, each of which would wait for the one before if not asked for together.
    if let order = resident.order {
      for i in 0..<kept { tp_prefetch(order.base + 4 * Int(positions[i])) }
    }
    let first = matches.isFull ? 0 : nearestFirst(positions, partials, count: kept)
    end(positions, partials, count: first)
    var last = first
    let limit = threshold(3)
    for i in first..<kept where partials[i] <= limit {
      positions[last] = positions[i]
      partials[last] = partials[i]
      last += 1
    }
    end(positions + first, partials + first, count: last - first)
  }

  /// Narrows candidates of which 64 bytes were read by 64 more.
  private func narrow(
    _ positions: UnsafeMutablePointer<UInt32>, _ partials: UnsafeMutablePointer<UInt16>, count: Int
  ) -> Int {
    guard count > 0 else { return 0 }
    if let thirds = resident.thirds {
      return tp_refine(
        queryBytes + 64, 64, thirds.base, 64, positions, partials, count, threshold(3))
    }
    return tp_begin(
      queryBytes + 64, addresses(of: positions, count: count), positions, partials, count,
      threshold(3))
  }

  /// Where the last 448 bytes of candidates are.
  private func addresses(
    of positions: UnsafeMutablePointer<UInt32>, count: Int
  ) -> UnsafeMutablePointer<UnsafePointer<UInt8>?> {
    let addresses = scratch.addresses.base
    for i in 0..<count {
      addresses[i] = segment.rows.rest(ofRow: segment.row(atPosition: Int(positions[i])))
        .assumingMemoryBound(to: UInt8.self)
    }
    return addresses
  }

  /// Reads candidates of which 128 bytes were read to the end.
  private mutating func end(
    _ positions: UnsafeMutablePointer<UInt32>, _ partials: UnsafeMutablePointer<UInt16>, count: Int
  ) {
    guard count > 0 else { return }
    var finished = 0
    let hits = tp_finish(
      queryBytes + 128, addresses(of: positions, count: count), positions, partials, count,
      threshold(4), UInt32(matches.bound), &finished)
    certificate.codesCompared += finished
    for i in 0..<hits { prefetch(row: segment.row(atPosition: Int(positions[i]))) }
    for i in 0..<hits {
      insert(
        row: segment.row(atPosition: Int(positions[i])), featureDistance: Int(partials[i]))
    }
  }

  /// Where there is no bound yet, puts those candidates first of which 128 bytes differ least: a
  /// few more than are asked for, so that their distances bound the others. Returns how many.
  private func nearestFirst(
    _ positions: UnsafeMutablePointer<UInt32>, _ partials: UnsafeMutablePointer<UInt16>, count: Int
  ) -> Int {
    let wanted = plan.answerCount + 2 + plan.answerCount / 4
    guard count > wanted + 4 else { return 0 }
    let cutoff = tp_cutoff16(partials, count, wanted, UInt32(SketchThresholds.widths[3]))
    var first = 0
    for i in 0..<count where partials[i] <= cutoff {
      (positions[first], positions[i]) = (positions[i], positions[first])
      (partials[first], partials[i]) = (partials[i], partials[first])
      first += 1
    }
    return first
  }

  /// Asks for what inserting a row reads.
  private func prefetch(row: Int) {
    let place = segment.rows.place(ofRow: row)
    let block = segment.rows.blocks[place.block]
    tp_prefetch(block.ids + 8 * place.row)
    if plan.query.metric == .combined {
      tp_prefetch(block.images + ImageCode.byteCount * place.row)
    }
  }

  /// The threshold of a prefix under the bound of now.
  func threshold(_ stage: Int) -> UInt32 {
    UInt32(plan.threshold(stage: stage, distance: matches.bound))
  }

  mutating func insert(row: Int, featureDistance: Int) {
    let place = segment.rows.place(ofRow: row)
    insert(segment.rows.blocks[place.block], row: place.row, featureDistance: featureDistance)
  }

  mutating func insert(_ block: CodeColumns, row: Int, featureDistance: Int) {
    guard !block.isDead(row: row) else { return }
    matches.insert(
      distance: block.distance(of: row, featureDistance: featureDistance, plan.query),
      id: block.id(ofRow: row))
  }

  // MARK: Rows

  /// Compares every row.
  mutating func runRows() {
    beginRows()
    for block in segment.rows.blocks {
      RowScan.scan(block, plan: plan, scratch: scratch, matches: &matches)
    }
  }

  mutating func beginRows() {
    certificate.arms[.scan, default: 0] += 1
    certificate.predictedNanoseconds += rowCost
    certificate.codesCompared += segment.rowCount
  }
}

extension CodeColumns {
  /// The distance of a row in the query's metric, given that of the feature code.
  @inline(__always)
  func distance(of row: Int, featureDistance: Int, _ query: SearchQuery) -> Int {
    guard query.metric == .combined, let image = query.image else { return featureDistance }
    return featureDistance
      + image.withUnsafeBytes {
        Int(
          tp_distance(
            $0.baseAddress!, images + ImageCode.byteCount * row, ImageCode.byteCount))
      }
  }
}

/// Comparing every row of a block, in passes that the cache holds.
enum RowScan {
  static let step = 1024

  static func scan(
    _ block: CodeColumns, plan: QueryPlan, scratch: SearchScratch, matches: inout TopMatches
  ) {
    scratch.reserveCandidates(step)
    for low in stride(from: 0, to: block.rowCount, by: step) {
      let size = min(step, block.rowCount - low)
      let hits = tp_scan_rows(
        scratch.query.base, block.sketches + 32 * low, block.seconds + 32 * low,
        block.rests + CodeColumns.restByteCount * low, size,
        UInt32(min(matches.bound, FeatureCode.bitCount)), UInt32(low), scratch.positions.base,
        scratch.partials.base)
      for hit in 0..<hits {
        let row = Int(scratch.positions.base[hit])
        guard !block.isDead(row: row) else { continue }
        matches.insert(
          distance: block.distance(
            of: row, featureDistance: Int(scratch.partials.base[hit]), plan.query),
          id: block.id(ofRow: row))
      }
    }
  }
}
