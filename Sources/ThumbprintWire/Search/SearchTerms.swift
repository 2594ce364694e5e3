import ThumbprintCodes

/// Which bits a distance counts.
public enum WireMetric: UInt8, Sendable, CaseIterable {
  /// The 4096 bits of the feature code.
  case feature = 0
  /// Feature code and image code: 4608 bits.
  case combined = 1

  /// The largest distance.
  public var distanceMax: Int {
    switch self {
    case .feature: FeatureCode.bitCount
    case .combined: FeatureCode.bitCount + ImageCode.bitCount
    }
  }

  /// Bytes of a query.
  var queryByteCount: Int {
    switch self {
    case .feature: FeatureCode.byteCount
    case .combined: FeatureCode.byteCount + ImageCode.byteCount
    }
  }
}

/// What a search has to get.
public enum WirePromise: Sendable, Hashable {
  /// Wrong with a probability of at most ``SearchRequest/missProbability`` a query.
  case certified
  /// Equal to a full scan.
  case exact
  /// Aims at this share of the true answers on average, above 0 and below 1.
  case recall(Double)
}

/// How far a search goes.
public enum WireExtent: Sendable, Hashable {
  /// The `k` nearest, 1 to ``WireLimits/nearestCountMax``.
  case nearest(Int)
  /// Everything up to this distance, itself included.
  case within(Int)
}

/// What an answer holds beside ids and distances.
public struct SearchWants: OptionSet, Sendable, Hashable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The image codes of the matches.
  public static let images = SearchWants(rawValue: 1)
  /// Their names.
  public static let names = SearchWants(rawValue: 2)
  /// Their tags.
  public static let tags = SearchWants(rawValue: 4)
  /// What was proved about each answer.
  public static let certificate = SearchWants(rawValue: 8)
  /// An answer also when some shards cannot be searched; it says which.
  public static let partial = SearchWants(rawValue: 16)

  static let all: SearchWants = [.images, .names, .tags, .certificate, .partial]

  /// What has to be known of each match.
  public var parts: RowParts {
    var parts: RowParts = []
    if contains(.images) { parts.insert(.images) }
    if contains(.names) { parts.insert(.names) }
    if contains(.tags) { parts.insert(.tags) }
    return parts
  }
}
