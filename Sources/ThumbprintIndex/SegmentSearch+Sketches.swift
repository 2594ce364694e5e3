import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Sweeps over the sketches of every row under a bound that is known; what they do not exclude
  /// is compared.
  mutating func runSketches() {
    let half = beginSweep()
    sweep(0..<segment.rowCount, beginsWithHalf: half)
  }

  /// Prepares a sweep; whether 16 bytes of each code are to be read before 32.
  mutating func beginSweep() -> Bool {
    let expected = expectedSweep(bound: matches.bound)
    certificate.predictedNanoseconds += expected.nanoseconds
    countSketchArm()
    scratch.reserveCandidates(2 * SearchScratch.chunkSize)
    return expected.beginsWithHalf
  }

  private mutating func countSketchArm() {
    certificate.arms[.sketches, default: 0] += 1
    certificate.missProbability += plan.chance(perAnswer: plan.sketchMiss)
  }

  /// Compares what the sketches of a range of positions let pass under the bound of now.
  mutating func sweep(_ range: Range<Int>, beginsWithHalf: Bool) {
    let chunk = SearchScratch.chunkSize
    scratch.distances.reserve(chunk)
    for low in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
      let size = min(chunk, range.upperBound - low)
      if beginsWithHalf {
        tp_scan16(
          queryBytes, resident.halfSketches.base + 16 * low, size, scratch.distances.base)
      } else {
        tp_scan32(queryBytes, resident.sketches.base + 32 * low, size, scratch.distances.base)
      }
      certificate.sketchesRead += size
      compareChunk(
        low: low, size: size, distances: scratch.distances.base, areHalves: beginsWithHalf)
    }
  }

  /// Compares the codes of a chunk whose sketch distances are known.
  mutating func compareChunk(
    low: Int, size: Int, distances: UnsafePointer<UInt8>, areHalves: Bool
  ) {
    // A distance of 256 is given as 255, which a threshold of 255 lets pass as it should: it
    // may be too lenient, never too strict.
    var count = tp_select(
      distances, size, threshold(areHalves ? 0 : 1), UInt32(low), scratch.positions.base)
    certificate.excludedBySketches += size - count
    guard count > 0 else { return }
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(distances[Int(scratch.positions.base[i]) - low])
    }
    if areHalves {
      count = tp_refine(
        queryBytes + 16, 16, resident.sketches.base + 16, 32, scratch.positions.base,
        scratch.partials.base, count, threshold(1))
    }
    verify(sketched: count)
  }

  // MARK: Without a bound

  /// Candidates kept while the bound is looked for.
  private static let poolSize = 128

  /// Keeps the sketch distance of every row, and compares the rows nearest by it: the k-th of
  /// those is a bound, near to the true one wherever sketches tell anything at all.
  mutating func runSeed() {
    beginSeed()
    let chunk = SearchScratch.chunkSize
    for low in stride(from: 0, to: segment.rowCount, by: chunk) {
      seed(low: low, size: min(chunk, segment.rowCount - low))
    }
    endSeed()
  }

  private var poolTarget: Int { Self.poolSize + 4 * min(plan.answerCount, 1024) }

  mutating func beginSeed() {
    certificate.sketchesRead += segment.rowCount
    certificate.predictedNanoseconds += costs.scan(width: 32, count: segment.rowCount)
    scratch.distances.reserve(segment.rowCount)
    scratch.firsts.reserve(4 * poolTarget + SearchScratch.chunkSize)
    poolCount = 0
    poolLimit = 255
  }

  /// Reads the sketches of a chunk; those nearest so far stay in the pool.
  mutating func seed(low: Int, size: Int) {
    let distances = scratch.distances.base + low
    tp_scan32(queryBytes, resident.sketches.base + 32 * low, size, distances)
    poolCount += tp_select(
      distances, size, poolLimit, UInt32(low), scratch.firsts.base + poolCount)
    if poolCount > 4 * poolTarget {
      poolCount = keepNearest(poolTarget, of: poolCount, in: scratch.firsts)
      poolLimit = UInt32(scratch.distances.base[Int(scratch.firsts.base[poolCount - 1])])
    }
  }

  mutating func endSeed() {
    let pool = scratch.firsts
    poolCount = keepNearest(poolTarget, of: poolCount, in: pool)
    scratch.reserveCandidates(max(poolCount, 2 * SearchScratch.chunkSize))
    for i in 0..<poolCount {
      scratch.positions.base[i] = pool.base[i]
      scratch.partials.base[i] = UInt16(scratch.distances.base[Int(pool.base[i])])
    }
    verify(sketched: poolCount)
    // The sweep that follows meets these rows again.
    matches = matches.part()
  }

  /// Compares what the sketches read for the bound do not exclude under it. Returns false, with
  /// nothing done, if comparing every row is cheaper.
  mutating func finishSeeded() -> Bool {
    let expected = expectedSweep(bound: matches.bound).nanoseconds
    guard expected - costs.scan(width: 32, count: segment.rowCount) < rowCost else { return false }
    countSketchArm()
    sweepAgain()
    return true
  }

  /// Sorts the pool by sketch distance and cuts it to the nearest `wanted`.
  private func keepNearest(
    _ wanted: Int, of count: Int, in pool: SearchScratch.Buffer<UInt32>
  ) -> Int {
    scratch.partials.reserve(count)
    scratch.positionScratch.reserve(count)
    scratch.partialScratch.reserve(count)
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(scratch.distances.base[Int(pool.base[i])])
    }
    tp_order(
      pool.base, scratch.partials.base, count, scratch.positionScratch.base,
      scratch.partialScratch.base)
    return min(wanted, count)
  }

  /// Compares what the kept sketch distances let pass.
  private mutating func sweepAgain() {
    let chunk = SearchScratch.chunkSize
    for low in stride(from: 0, to: segment.rowCount, by: chunk) {
      compareChunk(
        low: low, size: min(chunk, segment.rowCount - low),
        distances: scratch.distances.base + low, areHalves: false)
    }
  }
}
