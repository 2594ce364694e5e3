import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Sweeps over the sketches of every row under a bound that is known; what they do not exclude
  /// is compared.
  mutating func runSketches() {
    let width = beginSweep()
    sweep(0..<segment.rowCount, width: width)
  }

  /// Prepares a sweep; how many bytes of each code are to be read first.
  mutating func beginSweep() -> Int {
    let expected = expectedSweep(bound: matches.bound)
    certificate.predictedNanoseconds += expected.nanoseconds
    countSketchArm()
    scratch.reserveCandidates(2 * SearchScratch.chunkSize)
    return expected.width
  }

  mutating func countSketchArm() {
    certificate.arms[.sketches, default: 0] += 1
    certificate.missProbability += plan.chance(perAnswer: plan.sketchMiss)
  }

  /// Compares what the first `width` bytes (16, 32 or 64) of a range of positions let pass under
  /// the bound of now.
  mutating func sweep(_ range: Range<Int>, width: Int) {
    let chunk = SearchScratch.chunkSize
    scratch.distances.reserve(chunk)
    scratch.wideDistances.reserve(chunk)
    for low in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
      let size = min(chunk, range.upperBound - low)
      certificate.sketchesRead += size
      switch width {
      case 16:
        tp_scan16(
          queryBytes, resident.halfSketches.base + 16 * low, size, scratch.distances.base)
        compareHalves(low: low, size: size)
      case 32:
        tp_scan32(queryBytes, resident.sketches.base + 32 * low, size, scratch.distances.base)
        compareSketches(low: low, size: size, distances: scratch.distances.base)
      default:
        tp_scan_split(
          queryBytes, resident.sketches.base + 32 * low, resident.seconds.base + 32 * low, size,
          scratch.wideDistances.base)
        compareSplits(low: low, size: size)
      }
    }
  }

  /// Compares the codes of a chunk of which 16 bytes were read.
  private mutating func compareHalves(low: Int, size: Int) {
    let distances = scratch.distances.base
    let passed = tp_select(
      distances, size, threshold(0), UInt32(low), scratch.positions.base)
    for i in 0..<passed {
      scratch.partials.base[i] = UInt16(distances[Int(scratch.positions.base[i]) - low])
    }
    let count = tp_refine(
      queryBytes + 16, 16, resident.sketches.base + 16, 32, scratch.positions.base,
      scratch.partials.base, passed, threshold(1))
    certificate.excludedBySketches += size - count
    verify(count: count, read: 32)
  }

  /// Compares the codes of a chunk of which 32 bytes were read.
  private mutating func compareSketches(
    low: Int, size: Int, distances: UnsafePointer<UInt8>
  ) {
    // A distance of 256 is given as 255, which a threshold of 255 lets pass as it should: it
    // may be too lenient, never too strict.
    let count = tp_select(
      distances, size, threshold(1), UInt32(low), scratch.positions.base)
    certificate.excludedBySketches += size - count
    for i in 0..<count {
      scratch.partials.base[i] = UInt16(distances[Int(scratch.positions.base[i]) - low])
    }
    verify(count: count, read: 32)
  }

  /// Compares the codes of a chunk of which 64 bytes were read.
  private mutating func compareSplits(low: Int, size: Int) {
    let distances = scratch.wideDistances.base
    let count = tp_select16(
      distances, size, threshold(2), UInt32(low), scratch.positions.base)
    certificate.excludedBySketches += size - count
    for i in 0..<count {
      scratch.partials.base[i] = distances[Int(scratch.positions.base[i]) - low]
    }
    verify(count: count, read: 64)
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

  /// Rows compared for a bound.
  var poolTarget: Int { Self.poolSize + 4 * min(plan.answerCount, 1024) }

  private mutating func beginSeed() {
    certificate.sketchesRead += segment.rowCount
    certificate.predictedNanoseconds += costs.scan(width: 32, count: segment.rowCount)
    scratch.distances.reserve(segment.rowCount)
    scratch.firsts.reserve(4 * poolTarget + SearchScratch.chunkSize)
    scratch.poolPartials.reserve(scratch.firsts.capacity)
    poolCount = 0
    poolLimit = 255
  }

  /// Reads the sketches of a chunk; those nearest so far stay in the pool.
  private mutating func seed(low: Int, size: Int) {
    let distances = scratch.distances.base + low
    tp_scan32(queryBytes, resident.sketches.base + 32 * low, size, distances)
    let pool = scratch.firsts.base
    let partials = scratch.poolPartials.base
    let count =
      poolCount + tp_select(distances, size, poolLimit, UInt32(low), pool + poolCount)
    for i in poolCount..<count { partials[i] = UInt16(distances[Int(pool[i]) - low]) }
    poolCount = count
    if poolCount > 4 * poolTarget {
      cutPool()
      poolLimit = UInt32(partials[poolCount - 1])
    }
  }

  private mutating func endSeed() {
    cutPool()
    scratch.reserveCandidates(max(poolCount, 2 * SearchScratch.chunkSize))
    scratch.positions.base.update(from: scratch.firsts.base, count: poolCount)
    scratch.partials.base.update(from: scratch.poolPartials.base, count: poolCount)
    verify(count: poolCount, read: 32)
    isBoundTight = matches.isFull
    if isProbe { probed = matches }
    // The sweep that follows meets these rows again.
    matches = matches.part()
  }

  /// Sorts the pool by sketch distance and keeps the nearest.
  private mutating func cutPool() {
    scratch.positionScratch.reserve(poolCount)
    scratch.partialScratch.reserve(poolCount)
    tp_order(
      scratch.firsts.base, scratch.poolPartials.base, poolCount, scratch.positionScratch.base,
      scratch.partialScratch.base)
    poolCount = min(poolTarget, poolCount)
  }

  /// Compares what the sketches read for the bound do not exclude under it. Returns false, with
  /// nothing done, if comparing every row is cheaper.
  mutating func finishSeeded() -> Bool {
    let expected = expectedSweep(bound: matches.bound).nanoseconds
    guard expected - costs.scan(width: 32, count: segment.rowCount) < rowCost else { return false }
    countSketchArm()
    let chunk = SearchScratch.chunkSize
    for low in stride(from: 0, to: segment.rowCount, by: chunk) {
      compareSketches(
        low: low, size: min(chunk, segment.rowCount - low),
        distances: scratch.distances.base + low)
    }
    return true
  }
}
