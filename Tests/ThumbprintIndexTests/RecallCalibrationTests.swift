import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTestKit

/// A promise of recall on data whose pairs share the luck of the permutation: points of few
/// dimensions. Every seed is another order of bits, and its own calibration.
@Suite struct RecallCalibrationTests {
  /// Rows of a set, and queries drawn as the rows were, which no index has seen.
  private struct LatentSet {
    static let queryCount = 120
    var rows: [FeatureCode]
    var queries: [FeatureCode]
    var truth: [[Int]]

    init(count: Int, clusterCount: Int, dimensionCount: Int, seed: UInt64) {
      var generator = CodeGenerator(seed: seed)
      let codes = generator.clustered(
        count: count + Self.queryCount, clusterCount: clusterCount,
        dimensionCount: dimensionCount)
      let rows = Array(codes.prefix(count))
      self.rows = rows
      queries = Array(codes.suffix(Self.queryCount))
      truth = queries.map { query in
        Array(rows.map { query.distance(to: $0) }.sorted().prefix(10))
      }
    }

    func index(seed: UInt64) throws -> MemoryIndex {
      try rows.withUnsafeBytes {
        try MemoryIndex(
          features: $0.baseAddress!, count: rows.count, seed: seed, threadCount: 2)
      }
    }

    /// Share of the nearest `k` that are found, by distance.
    func recall(_ index: MemoryIndex, _ promise: Double, k: Int) -> Double {
      var found = 0
      for (query, distances) in zip(queries, truth) {
        let answer = index.snapshot.search(
          SearchQuery(feature: query, extent: .nearest(k), promise: .recall(promise)))
        found += answer.matches.filter { $0.distance <= distances[k - 1] }.count
      }
      return Double(found) / Double(k * queries.count)
    }
  }

  private static let sets = [
    LatentSet(count: 10_000, clusterCount: 25, dimensionCount: 16, seed: 31),
    LatentSet(count: 10_000, clusterCount: 8, dimensionCount: 6, seed: 32),
    LatentSet(count: 4000, clusterCount: 10, dimensionCount: 10, seed: 33),
  ]

  @Test(arguments: 1...12) func everyPermutationKeepsThePromise(seed: UInt64) throws {
    for set in Self.sets {
      let index = try set.index(seed: seed)
      for promise in [0.9, 0.95, 0.99] {
        for k in [1, 4, 10] {
          let recall = set.recall(index, promise, k: k)
          // Queries are a sample too: three standard deviations of what may be lost of them, at
          // four answers that are lost together.
          let loss = 1 - promise
          let noise = 3 * (4 * loss / Double(k * set.queries.count)).squareRoot()
          #expect(
            recall >= promise - noise, "seed=\(seed) rows=\(set.rows.count) k=\(k) of \(promise)")
        }
      }
    }
  }

  /// Over all permutations together the promise is kept without any allowance.
  @Test(arguments: [0.9, 0.95, 0.99]) func theMeanIsAbove(promise: Double) throws {
    for set in Self.sets {
      for k in [1, 10] {
        let recalls = try (1...10).map { try set.recall(set.index(seed: 100 + $0), promise, k: k) }
        let mean = recalls.reduce(0, +) / Double(recalls.count)
        #expect(mean >= promise, "rows=\(set.rows.count) k=\(k): \(recalls)")
      }
    }
  }

  /// A promise is worth keeping only if it saves work.
  @Test func lessIsReadForLess() throws {
    let set = Self.sets[0]
    let index = try set.index(seed: 5)
    func work(_ promise: SearchPromise) -> (sketches: Int, codes: Int) {
      set.queries.reduce((0, 0)) { sum, query in
        let certificate = index.snapshot.search(
          SearchQuery(feature: query, extent: .nearest(10), promise: promise)
        ).certificate
        return (sum.0 + certificate.sketchesRead, sum.1 + certificate.codesCompared)
      }
    }
    let low = work(.recall(0.9))
    let high = work(.recall(0.99))
    let all = work(.certified)
    #expect(low.codes < high.codes && high.codes < all.codes)
    #expect(low.sketches < high.sketches && high.sketches < all.sketches)
  }
}
