import Testing
import ThumbprintCodes
import ThumbprintTestKit
import ThumbprintWire

@Suite struct RecordMessageTests {
  @Test func messagesComeBack() throws {
    let rows = WireSamples.rows(.all, texts: true)
    try MessageCheck.roundTrip(
      FetchRequest(collection: WireSamples.collection, ids: [ItemID(1)], parts: [.names]))
    try MessageCheck.roundTrip(FetchReply(rows: rows))
    try MessageCheck.roundTrip(ScanRequest(shard: WireSamples.shard, after: ItemID(.max)))
    try MessageCheck.roundTrip(ScanRequest(shard: WireSamples.shard, after: nil))
    try MessageCheck.roundTrip(ScanReply(rows: .empty, isLast: false))
    try MessageCheck.roundTrip(
      AppendRequest(shard: WireSamples.shard, operation: .upsert(rows), coder: WireSamples.coder))
    try MessageCheck.roundTrip(
      AppendRequest(shard: WireSamples.shard, operation: .delete([ItemID(3), ItemID(3)])))
    try MessageCheck.roundTrip(
      AppendReply(position: WireSamples.position, deleted: 4, absent: .max))
  }

  @Test func recordsTravelUnchanged() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("RecordMessageTests: seed=\(seed)")
    var generator = RecordGenerator(seed: seed)
    for count in [0, 1, 2, 100] {
      let records = generator.records(count, idsBelow: 1_000_000)
      var builder = RowColumnsBuilder(parts: .all, capacity: count)
      for record in records { builder.append(record) }
      let columns = builder.columns()
      #expect(columns.byteCount <= builder.byteCount)
      let rows = try FetchReply.decoded(FetchReply(rows: columns).encoded()).rows
      #expect(try (0..<count).map { try rows.record($0) } == records, "seed=\(seed)")
      // A row copied from other columns is the same row.
      var again = RowColumnsBuilder(parts: .all)
      for row in 0..<count { again.append(row: row, of: rows) }
      #expect(again.columns() == rows)
    }
  }

  @Test func borrowedRowsAreTheRecords() throws {
    var generator = RecordGenerator(seed: 5)
    let records = generator.records(20, idsBelow: 1000)
    var builder = RowColumnsBuilder(parts: .all)
    for record in records { builder.append(record) }
    var copy = RowColumnsBuilder(parts: .all)
    builder.columns().forEachRow(in: 0..<20) { row in
      copy.append(
        id: row.id, feature: row.feature, image: row.image, name: row.name, tags: row.tags)
    }
    #expect(copy.columns() == builder.columns())
  }

  @Test func onlyWhatIsWantedIsThere() {
    let ids = WireSamples.rows([], texts: true)
    #expect(ids.byteCount == 16 + 2 * 8)
    #expect(ids.id(1) == ItemID(.max - 1))
    #expect(ids.name(0) == nil)
    // Columns of texts that nobody has are left out.
    #expect(WireSamples.rows([.names, .tags], texts: false) == ids)
  }

  @Test func textsAreCheckedBeforeTheyAreRead() throws {
    func rows(_ name: String) -> [UInt8] {
      var builder = RowColumnsBuilder(parts: [.names])
      builder.append(
        Record(
          id: ItemID(1), name: name, feature: FeatureCode(), image: ImageCode()))
      builder.append(
        Record(
          id: ItemID(2), name: "b", feature: FeatureCode(), image: ImageCode()))
      return FetchReply(rows: builder.columns()).encoded()
    }
    _ = try FetchReply.decoded(rows(String(repeating: "x", count: 1024)))
    #expect(throws: ServiceError.self) {
      try FetchReply.decoded(rows(String(repeating: "x", count: 1025)))
    }
    // Two texts, each cut inside a character, are UTF-8 only together.
    var split = rows("é")
    let offset = 16 + 2 * 8 + 4
    #expect(split[offset] == 2)
    split[offset] = 1
    #expect(throws: ServiceError.self) { try FetchReply.decoded(split) }
    var invalid = rows("ab")
    invalid[invalid.count - 1] = 0xFF
    #expect(throws: ServiceError.self) { try FetchReply.decoded(invalid) }
  }

  @Test func tagsOfAnotherFormAreFoundWhenTheyAreRead() throws {
    var builder = RowColumnsBuilder(parts: [.tags])
    Array("{\"a\":1}".utf8).withUnsafeBytes { tags in
      var code = [UInt8](repeating: 0, count: 512)
      code.withUnsafeMutableBytes { code in
        guard let base = code.baseAddress else { return }
        builder.append(
          id: ItemID(8), feature: base, image: base,
          name: UnsafeRawBufferPointer(start: nil, count: 0), tags: tags)
      }
    }
    let rows = try FetchReply.decoded(FetchReply(rows: builder.columns()).encoded()).rows
    let error = #expect(throws: ServiceError.self) { try rows.tags(0) }
    #expect(error?.code == .malformed && error?.message.contains("record 8") == true)
  }

  @Test func anAppendNeedsCodesOfBothKinds() throws {
    let whole = AppendRequest(
      shard: WireSamples.shard, operation: .upsert(WireSamples.rows(.all, texts: false))
    ).encoded()
    let poor = Array(whole[..<24]) + WireSamples.rows([.features], texts: false).bytesForTests
    #expect(throws: ServiceError.self) { try AppendRequest.decoded(poor) }
    let none = Array(whole[..<24]) + FetchReply(rows: .empty).encoded()
    #expect(throws: ServiceError.self) { try AppendRequest.decoded(none) }
  }
}

extension RowColumns {
  fileprivate var bytesForTests: [UInt8] { FetchReply(rows: self).encoded() }
}
