import ThumbprintCodes

extension IndexSnapshot {
  /// Asked of each snapshot, so that code, page tables and working memory have met searches; fewer
  /// where that would take longer.
  private static let trialCount = 512
  private static let trialTime = Duration.milliseconds(20)
  /// Up to here every count of answers gets its thresholds.
  private static let preparedAnswerCountMax = 1024
  private static let preparedRecalls = [0.9, 0.95, 0.99]

  /// Makes the first query of a process as fast as the next.
  ///
  /// How many differing bits a sketch may show depends on the promise and on the number of
  /// answers; each such table costs a millisecond or so when it is first asked for. Here those
  /// of all usual queries are made, some 60 of them, once in a process; then some rows of each
  /// snapshot are asked for. Costs about 50 ms the first time, and 20 ms a snapshot.
  ///
  /// - Parameters:
  ///   - snapshots: Those that will be searched together.
  ///   - missProbability: As in ``search(_:in:missProbability:)``.
  public static func prepare(_ snapshots: [IndexSnapshot], missProbability: Double = 1e-9) {
    defer { withExtendedLifetime(snapshots) {} }
    let rowCount = snapshots.reduce(0) { $0 + $1.rowCount }
    let miss = Self.missProbability(missProbability, ofPartsIn: snapshots)
    func prepare(_ extent: SearchQuery.Extent, _ promise: SearchPromise) {
      let query = SearchQuery(feature: FeatureCode(), extent: extent, promise: promise)
      _ = QueryPlan(query, missProbability: miss, rowCount: rowCount)
    }
    prepare(.nearest(1), .exact)
    for recall in preparedRecalls { prepare(.nearest(1), .recall(recall)) }
    for count in 1...max(1, min(rowCount, preparedAnswerCountMax)) {
      prepare(.nearest(count), .certified)
    }
    prepare(.within(0), .certified)
    for snapshot in snapshots {
      let end = ContinuousClock.now + trialTime
      for number in 0..<trialCount where ContinuousClock.now < end {
        guard let feature = snapshot.feature(atShare: number, of: trialCount) else { break }
        _ = search(
          SearchQuery(feature: feature, extent: .nearest(1)), in: snapshots,
          missProbability: missProbability)
      }
    }
  }

  /// What one part may miss by: what all may, in equal shares.
  static func missProbability(_ whole: Double, ofPartsIn snapshots: [IndexSnapshot]) -> Double {
    whole / Double(max(1, snapshots.reduce(0) { $0 + $1.partCount }))
  }

  /// The code of the row at a share of all rows.
  private func feature(atShare numerator: Int, of denominator: Int) -> FeatureCode? {
    var row = rowCount * numerator / denominator
    for block in segments.flatMap(\.blocks) + recent {
      if row < block.rowCount {
        var permuted = FeatureCode()
        permuted.withUnsafeMutableBytes { bytes in
          guard let bytes = bytes.baseAddress else { return }
          block.copyPermutedCode(ofRow: row, to: bytes)
        }
        return permutation.restored(permuted)
      }
      row -= block.rowCount
    }
    return nil
  }
}
