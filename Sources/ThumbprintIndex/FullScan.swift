import ThumbprintCodes

/// The slow twin of every search: compares the query with every row, one after another.
public enum FullScan {
  /// The answer that every other way of searching must give. O(rows) time.
  public static func search(
    _ query: SearchQuery, in columns: [CodeColumns], permutation: BitPermutation
  ) -> [SearchMatch] {
    var code = FeatureCode()
    let permuted = permutation.permuted(query.feature)
    var matches: [SearchMatch] = []
    for rows in columns {
      for row in 0..<rows.rowCount where !rows.isDead(row: row) {
        code.withUnsafeMutableBytes { rows.copyPermutedCode(ofRow: row, to: $0.baseAddress!) }
        var distance = permuted.distance(to: code)
        if query.metric == .combined, let image = query.image {
          distance += image.distance(to: rows.image(ofRow: row))
        }
        if distance <= query.distanceMax {
          matches.append(SearchMatch(distance: distance, id: rows.id(ofRow: row)))
        }
      }
    }
    matches.sort()
    switch query.extent {
    case .nearest(let k): return Array(matches.prefix(k))
    case .within(let radius): return Array(matches.prefix { $0.distance <= radius })
    }
  }
}
