import CHamming

/// The rows nearest to one query by their sketches, gathered in one pass over a segment before a
/// bound is known.
///
/// The list is complete up to ``limit``: of the rows met so far it has every one the sketch of
/// which shows at most so many differing bits. Once a bound is known, and its threshold is not
/// above the limit, all that a pass over the sketches under it would let pass is in the list.
struct NearRows {
  /// The share of the rows that the first limit lets in: what neighbours at 28 % of the bits need
  /// among random codes.
  private static let share = 0.1
  /// Rows of a block: the list has a row's number within its block.
  static let blockSize = 16384

  /// Sketch distances up to which the list is complete; below zero, it is of use for a bound alone.
  private(set) var limit = -1
  private var count = 0
  /// Where the rows of each block met to its end, and of the one begun, end in the list.
  private var ends: [Int] = []
  /// Rows wanted for a bound, and rows in the list from which on the limit is lowered.
  private let poolTarget: Int
  private let countMax: Int
  /// The memory of one search, which outlives this value; none of it is moved meanwhile.
  private let scratch: SearchScratch
  private let rows: UnsafeMutablePointer<UInt16>
  private let partials: UnsafeMutablePointer<UInt8>
  private let distances: UnsafeMutablePointer<UInt8>
  private let query: UnsafePointer<UInt8>
  private let sketches: UnsafeRawPointer

  /// - Parameter chunkSize: The most rows that are taken in at once; it divides ``blockSize``.
  init(_ search: SegmentSearch, sample: SketchSample, chunkSize: Int) {
    scratch = search.scratch
    let rowCount = search.segment.rowCount
    poolTarget = search.poolTarget
    let wanted = max(Int(Self.share * Double(rowCount)), 2 * poolTarget)
    countMax = 2 * wanted
    scratch.nearRows.reserve(countMax + chunkSize)
    scratch.nearPartials.reserve(countMax + chunkSize)
    scratch.distances.reserve(max(sample.count, chunkSize))
    scratch.reserveCandidates(2 * poolTarget + Self.blockSize)
    rows = scratch.nearRows.base
    partials = scratch.nearPartials.base
    distances = scratch.distances.base
    query = UnsafePointer(search.queryBytes)
    sketches = UnsafeRawPointer(search.resident.sketches.base)
    tp_scan32(query, sample.sketches, sample.count, distances)
    limit = largestLimit(
      distances, sample.count, below: 256, max: wanted * sample.count / rowCount)
  }

  /// The largest limit below a number that at most `max` of the values do not exceed; -1 if there
  /// is none.
  private func largestLimit(
    _ values: UnsafePointer<UInt8>, _ count: Int, below end: Int, max: Int
  ) -> Int {
    var low = -1
    var high = end - 1
    while low < high {
      let middle = (low + high + 1) >> 1
      if countOf(values, count, upTo: middle) <= max { low = middle } else { high = middle - 1 }
    }
    return low
  }

  private func countOf(_ values: UnsafePointer<UInt8>, _ count: Int, upTo limit: Int) -> Int {
    stride(from: 0, to: count, by: Self.blockSize).reduce(0) { sum, low in
      sum
        + tp_select(
          values + low, min(Self.blockSize, count - low), UInt32(limit), 0,
          scratch.positions.base)
    }
  }

  /// Takes in the rows at positions `low..<low + size`, which follow those of the last call.
  mutating func insert(low: Int, size: Int) {
    let first = low % Self.blockSize
    if first == 0 { ends.append(count) }
    guard limit >= 0 else { return }
    tp_scan32(query, sketches + 32 * low, size, distances)
    count += tp_select_values(
      distances, size, UInt32(limit), UInt32(first), rows + count, partials + count)
    ends[ends.count - 1] = count
    if count > countMax { lowerLimit() }
  }

  /// Halves the list: the rows stay the sketches of which are nearest. Of those that are equally
  /// far some may stay above the limit, for the sake of a bound.
  private mutating func lowerLimit() {
    let wanted = countMax / 2
    limit = largestLimit(partials, count, below: limit + 1, max: wanted)
    var spare = limit < 0 ? wanted : wanted - countOf(partials, count, upTo: limit)
    var kept = 0
    var first = 0
    for block in ends.indices {
      for i in first..<ends[block] where Int(partials[i]) <= limit + 1 {
        if Int(partials[i]) > limit {
          guard spare > 0 else { continue }
          spare -= 1
        }
        rows[kept] = rows[i]
        partials[kept] = partials[i]
        kept += 1
      }
      first = ends[block]
      ends[block] = kept
    }
    count = kept
  }

  /// Makes the nearest rows the candidates of the scratch memory, nearest first; how many.
  func pool() -> Int {
    guard count > 0 else { return 0 }
    // One step beyond the limit that too few do not exceed.
    let few = largestLimit(
      partials, count, below: min(limit + 2, 256), max: min(poolTarget, count) - 1)
    var size = 0
    for block in ends.indices {
      size += candidates(block, limit: few + 1, after: size)
      if size > 2 * poolTarget || block == ends.count - 1 {
        tp_order(
          scratch.positions.base, scratch.partials.base, size, scratch.positionScratch.base,
          scratch.partialScratch.base)
        size = min(size, poolTarget)
      }
    }
    return size
  }

  /// Makes those rows of a block the candidates of the scratch memory that show at most `limit`
  /// differing bits; how many there are.
  func candidates(_ block: Int, limit: Int, after offset: Int = 0) -> Int {
    let first = block == 0 ? 0 : ends[block - 1]
    return tp_filter(
      rows + first, partials + first, ends[block] - first, UInt32(limit),
      UInt32(Self.blockSize * block), scratch.positions.base + offset,
      scratch.partials.base + offset)
  }
}

/// Sketches of rows spread over a segment, one after another.
struct SketchSample {
  private static let countMax = 2048

  let sketches: [UInt8]
  let count: Int

  init(_ segment: Segment) {
    let rowCount = segment.rowCount
    let count = min(rowCount, Self.countMax)
    self.count = count
    sketches = [UInt8](unsafeUninitializedCapacity: 32 * count) { buffer, used in
      let target = UnsafeMutableRawPointer(buffer.baseAddress!)
      for i in 0..<count {
        (target + 32 * i).copyMemory(
          from: segment.resident.sketches.base + 32 * (i * rowCount / count), byteCount: 32)
      }
      used = 32 * count
    }
  }
}

extension SegmentSearch {
  /// Counts a pass over all sketches that looks for a bound.
  mutating func countSeed() {
    certificate.sketchesRead += segment.rowCount
    certificate.predictedNanoseconds += costs.scan(width: 32, count: segment.rowCount)
  }

  /// Compares the nearest of the rows gathered: the k-th of those is a bound.
  mutating func findBound(_ near: NearRows) {
    verify(count: near.pool(), read: 32)
    isBoundTight = matches.isFull
    // What follows meets these rows again.
    matches = matches.part()
  }

  /// Whether the rows gathered are all that sketches do not exclude under the bound of now. If so,
  /// a search is begun, to be finished by ``compare(_:block:)`` of every block.
  mutating func begins(_ near: NearRows) -> Bool {
    guard Int(threshold(1)) <= near.limit else { return false }
    let expected = expectedSweep(bound: matches.bound).nanoseconds
    certificate.predictedNanoseconds += max(
      0, expected - costs.scan(width: 32, count: segment.rowCount))
    countSketchArm()
    // But for those that are compared.
    certificate.excludedBySketches += segment.rowCount
    return true
  }

  /// Compares what the sketches do not exclude of the rows gathered in a block.
  mutating func compare(_ near: NearRows, block: Int) {
    let count = near.candidates(block, limit: Int(threshold(1)))
    certificate.excludedBySketches -= count
    verify(count: count, read: 32)
  }
}
