import ThumbprintCodes

/// How far the rows of a segment lie from one another, measured on a sample when it is built.
struct SampleStatistics: Sendable {
  /// Quantiles kept of every distribution: the values at (i + ½) / 64.
  static let quantileCount = 64
  /// Rows of which the nearest neighbours are looked for: so many by sketches, 0.7 ms each in a
  /// million, and so many by comparing every row where those exclude little, 3 ms each.
  static let probeCount = 384
  private static let farProbeCount = 64
  /// Rows compared for all far probes together, which may so be more in a small segment.
  private static let farRowCount = 1 << 26
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

  /// Samples `rows`. About 0.3 CPU seconds for a million rows.
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

    var drawn: Set<Int> = []
    let probes = (0..<min(Self.probeCount, count)).compactMap { _ -> Int? in
      let row = Int.random(in: 0..<count, using: &generator)
      return drawn.insert(row).inserted ? row : nil
    }
    let sample = NeighbourSample(
      rows: rows, neighbourCount: Self.neighbourCount, strangers: strangerDistances)
    let firstCount = max(Self.farProbeCount, Self.farRowCount / max(1, count))
    let first = Array(probes.prefix(firstCount))
    var found = try sample.bySketches(first, threadCount: threadCount)
    let far = first.indices.filter { found[$0] == nil }
    for (i, neighbours) in zip(
      far, try sample.byRows(far.map { first[$0] }, threadCount: threadCount))
    {
      found[i] = neighbours
    }
    neighbourDistances = Self.quantiles(found.compactMap { $0?.last?.distance })
    // The others would cost much where most have no near neighbours, and tell little.
    let others = far.count > first.count / 2 ? [] : Array(probes.dropFirst(first.count))
    found += try sample.bySketches(others, threadCount: threadCount)
    neighbours = zip(first + others, found).compactMap { row, neighbours in
      neighbours.map { (row, $0.map(\.row)) }
    }
  }
}
