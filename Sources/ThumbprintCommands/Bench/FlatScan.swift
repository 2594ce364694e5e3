import ThumbprintCodes
import ThumbprintIndex

/// The plain full scan that every figure is compared with: all 512 bytes of every code, one
/// thread. Ids are row numbers.
package enum FlatScan {
  /// Answers one query: reads all codes in the order in which they lie.
  package static func search(
    _ query: FeatureCode, in features: ByteRows, k: Int, distanceMax: Int
  ) -> [SearchMatch] {
    search(batch: [query], in: features, k: k, distanceMax: distanceMax)[0]
  }

  /// Answers many queries: a block of codes stays in the cache while all queries pass over it.
  package static func search(
    batch queries: [FeatureCode], in features: ByteRows, k: Int, distanceMax: Int
  ) -> [[SearchMatch]] {
    var nearest = queries.map { _ in NearestCollector(k: k, distanceMax: distanceMax) }
    for start in stride(from: 0, to: features.count, by: blockRowCount) {
      let block = start..<min(start + blockRowCount, features.count)
      for (number, query) in queries.enumerated() {
        query.withUnsafeBytes { compare($0, with: block, of: features, to: &nearest[number]) }
      }
    }
    return nearest.map { $0.matches() }
  }

  /// 32 KiB of codes.
  private static let blockRowCount = 64

  private static func compare(
    _ query: UnsafeRawBufferPointer, with rows: Range<Int>, of features: ByteRows,
    to nearest: inout NearestCollector
  ) {
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: rows.count) { distances in
      if features.strideByteCount == FeatureCode.byteCount {
        Hamming.distances(
          of: query.baseAddress!, to: features[rows.lowerBound], into: distances)
      } else {
        for (i, row) in rows.enumerated() {
          distances[i] = UInt16(Hamming.distance(query, features.bytes(of: row)))
        }
      }
      for (i, row) in rows.enumerated() where Int(distances[i]) <= nearest.bound {
        nearest.add(Int(distances[i]), row: row)
      }
    }
  }
}

/// The k nearest rows of those shown to it.
private struct NearestCollector {
  private let k: Int
  private var kept: [SearchMatch] = []
  /// Rows farther than this cannot be among the answers.
  private(set) var bound: Int

  init(k: Int, distanceMax: Int) {
    self.k = k
    bound = distanceMax
    kept.reserveCapacity(min(2 * k, 4096))
  }

  mutating func add(_ distance: Int, row: Int) {
    kept.append(SearchMatch(distance: distance, id: ItemID(UInt64(row))))
    guard kept.count >= 2 * k else { return }
    kept.sort()
    kept.removeLast(kept.count - k)
    bound = kept[k - 1].distance
  }

  func matches() -> [SearchMatch] {
    Array(kept.sorted().prefix(k))
  }
}
