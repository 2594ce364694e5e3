import ThumbprintCodes

/// How a segment was searched.
public enum SearchArm: String, Sendable, Hashable, CaseIterable {
  /// Hash tables alone decided.
  case tables
  /// Sketches decided which codes had to be compared.
  case sketches
  /// Clusters near the query, sketches inside them.
  case clusters
  /// Every code was compared.
  case scan
}

/// What was proved about an answer, and what it cost.
public struct SearchCertificate: Sendable, Hashable {
  /// The chance that a true answer is missing, over the choice of the bit permutation:
  /// 0 when the search was exact.
  public var missProbability: Double = 0
  /// Every code nearer than this is in the answer (with the chance above); the radius proved.
  /// 0, so nothing, with a recall promise.
  public var radius: Int = 0
  /// Records that the answer speaks for; rows that were replaced or deleted do not count.
  public var rowCount: Int = 0
  /// Codes compared in full.
  public var codesCompared: Int = 0
  /// Codes of which at least a sketch was read.
  public var sketchesRead: Int = 0
  /// Buckets of hash tables looked up, and the row numbers read from them.
  public var bucketsProbed: Int = 0
  public var postingsRead: Int = 0
  /// Rows never compared because hash tables excluded them.
  public var excludedByTables: Int = 0
  /// Rows never compared in full because a prefix of their code excluded them.
  public var excludedBySketches: Int = 0
  /// Rows left out because their cluster was far; only with a recall promise.
  public var excludedByClusters: Int = 0
  /// Segments searched by each arm.
  public var arms: [SearchArm: Int] = [:]
  /// What the planner expected the search to cost, in nanoseconds of one thread.
  public var predictedNanoseconds: Double = 0

  public init() {}

  /// Joins what is known about another part of the same collection.
  public mutating func merge(_ other: SearchCertificate) {
    missProbability = min(1, missProbability + other.missProbability)
    radius = rowCount == 0 ? other.radius : other.rowCount == 0 ? radius : min(radius, other.radius)
    rowCount += other.rowCount
    codesCompared += other.codesCompared
    sketchesRead += other.sketchesRead
    bucketsProbed += other.bucketsProbed
    postingsRead += other.postingsRead
    excludedByTables += other.excludedByTables
    excludedBySketches += other.excludedBySketches
    excludedByClusters += other.excludedByClusters
    arms.merge(other.arms, uniquingKeysWith: +)
    predictedNanoseconds += other.predictedNanoseconds
  }
}

/// The answers to one query, nearest first, with what was proved about them.
public struct SearchAnswer: Sendable, Hashable {
  public var matches: [SearchMatch]
  public var certificate: SearchCertificate

  public init(matches: [SearchMatch], certificate: SearchCertificate) {
    self.matches = matches
    self.certificate = certificate
  }
}
