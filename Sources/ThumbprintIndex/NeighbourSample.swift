import CHamming
import ThumbprintCodes

/// Finds the nearest neighbours of rows of the same segment before it has an index: by sketches
/// where they exclude most rows, else by comparing every row.
struct NeighbourSample: Sendable {
  let rows: RowMap
  let neighbourCount: Int
  /// Quantiles of the distances of strangers, which say how much a threshold lets pass.
  let strangers: [Int]

  typealias Neighbours = [(distance: Int, row: Int)]

  /// What a prefix may exclude wrongly: hardly one of the few thousand neighbours of a sample.
  private static let missProbability = 1e-5
  /// Where sketches let pass more than this share of the rows, comparing every row is cheaper.
  private static let farShare = 0.25
  /// Rows whose sketches stay in the nearest cache while several probes read them.
  private static let chunkSize = 1024
  private static let probesPerPass = 16
  /// Rows compared for a first bound.
  private static let poolSize = 48
  /// From this many rows on, a quarter of them is read for the first bound.
  private static let partialCountMin = 65536

  /// The neighbours of each probe, itself left out, nearest first. `nil` for a probe whose
  /// neighbours are so far that sketches exclude little.
  func bySketches(_ probes: [Int], threadCount: Int) throws -> [Neighbours?] {
    let step = Self.probesPerPass
    let found = Locked<[Int: [Neighbours?]]>([:])
    let count = (probes.count + step - 1) / step
    try Parallel.perform(count, threadCount: threadCount) { part in
      let low = part * step
      let neighbours = pass(Array(probes[low..<min(probes.count, low + step)]))
      found.withLock { $0[part] = neighbours }
    }
    return found.withLock { all in (0..<count).flatMap { all[$0]! } }
  }

  private func pass(_ probes: [Int]) -> [Neighbours?] {
    let scratch = SearchScratch.take()
    defer { SearchScratch.give(scratch) }
    scratch.reserveCandidates(Self.chunkSize)
    scratch.distances.reserve(Self.chunkSize)
    let thresholds = SketchThresholds.within(missProbability: Self.missProbability)
    var searches = probes.map {
      NeighbourProbe(
        row: $0, code: code(ofRow: $0),
        best: TopMatches(capacity: neighbourCount + 1, distanceMax: FeatureCode.bitCount))
    }
    let stride = rows.rowCount >= Self.partialCountMin ? 4 : 1
    forEachChunk(stride: stride) { block, start in
      for i in searches.indices {
        searches[i].pool(block, start: start, target: Self.poolSize, scratch: scratch)
      }
    }
    for i in searches.indices {
      searches[i].comparePool(target: Self.poolSize, code: code(ofRow:))
      let share = CostModel.passShare(
        width: SketchThresholds.widths[1],
        threshold: thresholds.threshold(stage: 1, distance: searches[i].best.bound),
        strangers: strangers)
      searches[i].isFar = share > Self.farShare
    }
    forEachChunk(stride: 1) { block, start in
      for i in searches.indices where !searches[i].isFar {
        searches[i].compare(block, start: start, thresholds: thresholds, scratch: scratch)
      }
    }
    return searches.map { $0.isFar ? nil : neighbours($0.best, of: $0.row) }
  }

  private func forEachChunk(stride: Int, _ body: (CodeColumns, Int) -> Void) {
    var number = 0
    for (block, start) in zip(rows.blocks, rows.starts) {
      for low in Swift.stride(from: 0, to: block.rowCount, by: Self.chunkSize) {
        defer { number += 1 }
        guard number % stride == 0 else { continue }
        body(block.rows(low..<min(block.rowCount, low + Self.chunkSize)), start + low)
      }
    }
  }

  private func code(ofRow row: Int) -> FeatureCode {
    let place = rows.place(ofRow: row)
    var code = FeatureCode()
    code.withUnsafeMutableBytes {
      rows.blocks[place.block].copyPermutedCode(ofRow: place.row, to: $0.baseAddress!)
    }
    return code
  }

  private func neighbours(_ best: TopMatches, of row: Int) -> Neighbours {
    best.sorted().filter { $0.id.rawValue != UInt64(row) }.prefix(neighbourCount)
      .map { (distance: $0.distance, row: Int($0.id.rawValue)) }
  }

  // MARK: Comparing every row

  /// The neighbours of each probe, by comparing every row: 3 ms each in a million.
  func byRows(_ probes: [Int], threadCount: Int) throws -> [Neighbours] {
    let pairs = (probes.count + 1) / 2
    let found = Locked<[Int: [Neighbours]]>([:])
    try Parallel.perform(pairs, threadCount: threadCount) { pair in
      let first = probes[2 * pair]
      let second = probes[min(2 * pair + 1, probes.count - 1)]
      let nearest = nearest(to: first, and: second)
      found.withLock { $0[pair] = nearest }
    }
    return found.withLock { all in
      Array((0..<pairs).flatMap { all[$0]! }.prefix(probes.count))
    }
  }

  private func nearest(to first: Int, and second: Int) -> [Neighbours] {
    let queries = [code(ofRow: first), code(ofRow: second)]
    // Ids are not needed here: rows take their place, which keeps ties in order too.
    var best = [TopMatches](
      repeating: TopMatches(capacity: neighbourCount + 1, distanceMax: FeatureCode.bitCount),
      count: 2)
    let step = Self.chunkSize
    var hitRows = [UInt32](repeating: 0, count: 2 * step)
    var distances = [UInt16](repeating: 0, count: 2 * step)
    forEachChunk(stride: 1) { block, start in
      var hits = [0, 0]
      let bounds = [UInt32(best[0].bound), UInt32(best[1].bound)]
      queries[0].withUnsafeBytes { q in
        queries[1].withUnsafeBytes { r in
          tp_scan_rows_pair(
            q.baseAddress!, r.baseAddress!, block.sketches, block.seconds, block.rests,
            block.rowCount, bounds, UInt32(start), &hitRows, &distances, &hits)
        }
      }
      for side in 0...1 {
        for hit in side * block.rowCount..<side * block.rowCount + hits[side] {
          best[side].insert(distance: Int(distances[hit]), id: ItemID(UInt64(hitRows[hit])))
        }
      }
    }
    return zip(best, [first, second]).map { neighbours($0, of: $1) }
  }
}

/// One row that looks for its neighbours by sketches.
private struct NeighbourProbe {
  let row: Int
  let code: FeatureCode
  var best: TopMatches
  var isFar = false
  /// Rows nearest by their sketches so far, in no order until there are too many.
  private var pool: [(partial: UInt8, row: UInt32)] = []
  private var limit: UInt32 = 255

  init(row: Int, code: FeatureCode, best: TopMatches) {
    self.row = row
    self.code = code
    self.best = best
  }

  mutating func pool(_ block: CodeColumns, start: Int, target: Int, scratch: SearchScratch) {
    let distances = scratch.distances.base
    let rows = scratch.positions.base
    let count = code.withUnsafeBytes {
      tp_scan32($0.baseAddress!, block.sketches, block.rowCount, distances)
      return tp_select(distances, block.rowCount, limit, 0, rows)
    }
    for i in 0..<count {
      pool.append((distances[Int(rows[i])], UInt32(start) + rows[i]))
    }
    if pool.count > 4 * target {
      cutPool(target)
      limit = UInt32(pool[pool.count - 1].partial)
    }
  }

  private mutating func cutPool(_ target: Int) {
    pool.sort { $0 < $1 }
    pool.removeLast(max(0, pool.count - target))
  }

  /// The bound of the rows of the pool; they are met again.
  mutating func comparePool(target: Int, code other: (Int) -> FeatureCode) {
    cutPool(target)
    for entry in pool {
      best.insert(
        distance: code.distance(to: other(Int(entry.row))), id: ItemID(UInt64(entry.row)))
    }
    best = best.part()
  }

  mutating func compare(
    _ block: CodeColumns, start: Int, thresholds: SketchThresholds, scratch: SearchScratch
  ) {
    let bound = best.bound
    func threshold(_ stage: Int) -> UInt32 {
      UInt32(thresholds.threshold(stage: stage, distance: bound))
    }
    let positions = scratch.positions.base
    let partials = scratch.partials.base
    let hits = code.withUnsafeBytes { query in
      let query = query.baseAddress!
      tp_scan32(query, block.sketches, block.rowCount, scratch.distances.base)
      var count = tp_select(
        scratch.distances.base, block.rowCount, threshold(1), 0, positions)
      guard count > 0 else { return 0 }
      for i in 0..<count {
        partials[i] = UInt16(scratch.distances.base[Int(positions[i])])
      }
      count = tp_refine(
        query + 32, 32, block.seconds, 32, positions, partials, count, threshold(2))
      for i in 0..<count {
        scratch.addresses.base[i] =
          (block.rests + CodeColumns.restByteCount * Int(positions[i]))
          .assumingMemoryBound(to: UInt8.self)
      }
      count = tp_begin(
        query + 64, scratch.addresses.base, positions, partials, count, threshold(3))
      var finished = 0
      return tp_finish(
        query + 128, scratch.addresses.base, positions, partials, count, threshold(4),
        UInt32(bound), &finished)
    }
    for hit in 0..<hits {
      best.insert(
        distance: Int(partials[hit]), id: ItemID(UInt64(start + Int(positions[hit]))))
    }
  }
}
