import ThumbprintCodes

enum SearchLayout: WireLayout {
  static let name: StaticString = "search"
  static let collectionHigh = WireField("collection id, first half", 0, 8)
  static let collectionLow = WireField("collection id, second half", 8, 8)
  static let queryCount = WireField("query count", 16, 2)
  static let shardCount = WireField("shard count", 18, 2)
  static let extentKind = WireField("extent", 20, 1)
  static let metric = WireField("metric", 21, 1)
  static let promise = WireField("promise", 22, 1)
  static let wants = WireField("wants", 23, 1)
  static let bound = WireField("count or radius", 24, 4)
  static let distanceMax = WireField("greatest distance", 28, 4)
  static let recall = WireField("recall", 32, 8)
  static let missProbability = WireField("miss probability", 40, 8)
  static let coderByteCount = WireField("coder byte count", 48, 1)
  static let flags = WireField("flags", 49, 1)
  static let zero = WireField("reserved", 50, 6)
  static let byteCount = 56
  static var fields: [WireField] {
    [
      collectionHigh, collectionLow, queryCount, shardCount, extentKind, metric, promise, wants,
      bound, distanceMax, recall, missProbability, coderByteCount, flags,
      zero,
    ]
  }
  static var reserved: [WireField] { [zero] }
}

/// Asks for the codes of a collection that are nearest to some queries.
public struct SearchRequest: WireRequest, Hashable {
  public typealias Reply = SearchReply
  public static let type = MessageType.search

  /// What ``WirePromise/certified`` may miss by in all, a query.
  public static let missProbabilityMax = 1e-9

  public var collection: CollectionID
  /// The shards to be searched, ascending; empty for all of them.
  public var shards: [Int] = []
  public var extent: WireExtent
  /// Nothing farther than this is an answer: 0 to ``WireMetric/distanceMax``.
  public var distanceMax: Int
  public var promise: WirePromise
  public let metric: WireMetric
  public var wants: SearchWants
  /// What this search may miss by: ``missProbabilityMax`` over the number of processes that
  /// answer one query together.
  public var missProbability = Self.missProbabilityMax
  /// The coder of the queries; `nil` if the sender will not say.
  public var coder: CoderIdentity?
  /// Whether to look only where near codes are found at little cost. Nothing is proved; what is found
  /// bounds the search that follows. Workers are asked so; a coordinator is not.
  public var isProbe = false
  /// For each query a greatest distance of its own, 0 to ``WireMetric/distanceMax``, which counts
  /// where it is less than ``distanceMax``; empty for none.
  public var bounds: [UInt16] = []
  /// One query after another.
  private var codes: [UInt8]

  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let probe = Flags(rawValue: 1)
    static let bounds = Flags(rawValue: 2)
  }

  /// A search without queries yet; ``append(feature:image:)`` adds them.
  ///
  /// - Parameter distanceMax: `nil` for no bound.
  public init(
    collection: CollectionID, extent: WireExtent, distanceMax: Int? = nil,
    promise: WirePromise = .certified, metric: WireMetric = .feature, wants: SearchWants = [],
    coder: CoderIdentity? = nil
  ) {
    self.collection = collection
    self.extent = extent
    self.distanceMax = distanceMax ?? metric.distanceMax
    self.promise = promise
    self.metric = metric
    self.wants = wants
    self.coder = coder
    codes = []
  }

  public var queryCount: Int { codes.count / metric.queryByteCount }

  /// Adds a query; ``WireMetric/combined`` needs the image code too.
  public mutating func append(feature: FeatureCode, image: ImageCode? = nil) {
    precondition(
      metric == .feature || image != nil, "the combined metric needs an image code")
    feature.withUnsafeBytes { codes.append(contentsOf: $0) }
    if metric == .combined, let image {
      image.withUnsafeBytes { codes.append(contentsOf: $0) }
    }
  }

  /// The feature code of a query, `0..<queryCount`.
  public func feature(_ query: Int) -> FeatureCode {
    let start = metric.queryByteCount * query
    return codes.withUnsafeBytes {
      FeatureCode(copying: .init(rebasing: $0[start..<start + FeatureCode.byteCount]))
    }
  }

  /// Nothing farther than this is an answer to a query, `0..<queryCount`.
  public func distanceMax(_ query: Int) -> Int {
    bounds.isEmpty ? distanceMax : min(distanceMax, Int(bounds[query]))
  }

  /// The image code of a query; `nil` unless the metric is ``WireMetric/combined``.
  public func image(_ query: Int) -> ImageCode? {
    guard metric == .combined else { return nil }
    let start = metric.queryByteCount * query + FeatureCode.byteCount
    return codes.withUnsafeBytes {
      ImageCode(copying: .init(rebasing: $0[start..<start + ImageCode.byteCount]))
    }
  }

  /// Why this search cannot be asked, if so.
  public var problem: String? {
    if !(1...WireLimits.queryCountMax).contains(queryCount) {
      return "\(queryCount) queries, not 1 to \(WireLimits.queryCountMax)"
    }
    switch extent {
    case .nearest(let k):
      if !(1...WireLimits.nearestCountMax).contains(k) {
        return "k is \(k), not 1 to \(WireLimits.nearestCountMax)"
      }
    case .within(let radius):
      if !(0...metric.distanceMax).contains(radius) {
        return "the radius is \(radius), not 0 to \(metric.distanceMax)"
      }
    }
    if !(0...metric.distanceMax).contains(distanceMax) {
      return "the greatest distance is \(distanceMax), not 0 to \(metric.distanceMax)"
    }
    if !bounds.isEmpty, bounds.count != queryCount {
      return "\(bounds.count) bounds of \(queryCount) queries"
    }
    if let bound = bounds.max(), bound > metric.distanceMax {
      return "a bound is \(bound), not 0 to \(metric.distanceMax)"
    }
    if case .recall(let share) = promise, !(share > 0 && share < 1) {
      return "the recall is \(share), not above 0 and below 1"
    }
    if !(missProbability > 0 && missProbability <= Self.missProbabilityMax) {
      return "the miss probability is \(missProbability), not above 0 and up to 1e-9"
    }
    if shards.count > WireLimits.shardCountMax
      || !shards.allSatisfy((0..<WireLimits.shardCountMax).contains)
      || !zip(shards, shards.dropFirst()).allSatisfy(<)
    {
      return "shards are not numbers below \(WireLimits.shardCountMax), ascending"
    }
    return nil
  }

  public func encoded() -> [UInt8] {
    if let problem { preconditionFailure(problem) }
    let coder = Array((coder?.name ?? "").utf8)
    var writer = WireWriter(
      capacity: SearchLayout.byteCount + coder.count + 2 * shards.count + 2 * bounds.count
        + codes.count)
    writer.begin(SearchLayout.self)
    writer.set(SearchLayout.collectionHigh, collection.high)
    writer.set(SearchLayout.collectionLow, collection.low)
    writer.set(SearchLayout.queryCount, UInt16(queryCount))
    writer.set(SearchLayout.shardCount, UInt16(shards.count))
    switch extent {
    case .nearest(let k):
      writer.set(SearchLayout.bound, UInt32(k))
    case .within(let radius):
      writer.set(SearchLayout.extentKind, UInt8(1))
      writer.set(SearchLayout.bound, UInt32(radius))
    }
    writer.set(SearchLayout.metric, metric.rawValue)
    switch promise {
    case .certified: break
    case .exact: writer.set(SearchLayout.promise, UInt8(1))
    case .recall(let share):
      writer.set(SearchLayout.promise, UInt8(2))
      writer.set(SearchLayout.recall, share.bitPattern)
    }
    writer.set(SearchLayout.wants, wants.rawValue)
    writer.set(SearchLayout.distanceMax, UInt32(distanceMax))
    writer.set(SearchLayout.missProbability, missProbability.bitPattern)
    writer.set(SearchLayout.coderByteCount, UInt8(coder.count))
    var flags: Flags = []
    if isProbe { flags.insert(.probe) }
    if !bounds.isEmpty { flags.insert(.bounds) }
    writer.set(SearchLayout.flags, flags.rawValue)
    writer.append(coder)
    for shard in shards { writer.append(UInt16(shard)) }
    for bound in bounds { writer.append(bound) }
    writer.append(codes)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> SearchRequest {
    typealias Layout = SearchLayout
    var reader = WireReader(body, place: "search")
    try reader.begin(Layout.self)
    let queryCount = Int(reader.get(Layout.queryCount, as: UInt16.self))
    let shardCount = Int(
      try reader.get(Layout.shardCount, in: 0...UInt16(WireLimits.shardCountMax)))
    let bound = Int(reader.get(Layout.bound, as: UInt32.self))
    let kind: UInt8 = try reader.get(Layout.extentKind, in: 0...1)
    var request = SearchRequest(
      collection: CollectionID(
        high: reader.get(Layout.collectionHigh), low: reader.get(Layout.collectionLow)),
      extent: kind == 0 ? .nearest(bound) : .within(bound),
      distanceMax: Int(reader.get(Layout.distanceMax, as: UInt32.self)),
      promise: try promise(reader),
      metric: try reader.get(Layout.metric, as: WireMetric.self),
      wants: try reader.get(Layout.wants, flags: SearchWants.self, known: .all))
    request.missProbability = Double(bitPattern: reader.get(Layout.missProbability))
    let flags = try reader.get(Layout.flags, flags: Flags.self, known: [.probe, .bounds])
    request.isProbe = flags.contains(.probe)
    let coderByteCount: UInt8 = reader.get(Layout.coderByteCount)
    request.coder = try reader.identity(coderByteCount, "coder", CoderIdentity.init)
    request.shards.reserveCapacity(shardCount)
    for _ in 0..<shardCount {
      request.shards.append(Int(try reader.next("shard", as: UInt16.self)))
    }
    if flags.contains(.bounds) {
      let bytes = try reader.take(2 * queryCount, "bounds")
      request.bounds = (0..<queryCount).map {
        body.littleEndianInteger(at: bytes.lowerBound + 2 * $0, as: UInt16.self)
      }
    }
    let codes = try reader.take(request.metric.queryByteCount * queryCount, "queries")
    try reader.end()
    request.codes = Array(body[codes])
    if let problem = request.problem {
      throw .malformed("search", expected: "values within bounds", found: problem)
    }
    return request
  }

  private static func promise(_ reader: WireReader) throws(ServiceError) -> WirePromise {
    let number: UInt8 = try reader.get(SearchLayout.promise, in: 0...2)
    let bits: UInt64 = reader.get(SearchLayout.recall)
    if number == 2 { return .recall(Double(bitPattern: bits)) }
    guard bits == 0 else { throw reader.wrong(SearchLayout.recall, "0", found: bits) }
    return number == 0 ? .certified : .exact
  }
}
