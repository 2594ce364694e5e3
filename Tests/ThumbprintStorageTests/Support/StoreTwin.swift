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
      let answer = try collection.search(query)
      #expect(answer.matches == search(query), sourceLocation: sourceLocation)
      // Rows that were replaced or deleted and are still there do not count.
      #expect(answer.certificate.rowCount == records.count, sourceLocation: sourceLocation)
    }
    let report = try collection.check()
    #expect(report.problems.isEmpty, "\(report.problems)", sourceLocation: sourceLocation)
    #expect(report.digest == digest, sourceLocation: sourceLocation)
  }
}
