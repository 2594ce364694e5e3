import ThumbprintCodes

/// Everything that one query of one shard sees: sealed segments and the recent rows.
public struct IndexSnapshot: Sendable {
  public let segments: [Segment]
  /// Rows without an index; compared by their sketches, one block after another.
  public let recent: [CodeColumns]
  public let permutation: BitPermutation

  public init(segments: [Segment], recent: [CodeColumns], permutation: BitPermutation) {
    self.segments = segments
    self.recent = recent
    self.permutation = permutation
  }

  /// Answers one query on the calling thread. Any number of threads may search at once.
  ///
  /// - Parameter missProbability: What ``SearchPromise/certified`` may miss by, here: 10⁻⁹ over
  ///   the number of shards that answer together.
  public func search(_ query: SearchQuery, missProbability: Double = 1e-9) -> SearchAnswer {
    let columns = segments.flatMap(\.blocks) + recent
    return SearchAnswer(
      matches: FullScan.search(query, in: columns, permutation: permutation),
      certificate: SearchCertificate())
  }

  /// Answers many queries, which share passes over memory, on the calling thread.
  public func search(
    batch queries: [SearchQuery], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    queries.map { search($0, missProbability: missProbability) }
  }
}
