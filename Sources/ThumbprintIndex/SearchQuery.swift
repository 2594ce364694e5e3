import ThumbprintCodes

/// What a search must get; see ``SearchCertificate`` for what it got.
public enum SearchPromise: Sendable, Hashable {
  /// Wrong with probability at most 10⁻⁹ a query, for any data.
  case certified
  /// Equal to a full scan, without any chance.
  case exact
  /// Aims at this share of the true answers on average, in `0 < x < 1`, by what was measured with
  /// rows of the index itself as queries. Queries unlike them may get much less.
  case recall(Double)

  /// Whether an answer says up to which distance it is all there is.
  public var provesRadius: Bool {
    switch self {
    case .certified, .exact: true
    case .recall: false
    }
  }
}

/// Which bits a distance counts.
public enum SearchMetric: String, Sendable, Hashable, CaseIterable {
  /// The 4096 bits of the feature code: distances `0...4096`.
  case feature
  /// Feature code and image code, 4608 bits: distances `0...4608`.
  case combined

  /// The largest distance of the metric.
  public var distanceMax: Int {
    switch self {
    case .feature: FeatureCode.bitCount
    case .combined: FeatureCode.bitCount + ImageCode.bitCount
    }
  }
}

/// A question to an index.
public struct SearchQuery: Sendable {
  public enum Extent: Sendable, Hashable {
    /// The `k` nearest, `1...SearchLimits.nearestCountMax`.
    case nearest(Int)
    /// Everything at a distance up to this many bits, itself included.
    case within(Int)
  }

  public var feature: FeatureCode
  /// Needed for ``SearchMetric/combined``.
  public var image: ImageCode?
  public var extent: Extent
  /// Nothing farther than this is an answer; `metric.distanceMax` for no bound.
  public var distanceMax: Int
  public var promise: SearchPromise
  public var metric: SearchMetric

  public init(
    feature: FeatureCode, image: ImageCode? = nil, extent: Extent,
    distanceMax: Int? = nil, promise: SearchPromise = .certified,
    metric: SearchMetric = .feature
  ) {
    self.feature = feature
    self.image = image
    self.extent = extent
    self.metric = metric
    self.promise = promise
    self.distanceMax = min(distanceMax ?? metric.distanceMax, metric.distanceMax)
  }
}

public enum SearchLimits {
  /// The most neighbours that one query may ask for.
  public static let nearestCountMax = 16384
}

/// One answer. Answers are in the total order (distance, id), so they are the same bytes
/// whatever the number of shards or the order of loading.
public struct SearchMatch: Sendable, Hashable, Comparable {
  public var distance: Int
  public var id: ItemID

  public init(distance: Int, id: ItemID) {
    self.distance = distance
    self.id = id
  }

  public static func < (a: SearchMatch, b: SearchMatch) -> Bool {
    a.distance != b.distance ? a.distance < b.distance : a.id < b.id
  }
}
