import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Of what a recall promise may lose, the share lost by leaving clusters out; the rest goes to
  /// the sketches inside them.
  private static let clusterShare = 0.5

  /// Searches the clusters whose centres are near, if a recall promise allows to leave out the
  /// others and that is cheaper. Returns whether it did.
  mutating func runClusters() -> Bool {
    guard case .recall(let recall) = plan.query.promise, let clusters = resident.clusters,
      header.clusterGaps.count == SampleStatistics.quantileCount + 1
    else { return false }
    let gap = allowedGap((1 - recall) * Self.clusterShare)
    scratch.wideDistances.reserve(clusters.count)
    let distances = scratch.wideDistances.base
    tp_scan64(queryBytes, clusters.centres, clusters.count, distances)
    let nearest = Int(distances[tp_smallest(distances, clusters.count)])
    let near = (0..<clusters.count)
      .filter { Int(distances[$0]) <= nearest + gap }
      .sorted { (distances[$0], $0) < (distances[$1], $1) }
    let rowCount = near.reduce(0) { $0 + Int(clusters.starts[$1 + 1] - clusters.starts[$1]) }
    guard rowCount < segment.rowCount * 3 / 4 else { return false }

    certificate.arms[.clusters, default: 0] += 1
    certificate.excludedByClusters += segment.rowCount - rowCount
    certificate.missProbability += min(1, 1 - recall)
    certificate.predictedNanoseconds +=
      Double(clusters.count) + costs.scan(width: 32, count: rowCount)
    scratch.reserveCandidates(2 * SearchScratch.chunkSize)
    for cluster in near {
      sweep(
        Int(clusters.starts[cluster])..<Int(clusters.starts[cluster + 1]), beginsWithHalf: false)
    }
    return true
  }

  /// How much farther than the nearest centre the centre of a true answer's cluster is, but for
  /// the given share of answers, by the sample taken when the index was built.
  private func allowedGap(_ miss: Double) -> Int {
    let quantiles = header.clusterGaps
    let count = SampleStatistics.quantileCount
    // Quantile i stands at (i + ½) / count. Beyond the last one there is the largest gap.
    let index = Int(((1 - miss) * Double(count) + 0.5).rounded(.up))
    guard index < count else {
      // A rare miss was hardly seen in the sample: go past the largest by a sixteenth.
      return quantiles[count] + quantiles[count] / 16
    }
    return quantiles[index]
  }
}
