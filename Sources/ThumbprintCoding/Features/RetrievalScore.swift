import ThumbprintCodes
import ThumbprintNets

/// How well pictures of a group find each other.
public struct RetrievalScore: Sendable, Codable, Equatable {
  /// The mean, over queries, of the share of the group among the nearest pictures (as many as the
  /// group has, the query itself included), times 4: for groups of four the N-S score of Nistér and
  /// Stewénius (CVPR 2006), 1 if only the query itself is found, 4 if all are.
  public let score: Double
  /// The mean distance to the other pictures of the group and to those of other groups: for codes in
  /// shares of their bits.
  public let sameDistance: Double
  public let differentDistance: Double

  /// ``sameDistance`` as a share of ``differentDistance``.
  public var distanceRatio: Double { sameDistance / max(differentDistance, 1e-12) }

  /// Ranks all pictures for each query; of equal distances the lower number is nearer.
  ///
  /// - Parameters:
  ///   - groups: The group of each picture.
  ///   - queries: Numbers of pictures.
  ///   - distances: Fills in the distances from a query to all pictures; called on several threads.
  public init(
    groups: [Int], queries: [Int], threadCount: Int,
    distances: (_ query: Int, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    var sizes: [Int: Int] = [:]
    for group in groups { sizes[group, default: 0] += 1 }
    var sums = [SIMD4<Double>](repeating: .zero, count: queries.count)
    let workers = max(1, min(threadCount, queries.count))
    sums.withUnsafeMutableBufferPointer { sums in
      // Safe: worker w writes the sums w, w + workers, … alone.
      nonisolated(unsafe) let sums = sums
      Parallel.forEach(workers, threadCount: workers) { worker in
        let row = Memory(count: groups.count)
        let buffer = UnsafeMutableBufferPointer(start: row.base, count: groups.count)
        for place in stride(from: worker, to: queries.count, by: workers) {
          let query = queries[place]
          distances(query, buffer)
          sums[place] = Self.judge(
            buffer, groups: groups, query: query, size: sizes[groups[query]] ?? 1)
        }
      }
    }
    // Score, same, different, number of others of the group.
    let total = sums.reduce(.zero, +)
    let count = Double(max(1, queries.count))
    score = total[0] / count
    sameDistance = total[1] / max(1, total[3])
    differentDistance = total[2] / count
  }

  private static func judge(
    _ row: UnsafeMutableBufferPointer<Float>, groups: [Int], query: Int, size: Int
  ) -> SIMD4<Double> {
    var nearest: [(distance: Float, picture: Int)] = []
    var (same, different, strangers) = (0.0, 0.0, 0)
    for (picture, distance) in row.enumerated() {
      if groups[picture] != groups[query] {
        different += Double(distance)
        strangers += 1
      } else if picture != query {
        same += Double(distance)
      }
      if nearest.count == size, distance >= nearest[size - 1].distance { continue }
      let place = nearest.firstIndex { distance < $0.distance } ?? nearest.count
      nearest.insert((distance, picture), at: place)
      if nearest.count > size { nearest.removeLast() }
    }
    let hits = nearest.reduce(0) { $0 + (groups[$1.picture] == groups[query] ? 1 : 0) }
    return SIMD4(
      4 * Double(hits) / Double(size), same, different / Double(max(1, strangers)),
      Double(size - 1))
  }
}

extension RetrievalScore {
  /// Of codes, by Hamming distance.
  ///
  /// - Parameters:
  ///   - features: May be empty, if `images` are not.
  ///   - images: May be empty; otherwise their bits count beside the others.
  public init(
    features: [FeatureCode], images: [ImageCode] = [], groups: [Int], queries: [Int],
    threadCount: Int
  ) {
    let bits =
      (features.isEmpty ? 0 : FeatureCode.bitCount) + (images.isEmpty ? 0 : ImageCode.bitCount)
    precondition(
      bits > 0 && [0, groups.count].contains(features.count)
        && [0, groups.count].contains(images.count),
      "\(features.count) and \(images.count) codes for \(groups.count) pictures")
    self.init(groups: groups, queries: queries, threadCount: threadCount) { query, row in
      for picture in 0..<groups.count {
        var distance = 0
        if !features.isEmpty { distance += features[query].distance(to: features[picture]) }
        if !images.isEmpty { distance += images[query].distance(to: images[picture]) }
        row[picture] = Float(distance) / Float(bits)
      }
    }
  }

  /// Of vectors, by Euclidean distance.
  ///
  /// - Parameter vectors: Picture by picture, `dimension` numbers each.
  public init(
    vectors: [Float], dimension: Int, groups: [Int], queries: [Int], threadCount: Int
  ) {
    precondition(
      vectors.count == groups.count * dimension, "\(vectors.count) numbers for \(groups.count)")
    let squares = vectors.withUnsafeBufferPointer { x in
      (0..<groups.count).map { index in
        let vector = x.baseAddress! + index * dimension
        return Elementwise.dot(vector, vector, count: dimension)
      }
    }
    self.init(groups: groups, queries: queries, threadCount: threadCount) { query, row in
      guard let target = row.baseAddress else { return }
      target.update(repeating: 0, count: groups.count)
      vectors.withUnsafeBufferPointer { buffer in
        guard let x = buffer.baseAddress else { return }
        BLAS.multiply(
          rows: groups.count, columns: dimension, x, vector: x + query * dimension,
          addingTo: target)
      }
      for i in 0..<groups.count {
        target[i] = max(0, squares[query] + squares[i] - 2 * target[i]).squareRoot()
      }
    }
  }
}
