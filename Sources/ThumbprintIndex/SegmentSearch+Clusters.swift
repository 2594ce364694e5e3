import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Clusters read for a bound where the promise allows to leave out none.
  private static let seedCount = 6
  /// Rows of which the nearest by 64 bytes give the first bound.
  private static let seedRowCount = 512
  /// Rows read under one bound, at first and at most.
  private static let groupRowCount = (first: 1024, most: 4096)

  /// Searches the clusters whose centres are near. Returns whether that kept the promise; if not,
  /// it found a bound.
  mutating func runClusters() -> Bool {
    guard let clusters = resident.clusters, !isWithin else { return false }
    scratch.wideDistances.reserve(clusters.count)
    let distances = scratch.wideDistances.base
    tp_scan64(queryBytes, clusters.centres, clusters.count, distances)
    certificate.predictedNanoseconds += Double(clusters.count)
    // Gaps are known for the nearest few alone: more answers lie in farther clusters.
    guard case .recall(let recall) = plan.query.promise,
      let gap = header.calibration.clusterGap(
        loss: (1 - recall) * QueryPlan.recallClusterShare, answerCount: plan.answerCount)
    else {
      seedByClusters(clusters)
      return false
    }
    let nearest = Int(distances[tp_smallest(distances, clusters.count)])
    let near = order(clusters, within: nearest + gap)
    let rowCount = (0..<near).reduce(0) {
      $0 + clusters.positions(Int(scratch.firsts.base[$1])).count
    }
    guard rowCount < segment.rowCount * 3 / 4 else {
      seedByClusters(clusters)
      return false
    }
    certificate.arms[.clusters, default: 0] += 1
    certificate.excludedByClusters += segment.rowCount - rowCount
    certificate.missProbability += 1 - recall
    certificate.predictedNanoseconds += costs.scan(width: 32, count: rowCount)
    sweepNearest(clusters, count: near)
    // Too few rows are near: the others have to be asked.
    guard matches.isFull || isBounded else {
      dropMatches()
      return false
    }
    return true
  }

  private var isWithin: Bool {
    if case .within = plan.query.extent { return true }
    return false
  }

  /// Puts the clusters whose centre is at most `limit` away into the first places of `firsts`,
  /// nearest first; returns how many.
  private func order(_ clusters: SegmentResident.Clusters, within limit: Int) -> Int {
    scratch.firsts.reserve(clusters.count)
    scratch.reserveCandidates(clusters.count)
    let distances = scratch.wideDistances.base
    let count = tp_select16(
      distances, clusters.count, UInt32(limit), 0, scratch.firsts.base)
    for i in 0..<count { scratch.partials.base[i] = distances[Int(scratch.firsts.base[i])] }
    if count > 1 {
      tp_order(
        scratch.firsts.base, scratch.partials.base, count, scratch.positionScratch.base,
        scratch.partialScratch.base)
    }
    return count
  }

  /// A bound by the rows of the nearest clusters; what they hold is met again later.
  private mutating func seedByClusters(_ clusters: SegmentResident.Clusters) {
    let count = order(clusters, within: 8 * ClusterOrder.centreByteCount)
    sweepNearest(clusters, count: min(count, Self.seedCount))
    isSeeded = matches.isFull
    isBoundTight = matches.isFull
    dropMatches()
  }

  // MARK: Reading clusters

  /// Compares what sketches let pass in the first `count` clusters named by `firsts`.
  private mutating func sweepNearest(_ clusters: SegmentResident.Clusters, count: Int) {
    let room = Self.groupRowCount.most + clusters.largestSize
    scratch.reserveCandidates(room)
    scratch.distances.reserve(clusters.largestSize)
    scratch.wideDistances.reserve(Self.seedRowCount + clusters.largestSize)
    var next = sweepFirst(clusters, count: count)
    var size = Self.groupRowCount.first
    while next < count {
      next = sweepGroup(clusters, next..<count, rowCount: size)
      size = min(2 * size, Self.groupRowCount.most)
    }
  }

  /// Reads 64 bytes of every row of the first clusters. The rows nearest by those are compared
  /// first: the bound they give is near to the last one, so that few others are compared.
  /// Returns the number of clusters read.
  private mutating func sweepFirst(_ clusters: SegmentResident.Clusters, count: Int) -> Int {
    let distances = scratch.wideDistances.base
    var used = 0
    var size = 0
    while used < count, size < Self.seedRowCount {
      let range = clusters.positions(Int(scratch.firsts.base[used]))
      tp_scan_split(
        queryBytes, resident.sketches.base + 32 * range.lowerBound,
        resident.seconds.base + 32 * range.lowerBound, range.count, distances + size)
      size += range.count
      used += 1
    }
    certificate.sketchesRead += size
    let wanted = max(40, 4 * plan.answerCount)
    let cutoff = tp_cutoff16(distances, size, wanted, UInt32(SketchThresholds.widths[2]))
    var compared = compareFirst(
      clusters, used, from: 0, through: min(Int(cutoff), Int(threshold(2))))
    compared += compareFirst(clusters, used, from: Int(cutoff) + 1, through: Int(threshold(2)))
    certificate.excludedBySketches += size - compared
    return used
  }

  /// Compares the rows of the first `used` clusters whose distance over 64 bytes is in a range;
  /// returns how many there are.
  private mutating func compareFirst(
    _ clusters: SegmentResident.Clusters, _ used: Int, from least: Int, through limit: Int
  ) -> Int {
    guard least <= limit else { return 0 }
    let positions = scratch.positions.base
    var distances = scratch.wideDistances.base
    var found = 0
    for i in 0..<used {
      let range = clusters.positions(Int(scratch.firsts.base[i]))
      let end =
        found
        + tp_select16(
          distances, range.count, UInt32(limit), UInt32(range.lowerBound), positions + found)
      for candidate in found..<end {
        let distance = distances[Int(positions[candidate]) - range.lowerBound]
        positions[found] = positions[candidate]
        scratch.partials.base[found] = distance
        found += distance >= least ? 1 : 0
      }
      distances += range.count
    }
    verify(count: found, read: 64)
    return found
  }

  /// Reads 32 bytes of every row of some clusters, at least `rowCount` rows if there are so many.
  /// Returns the first cluster that was not read.
  private mutating func sweepGroup(
    _ clusters: SegmentResident.Clusters, _ range: Range<Int>, rowCount: Int
  ) -> Int {
    let limit = threshold(1)
    let positions = scratch.positions.base
    let partials = scratch.partials.base
    let distances = scratch.distances.base
    var next = range.lowerBound
    var size = 0
    var found = 0
    while next < range.upperBound, size < rowCount {
      let range = clusters.positions(Int(scratch.firsts.base[next]))
      tp_scan32(
        queryBytes, resident.sketches.base + 32 * range.lowerBound, range.count, distances)
      let end =
        found
        + tp_select(
          distances, range.count, limit, UInt32(range.lowerBound), positions + found)
      while found < end {
        partials[found] = UInt16(distances[Int(positions[found]) - range.lowerBound])
        found += 1
      }
      size += range.count
      next += 1
    }
    certificate.sketchesRead += size
    certificate.excludedBySketches += size - found
    verify(count: found, read: 32)
    return next
  }
}
