import ThumbprintCodes
import ThumbprintIndex

/// Makes records with names and tags, and queries near them, from a seed.
public struct RecordGenerator: Sendable {
  private var codes: CodeGenerator
  private var random: SplitMix64
  private var centres: [FeatureCode] = []

  public init(seed: UInt64) {
    codes = CodeGenerator(seed: seed)
    random = SplitMix64(seed: seed ^ 0x5EED)
    for _ in 0..<8 { centres.append(codes.feature()) }
  }

  /// A number of the seed's sequence.
  public mutating func number(in range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  /// An id of a small set, so that records are often replaced.
  public mutating func id(below bound: UInt64) -> ItemID {
    let value = UInt64.random(in: 0..<bound, using: &random)
    // Some at the far end of the range.
    return ItemID(value % 7 == 0 ? UInt64.max - 1 - value : value)
  }

  public mutating func record(id: ItemID) -> Record {
    let centre = centres[number(in: 0...centres.count - 1)]
    var record = Record(
      id: id, feature: codes.flipped(centre, share: 0.05), image: codes.image())
    if number(in: 0...3) == 0 { record.name = "picture \(id) été/\(number(in: 0...999)).png" }
    if number(in: 0...5) == 0 { record.tags = ["kind": "k\(number(in: 0...9))", "é": "ü\n"] }
    return record
  }

  public mutating func records(_ count: Int, idsBelow bound: UInt64) -> [Record] {
    (0..<count).map { _ in record(id: id(below: bound)) }
  }

  public mutating func query(exact: Bool = false) -> SearchQuery {
    let feature = codes.flipped(centres[number(in: 0...centres.count - 1)], share: 0.05)
    let isCombined = number(in: 0...2) == 0
    return SearchQuery(
      feature: feature, image: isCombined ? codes.image() : nil,
      extent: number(in: 0...3) == 0
        ? .within(number(in: 300...500)) : .nearest(number(in: 1...20)),
      promise: exact ? .exact : .certified, metric: isCombined ? .combined : .feature)
  }
}

/// What a store is asked to do, made from a seed: the process that does it and the one that
/// checks it afterwards make the same operations without talking to each other.
public enum StoreOperation: Sendable {
  case upsert([Record])
  case delete([ItemID])
  /// The same as an upsert, through the path of datasets.
  case load([Record])
  case seal
  case compact

  /// Operation `number` of the sequence of `seed`.
  public static func make(seed: UInt64, number: Int) -> StoreOperation {
    var generator = RecordGenerator(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
    switch generator.number(in: 0...11) {
    case 0...4: return .upsert(generator.records(generator.number(in: 1...120), idsBelow: 3_000))
    case 5...7:
      return .delete(
        (0..<generator.number(in: 1...60)).map { _ in generator.id(below: 3_000) })
    case 8...9: return .load(generator.records(400, idsBelow: 3_000))
    case 10: return .seal
    default: return .compact
    }
  }
}
