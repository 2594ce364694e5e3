import CHamming
import ThumbprintCodes

/// The rows of all shards that no segment covers yet, searched by their sketches.
///
/// Without a bound, whatever is read before the last of the k nearest is met has to be compared: of
/// groups that are spread over shards nearly everything. So the sketches of all rows are read
/// first, and the rows nearest by them compared: the k-th of those is a bound, near to the true one
/// wherever sketches tell anything at all.
struct RecentSearch {
  private struct Run {
    /// Of the snapshots that have recent rows.
    var shard: Int
    var rows: CodeColumns
    /// The number of its first row among all.
    var first: Int
  }

  /// Rows compared for a bound, beside some for each answer.
  private static let poolSize = 128
  /// Sketches of unrelated codes differ in 128 bits, give or take 8: a threshold above this lets
  /// more than some hundredths of them pass.
  static let thresholdMin = 112
  /// A permuted query, with 8 zero bytes behind it.
  private static let queryByteCount = FeatureCode.byteCount + 8
  /// Candidates compared under one bound.
  private static let step = 64

  /// Rows compared for a bound.
  static func poolTarget(_ answerCount: Int) -> Int { poolSize + 4 * min(answerCount, 1024) }

  private let permutations: [BitPermutation]
  private let runs: [Run]
  private let rowCount: Int

  init(_ snapshots: [IndexSnapshot]) {
    var permutations: [BitPermutation] = []
    var runs: [Run] = []
    var first = 0
    for snapshot in snapshots where !snapshot.recent.isEmpty {
      for rows in snapshot.recent {
        runs.append(Run(shard: permutations.count, rows: rows, first: first))
        first += rows.rowCount
      }
      permutations.append(snapshot.permutation)
    }
    self.permutations = permutations
    self.runs = runs
    rowCount = first
  }

  var isEmpty: Bool { runs.isEmpty }

  /// Compares the rows under the bound of all that was found, which it lowers.
  ///
  /// - Parameter matches: Gets what is found, too.
  func search(
    _ plan: QueryPlan, _ scratch: SearchScratch, found: inout TopMatches,
    matches: inout TopMatches, certificate: inout SearchCertificate
  ) {
    permute(plan.query, scratch)
    certificate.predictedNanoseconds += Double(rowCount) * CostModel.usual.scan32.cache
    certificate.arms[.sketches, default: 0] += permutations.count
    certificate.missProbability +=
      Double(permutations.count) * plan.chance(perAnswer: plan.sketchMiss)
    var isScanned = false
    if case .nearest = plan.query.extent,
      plan.threshold(stage: 1, distance: found.bound) > Self.thresholdMin
    {
      let count = pool(plan, scratch)
      certificate.sketchesRead += rowCount
      certificate.codesCompared += count
      // The k nearest may lie in segments and here: only together do they bound the others. No row
      // is in both.
      var joint = found
      joint.merge(compare(first: count, plan, scratch, found.part()))
      found.lower(bound: joint.bound)
      isScanned = true
    }
    scratch.reserveCandidates(SearchScratch.chunkSize)
    var own = found.part()
    for run in runs {
      for low in stride(from: 0, to: run.rows.rowCount, by: SearchScratch.chunkSize) {
        let size = min(SearchScratch.chunkSize, run.rows.rowCount - low)
        let query = query(of: run, scratch)
        let rows = run.rows.rows(low..<low + size)
        var distances = scratch.distances.base
        if isScanned {
          distances += run.first + low
        } else {
          scratch.distances.reserve(SearchScratch.chunkSize)
          distances = scratch.distances.base
          tp_scan32(query, rows.sketches, size, distances)
          certificate.sketchesRead += size
        }
        compare(
          rows, query, distances, plan: plan, scratch: scratch, matches: &own,
          certificate: &certificate)
      }
    }
    matches.merge(own)
    found.merge(own)
  }

  /// Compares the rows nearest by their sketches alone.
  func probe(
    _ plan: QueryPlan, _ scratch: SearchScratch, found: inout TopMatches,
    certificate: inout SearchCertificate
  ) {
    permute(plan.query, scratch)
    let count = pool(plan, scratch)
    certificate.sketchesRead += rowCount
    certificate.codesCompared += count
    certificate.predictedNanoseconds += Double(rowCount) * CostModel.usual.scan32.cache
    found.merge(compare(first: count, plan, scratch, found.part()))
  }

  private func permute(_ query: SearchQuery, _ scratch: SearchScratch) {
    scratch.queries.reserve(Self.queryByteCount * permutations.count)
    query.feature.withUnsafeBytes { code in
      for (shard, permutation) in permutations.enumerated() {
        permutation.permute(
          code.baseAddress!, to: scratch.queries.base + Self.queryByteCount * shard)
      }
    }
  }

  private func query(of run: Run, _ scratch: SearchScratch) -> UnsafeMutablePointer<UInt8> {
    scratch.queries.base + Self.queryByteCount * run.shard
  }

  // MARK: A bound

  /// Reads all sketches, which leaves their distances in `scratch`, and gathers the rows nearest by
  /// them.
  private func pool(_ plan: QueryPlan, _ scratch: SearchScratch) -> Int {
    let target = Self.poolTarget(plan.answerCount)
    let chunk = SearchScratch.chunkSize
    scratch.distances.reserve(rowCount)
    scratch.firsts.reserve(4 * target + chunk)
    scratch.poolPartials.reserve(scratch.firsts.capacity)
    scratch.positionScratch.reserve(scratch.firsts.capacity)
    scratch.partialScratch.reserve(scratch.firsts.capacity)
    let (pool, partials) = (scratch.firsts.base, scratch.poolPartials.base)
    var count = 0
    var limit: UInt32 = 255
    func cut() {
      tp_order(
        pool, partials, count, scratch.positionScratch.base, scratch.partialScratch.base)
      count = min(target, count)
    }
    for run in runs {
      for low in stride(from: 0, to: run.rows.rowCount, by: chunk) {
        let size = min(chunk, run.rows.rowCount - low)
        let first = run.first + low
        let distances = scratch.distances.base + first
        tp_scan32(
          query(of: run, scratch), run.rows.sketches + CodeColumns.sketchByteCount * low, size,
          distances)
        let end = count + tp_select(distances, size, limit, UInt32(first), pool + count)
        for i in count..<end { partials[i] = UInt16(scratch.distances.base[Int(pool[i])]) }
        count = end
        if count > 4 * target {
          cut()
          limit = UInt32(partials[count - 1])
        }
      }
    }
    cut()
    return count
  }

  /// Compares the rows of the pool, for the bound that follows.
  private func compare(
    first count: Int, _ plan: QueryPlan, _ scratch: SearchScratch, _ matches: TopMatches
  ) -> TopMatches {
    var matches = matches
    let numbers = UnsafeBufferPointer(start: scratch.firsts.base, count: count).sorted()
    var next = 0
    for run in runs {
      let query = query(of: run, scratch)
      while next < count, Int(numbers[next]) < run.first + run.rows.rowCount {
        let row = Int(numbers[next]) - run.first
        next += 1
        guard !run.rows.isDead(row: row) else { continue }
        let distance =
          tp_distance(query, run.rows.sketches + 32 * row, 32)
          + tp_distance(query + 32, run.rows.seconds + 32 * row, 32)
          + tp_distance(query + 64, run.rows.rests + CodeColumns.restByteCount * row, 448)
        matches.insert(
          distance: run.rows.distance(of: row, featureDistance: Int(distance), plan.query),
          id: run.rows.id(ofRow: row))
      }
    }
    return matches
  }

  // MARK: Under a bound

  /// Compares the rows of a chunk that their sketches let pass.
  private func compare(
    _ rows: CodeColumns, _ query: UnsafeMutablePointer<UInt8>,
    _ distances: UnsafeMutablePointer<UInt8>, plan: QueryPlan, scratch: SearchScratch,
    matches: inout TopMatches, certificate: inout SearchCertificate
  ) {
    func threshold(_ stage: Int) -> UInt32 {
      UInt32(plan.threshold(stage: stage, distance: matches.bound))
    }
    let count = tp_select(distances, rows.rowCount, threshold(1), 0, scratch.positions.base)
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(distances[Int(scratch.positions.base[i])])
    }
    if count > Self.step {
      // The nearest by their sketches first: they lower the bound for the others.
      tp_order(
        scratch.positions.base, scratch.partials.base, count, scratch.positionScratch.base,
        scratch.partialScratch.base)
    }
    var first = 0
    while first < count, scratch.partials.base[first] <= threshold(1) {
      let size = min(Self.step, count - first)
      finish(
        rows, query, first: first, count: size, plan: plan, scratch: scratch, matches: &matches,
        certificate: &certificate)
      first += size
    }
    certificate.excludedBySketches += rows.rowCount - min(first, count)
  }

  private func finish(
    _ rows: CodeColumns, _ query: UnsafeMutablePointer<UInt8>, first: Int, count: Int,
    plan: QueryPlan, scratch: SearchScratch, matches: inout TopMatches,
    certificate: inout SearchCertificate
  ) {
    func threshold(_ stage: Int) -> UInt32 {
      UInt32(plan.threshold(stage: stage, distance: matches.bound))
    }
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
