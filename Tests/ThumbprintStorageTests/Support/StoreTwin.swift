import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// The slow twin of a collection: a dictionary.
struct StoreTwin {
  var records: [ItemID: Record] = [:]

  mutating func upsert(_ new: [Record]) -> WriteReceipt {
    var receipt = WriteReceipt()
    for id in Set(new.map(\.id)) {
      if records[id] == nil { receipt.added += 1 } else { receipt.replaced += 1 }
    }
    for record in new { records[record.id] = record }
    return receipt
  }

  mutating func delete(_ ids: [ItemID]) -> WriteReceipt {
    var receipt = WriteReceipt()
    for id in Set(ids) {
      if records.removeValue(forKey: id) == nil {
        receipt.absent += 1
      } else {
        receipt.deleted += 1
      }
    }
    return receipt
  }

  var digest: RecordDigest {
    records.values.reduce(into: RecordDigest()) { $0.add(.of($1)) }
  }

  func search(_ query: SearchQuery) -> [SearchMatch] {
    var matches = records.values.map { record in
      var distance = query.feature.distance(to: record.feature)
      if query.metric == .combined, let image = query.image {
        distance += image.distance(to: record.image)
      }
      return SearchMatch(distance: distance, id: record.id)
    }
    matches = matches.filter { $0.distance <= query.distanceMax }.sorted()
    switch query.extent {
    case .nearest(let k): return Array(matches.prefix(k))
    case .within(let radius): return matches.filter { $0.distance <= radius }
    }
  }

  /// Everything that a collection tells about its records.
  func expectEqual(
    _ collection: LocalCollection, queries: [SearchQuery],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let stats = try collection.stats()
    #expect(stats.digest == digest, sourceLocation: sourceLocation)
    #expect(stats.recordCount == records.count, sourceLocation: sourceLocation)
    var seen: [Record] = []
    try collection.forEachRecord { seen.append($0) }
    #expect(seen == records.values.sorted { $0.id < $1.id }, sourceLocation: sourceLocation)
    let asked = seen.map(\.id).shuffled().prefix(20) + [ItemID(UInt64.max), ItemID(0)]
    #expect(
      try collection.records(Array(asked)) == asked.map { records[$0] },
      sourceLocation: sourceLocation)
    for query in queries {
      #expect(
        try collection.search(query).matches == search(query), sourceLocation: sourceLocation)
    }
    let report = try collection.check()
    #expect(report.problems.isEmpty, "\(report.problems)", sourceLocation: sourceLocation)
    #expect(report.digest == digest, sourceLocation: sourceLocation)
  }
}

/// Makes records and queries from a seed.
struct RecordGenerator {
  private var codes: CodeGenerator
  private var random: SplitMix64
  private var centres: [FeatureCode] = []

  init(seed: UInt64) {
    codes = CodeGenerator(seed: seed)
    random = SplitMix64(seed: seed ^ 0x5EED)
    for _ in 0..<8 { centres.append(codes.feature()) }
  }

  mutating func number(in range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  /// An id of a small set, so that records are often replaced.
  mutating func id(below bound: UInt64) -> ItemID {
    let value = UInt64.random(in: 0..<bound, using: &random)
    // Some at the far end of the range.
    return ItemID(value % 7 == 0 ? UInt64.max - 1 - value : value)
  }

  mutating func record(id: ItemID) -> Record {
    let centre = centres[number(in: 0...centres.count - 1)]
    var record = Record(
      id: id, feature: codes.flipped(centre, share: 0.05), image: codes.image())
    if number(in: 0...3) == 0 { record.name = "picture \(id) été/\(number(in: 0...999)).png" }
    if number(in: 0...5) == 0 { record.tags = ["kind": "k\(number(in: 0...9))", "é": "ü\n"] }
    return record
  }

  mutating func records(_ count: Int, idsBelow bound: UInt64) -> [Record] {
    (0..<count).map { _ in record(id: id(below: bound)) }
  }

  mutating func query(exact: Bool = false) -> SearchQuery {
    let feature = codes.flipped(centres[number(in: 0...centres.count - 1)], share: 0.05)
    let isCombined = number(in: 0...2) == 0
    return SearchQuery(
      feature: feature, image: isCombined ? codes.image() : nil,
      extent: number(in: 0...3) == 0
        ? .within(number(in: 300...500)) : .nearest(number(in: 1...20)),
      promise: exact ? .exact : .certified, metric: isCombined ? .combined : .feature)
  }
}

/// Limits so small that a few hundred records go through everything.
extension MaintenanceLimits {
  static var tiny: MaintenanceLimits {
    var limits = MaintenanceLimits()
    limits.recentRowCountMax = 200
    limits.bulkRowCount = 1000
    limits.segmentRowCountMin = 50
    limits.coalescedBlockCount = 4
    limits.mergedSegmentCount = 3
    limits.transactionByteCountMax = 1 << 16
    return limits
  }
}
