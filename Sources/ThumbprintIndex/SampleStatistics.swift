import CHamming
import ThumbprintCodes

/// How far the rows of a segment lie from one another, measured on a sample when it is built.
struct SampleStatistics: Sendable {
  /// Quantiles kept of every distribution: the values at (i + ½) / 64.
  static let quantileCount = 64
  /// Rows of which the nearest neighbours are found by a scan: 3 ms each in a million.
  static let probeCount = 64
  static let neighbourCount = 10

  var strangerDistances: [Int]
  var neighbourDistances: [Int]
  /// Of each probed row: its position, and the positions of its nearest neighbours.
  var neighbours: [(row: Int, nearest: [Int])]

  static func quantiles(_ values: [Int]) -> [Int] {
    guard !values.isEmpty else { return [] }
    let sorted = values.sorted()
    return (0..<quantileCount).map {
      sorted[min(sorted.count - 1, (2 * $0 + 1) * sorted.count / 128)]
    }
  }

  /// Samples `rows`. About 0.2 CPU seconds for a million rows.
  init(rows: RowMap, seed: UInt64, threadCount: Int) throws {
    var generator = SplitMix64(seed: seed)
    let count = rows.rowCount
    var a = FeatureCode()
    var b = FeatureCode()
    func load(_ row: Int, _ code: inout FeatureCode) {
      let place = rows.place(ofRow: row)
      code.withUnsafeMutableBytes {
        rows.blocks[place.block].copyPermutedCode(ofRow: place.row, to: $0.baseAddress!)
      }
    }
    var strangers: [Int] = []
    if count > 1 {
      for _ in 0..<2048 {
        let i = Int.random(in: 0..<count, using: &generator)
        let j = Int.random(in: 0..<count, using: &generator)
        guard i != j else { continue }
        load(i, &a)
        load(j, &b)
        strangers.append(a.distance(to: b))
      }
    }
    strangerDistances = Self.quantiles(strangers)

    let probes = (0..<min(Self.probeCount, count)).map { _ in
      Int.random(in: 0..<count, using: &generator)
    }
    let pairs = (probes.count + 1) / 2
    let found = Locked<[Int: [(distance: Int, row: Int)]]>([:])
    try Parallel.perform(pairs, threadCount: threadCount) { pair in
      let first = probes[2 * pair]
      let second = probes[min(2 * pair + 1, probes.count - 1)]
      let nearest = Self.nearest(to: first, and: second, in: rows)
      found.withLock {
        $0[first] = nearest.0
        $0[second] = nearest.1
      }
    }
    let all = found.withLock { $0 }
    neighbours = all.sorted { $0.key < $1.key }.map { ($0.key, $0.value.map(\.row)) }
    neighbourDistances = Self.quantiles(all.values.compactMap { $0.last?.distance })
  }

  /// The nearest neighbours of two rows, themselves left out, by comparing every row.
  private static func nearest(
    to first: Int, and second: Int, in rows: RowMap
  ) -> ([(distance: Int, row: Int)], [(distance: Int, row: Int)]) {
    var queries = [FeatureCode](repeating: FeatureCode(), count: 2)
    for (i, row) in [first, second].enumerated() {
      let place = rows.place(ofRow: row)
      queries[i].withUnsafeMutableBytes {
        rows.blocks[place.block].copyPermutedCode(ofRow: place.row, to: $0.baseAddress!)
      }
    }
    // Ids are not needed here: rows take their place, which keeps ties in order too.
    var best = [TopMatches](
      repeating: TopMatches(capacity: neighbourCount + 1, distanceMax: FeatureCode.bitCount),
      count: 2)
    let step = 512
    var hitRows = [UInt32](repeating: 0, count: 2 * step)
    var distances = [UInt16](repeating: 0, count: 2 * step)
    for (block, start) in zip(rows.blocks, rows.starts) {
      for low in Swift.stride(from: 0, to: block.rowCount, by: step) {
        let size = min(step, block.rowCount - low)
        var hits = [0, 0]
        let bounds = [UInt32(best[0].bound), UInt32(best[1].bound)]
        queries[0].withUnsafeBytes { q in
          queries[1].withUnsafeBytes { r in
            tp_scan_rows_pair(
              q.baseAddress!, r.baseAddress!, block.sketches + 32 * low, block.seconds + 32 * low,
              block.rests + 448 * low, size, bounds, UInt32(start + low), &hitRows, &distances,
              &hits)
          }
        }
        for side in 0...1 {
          for hit in side * size..<side * size + hits[side] {
            best[side].insert(
              distance: Int(distances[hit]), id: ItemID(UInt64(hitRows[hit])))
          }
        }
      }
    }
    let lists = zip(best, [first, second]).map { top, own in
      top.sorted().filter { $0.id.rawValue != UInt64(own) }.prefix(neighbourCount)
        .map { (distance: $0.distance, row: Int($0.id.rawValue)) }
    }
    return (lists[0], lists[1])
  }
}
