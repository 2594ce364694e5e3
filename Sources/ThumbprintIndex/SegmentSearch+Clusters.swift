import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Of what a recall promise may lose, the share lost by leaving clusters out; the sketches
  /// inside them may lose ``QueryPlan/recallSketchShare``.
  private static let clusterShare = 0.35
  /// Clusters read for a bound where the promise allows to leave out none.
  private static let seedCount = 6

  /// Searches the clusters whose centres are near. Returns whether that kept the promise; if not,
  /// it found a bound.
  mutating func runClusters() -> Bool {
    guard let clusters = resident.clusters, !isWithin,
      !header.clusterGaps.isEmpty
    else { return false }
    scratch.wideDistances.reserve(clusters.count)
    let distances = scratch.wideDistances.base
    tp_scan64(queryBytes, clusters.centres, clusters.count, distances)
    certificate.predictedNanoseconds += Double(clusters.count)
    // Gaps are known for the nearest few alone: more answers lie in farther clusters.
    guard case .recall(let recall) = plan.query.promise,
      plan.answerCount <= SampleStatistics.neighbourCount
    else {
      seedByClusters(clusters)
      return false
    }
    let nearest = Int(distances[tp_smallest(distances, clusters.count)])
    let near = order(
      clusters, within: nearest + allowedGap((1 - recall) * Self.clusterShare))
    let rowCount = (0..<near).reduce(0) { $0 + clusters.size(Int(scratch.firsts.base[$1])) }
    guard rowCount < segment.rowCount * 3 / 4 else {
      seedByClusters(clusters)
      return false
    }
    certificate.arms[.clusters, default: 0] += 1
    certificate.excludedByClusters += segment.rowCount - rowCount
    certificate.missProbability += 1 - recall
    certificate.predictedNanoseconds += costs.scan(width: 32, count: rowCount)
    sweep(clusters, count: near)
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
    scratch.reserveCandidates(max(clusters.count, 2 * SearchScratch.chunkSize))
    let distances = scratch.wideDistances.base
    let count = tp_select16(
      distances, clusters.count, UInt32(limit), 0, scratch.firsts.base)
    for i in 0..<count { scratch.partials.base[i] = distances[Int(scratch.firsts.base[i])] }
    tp_order(
      scratch.firsts.base, scratch.partials.base, count, scratch.positionScratch.base,
      scratch.partialScratch.base)
    return count
  }

  private mutating func sweep(_ clusters: SegmentResident.Clusters, count: Int) {
    for i in 0..<count {
      let cluster = Int(scratch.firsts.base[i])
      sweep(
        Int(clusters.starts[cluster])..<Int(clusters.starts[cluster + 1]), width: 32)
    }
  }

  /// A bound by the rows of the nearest clusters; what they hold is met again later.
  private mutating func seedByClusters(_ clusters: SegmentResident.Clusters) {
    let count = order(clusters, within: 8 * ClusterOrder.centreByteCount)
    sweep(clusters, count: min(count, Self.seedCount))
    isSeeded = matches.isFull
    isBoundTight = matches.isFull
    dropMatches()
  }

  /// How much farther than the nearest centre the centre of a true answer's cluster is, but for
  /// the given share of answers, by the sample taken when the index was built.
  private func allowedGap(_ miss: Double) -> Int {
    let gaps = header.clusterGaps
    // Of the sample so many may be farther; one standard deviation fewer, for it is a sample.
    let expected = miss * Double(gaps.count)
    let rank = expected - expected.squareRoot()
    guard rank >= 0 else { return gaps[gaps.count - 1] + gaps[gaps.count - 1] / 8 }
    return gaps[gaps.count - 1 - Int(rank)]
  }
}

extension SegmentResident.Clusters {
  func size(_ cluster: Int) -> Int { Int(starts[cluster + 1] - starts[cluster]) }
}
