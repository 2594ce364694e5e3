import ThumbprintCodes

/// The steps of one search for the nearest codes, or of a batch.
///
/// The nearest codes of a collection lie on any worker, and one that holds none of them would look
/// for its own nearest, far from the query, at the cost of a full scan. Where several workers answer
/// they are first probed: asked for what is found at little cost. The distance of the k-th match of
/// them all bounds the search that follows.
public struct SearchStages: Hashable, Sendable {
  public enum Stage: Hashable, Sendable {
    /// Bounds are looked for.
    case probe
    /// Everything is searched under the bounds found.
    case bounded
    /// Everything is searched under the bounds of the asker alone.
    case whole
  }

  public private(set) var stage: Stage
  /// For each query the greatest distance that the search of now has to find.
  public private(set) var bounds: [Int]
  private let asked: [Int]

  /// - Parameters:
  ///   - k: Matches asked for; `nil` for all within a radius, which is its own bound.
  ///   - bounds: For each query the greatest distance that the asker cares for.
  ///   - isSpread: Whether several workers answer.
  public init(nearest k: Int?, bounds: [Int], isSpread: Bool) {
    asked = bounds
    self.bounds = bounds
    stage = isSpread && k != nil ? .probe : .whole
  }

  /// The stage ended. Returns whether another follows; if not, what it found is the answer.
  ///
  /// - Parameters:
  ///   - cuts: For each query the distance of its k-th match; `nil` if there are fewer.
  ///   - hasTime: Whether the asker waits for another.
  public mutating func ended(_ cuts: [Int?], hasTime: Bool = true) -> Bool {
    precondition(cuts.count == asked.count, "\(cuts.count) answers to \(asked.count)")
    switch stage {
    case .whole: return false
    case .probe:
      for (index, cut) in cuts.enumerated() {
        if let cut { bounds[index] = min(asked[index], cut) }
      }
      stage = bounds == asked ? .whole : .bounded
      return true
    case .bounded:
      // What bounded a search may be deleted by now: then what it kept out may be an answer.
      let isShort = cuts.indices.contains { cuts[$0] == nil && bounds[$0] < asked[$0] }
      guard isShort, hasTime else { return false }
      restart()
      return true
    }
  }

  /// The stage has no answer. Returns whether the search goes on without one.
  public mutating func failed() -> Bool {
    guard stage == .probe else { return false }
    restart()
    return true
  }

  private mutating func restart() {
    stage = .whole
    bounds = asked
  }
}
