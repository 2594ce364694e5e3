import Foundation
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// What is forecast, beside what is there.
@Suite struct ForecastTests {
  private static let seed: UInt64 = 31
  /// Enough for tables to be worth asking: fewer sketches are read as fast.
  private static let rowCount = 131_072
  private static let groupSize = 4

  /// Groups of four copies, an index of them, and queries of both kinds.
  private struct Fixture: Sendable {
    var index: MemoryIndex
    var near: [SearchQuery] = []
    var unlike: [SearchQuery] = []

    init() throws {
      var random = SplitMix64(seed: ForecastTests.seed)
      var codes = [FeatureCode](repeating: FeatureCode(), count: ForecastTests.rowCount)
      for row in codes.indices {
        codes[row] =
          row % ForecastTests.groupSize == 0
          ? Self.feature(&random)
          : Self.copy(codes[row - row % ForecastTests.groupSize], &random)
      }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(FeatureCode.byteCount * codes.count)
      for code in codes { code.withUnsafeBytes { bytes.append(contentsOf: $0) } }
      index = try bytes.withUnsafeBytes {
        try MemoryIndex(
          features: $0.baseAddress!, count: ForecastTests.rowCount, seed: ForecastTests.seed,
          threadCount: 2)
      }
      for number in 0..<16 {
        near.append(Self.query(Self.copy(codes[number * 640], &random)))
        unlike.append(Self.query(Self.feature(&random)))
      }
    }

    /// A code of independent, fair bits.
    static func feature(_ random: inout SplitMix64) -> FeatureCode {
      var code = FeatureCode()
      code.withUnsafeMutableBytes { bytes in
        for offset in stride(from: 0, to: bytes.count, by: 8) {
          bytes.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
        }
      }
      return code
    }

    /// A code that differs in at most 80 bits.
    static func copy(_ code: FeatureCode, _ random: inout SplitMix64) -> FeatureCode {
      var copy = code
      for _ in 0..<80 {
        copy[Int(random.next() % UInt64(FeatureCode.bitCount))].toggle()
      }
      return copy
    }

    /// Searched by plans made for the usual costs, whatever else the machine does.
    var sealed: IndexSnapshot { index.snapshot.priced(.usual) }

    static func query(_ feature: FeatureCode) -> SearchQuery {
      SearchQuery(feature: feature, extent: .nearest(ForecastTests.groupSize))
    }

    /// The same rows before they have an index.
    var recent: IndexSnapshot {
      IndexSnapshot(
        segments: [], recent: index.snapshot.segments[0].blocks,
        permutation: index.snapshot.permutation, owner: index)
    }
  }

  private static let fixture = Result { try Fixture() }

  private static func forecast(_ workload: SearchWorkload) -> SearchForecast {
    SearchForecast(
      workload, nearestCount: groupSize, promise: .certified, profile: .standard,
      segmentRowCount: rowCount, costs: .usual, missProbability: 1e-9)
  }

  private static let sealed = SearchForecast.Parts(
    segmentCount: 1, sealedRowCount: Double(rowCount), recentRowCount: 0)
  private static let unsealed = SearchForecast.Parts(
    segmentCount: 0, sealedRowCount: 0, recentRowCount: Double(rowCount))

  /// The mean of what certificates count.
  private static func mean(
    _ answers: [SearchAnswer], _ count: (SearchCertificate) -> Int
  ) -> Double {
    Double(answers.reduce(0) { $0 + count($1.certificate) }) / Double(answers.count)
  }

  private static func expectNear(
    _ forecast: Double, _ measured: Double, within share: Double, _ what: String
  ) {
    #expect(
      abs(forecast - measured) <= share * measured + 8,
      "\(what): \(forecast) forecast, \(measured) found")
  }

  @Test func tablesAreVisitedAsForecast() throws {
    let fixture = try Self.fixture.get()
    let forecast = Self.forecast(.near)
    // Under the bound that others found, nothing but the first tables is asked.
    let bounded = fixture.near.map { query in
      var query = query
      query.distanceMax = SearchWorkload.near.distance
      return fixture.sealed.search(query)
    }
    let steps = forecast.search(Self.sealed, isAlone: true)
    #expect(steps.bucketsProbed == Self.mean(bounded, \.bucketsProbed))
    Self.expectNear(
      steps.postingsRead, Self.mean(bounded, \.postingsRead), within: 0.2, "postings")
    // For a bound, without any, all tables are.
    let probes = IndexSnapshot.probe(batch: fixture.unlike, in: [fixture.sealed])
    let probe = forecast.probe(Self.sealed, isAlone: true)
    #expect(probe.bucketsProbed == Self.mean(probes, \.bucketsProbed))
    Self.expectNear(probe.postingsRead, Self.mean(probes, \.postingsRead), within: 0.2, "postings")
    Self.expectNear(
      probe.sketchesRead, Self.mean(probes, \.sketchesRead), within: 0.5, "rows met twice")
    Self.expectNear(
      probe.codesCompared, Self.mean(probes, \.codesCompared), within: 0.5, "rows compared")
  }

  @Test func whatIsNearNothingIsComparedWithAll() throws {
    let fixture = try Self.fixture.get()
    let answers = fixture.unlike.map { fixture.sealed.search($0) }
    let steps = Self.forecast(.unlike).search(Self.sealed, isAlone: true)
    Self.expectNear(
      steps.codesCompared, Self.mean(answers, \.codesCompared), within: 0.4, "codes compared")
    #expect(steps.bucketsProbed == Self.mean(answers, \.bucketsProbed))
  }

  @Test(arguments: SearchWorkload.allCases)
  func rowsWithoutAnIndexAreReadAsForecast(_ workload: SearchWorkload) throws {
    let fixture = try Self.fixture.get()
    let queries = workload == .near ? fixture.near : fixture.unlike
    let forecast = Self.forecast(workload)
    let probes = IndexSnapshot.probe(batch: queries, in: [fixture.recent])
    let probe = forecast.probe(Self.unsealed, isAlone: true)
    #expect(probe.sketchesRead == Self.mean(probes, \.sketchesRead))
    #expect(probe.codesCompared == Self.mean(probes, \.codesCompared))
    let bounded = zip(queries, probes).map { query, probe in
      var query = query
      query.distanceMax = probe.matches.last?.distance ?? query.distanceMax
      return fixture.recent.search(query)
    }
    let search = forecast.search(Self.unsealed, isAlone: true)
    Self.expectNear(
      search.sketchesRead, Self.mean(bounded, \.sketchesRead), within: 0.1, "sketches")
    Self.expectNear(
      search.codesCompared, Self.mean(bounded, \.codesCompared), within: 0.4, "codes compared")
  }

  /// An exact search reads sketches, for tables cannot prove that much.
  @Test func exactCostsMoreThanCertified() {
    func nanoseconds(_ promise: SearchPromise) -> Double {
      SearchForecast(
        .near, nearestCount: 10, promise: promise, profile: .standard, segmentRowCount: 1 << 20,
        costs: .usual, missProbability: 1e-12
      ).search(
        .init(segmentCount: 1, sealedRowCount: 1_048_576, recentRowCount: 0), isAlone: true
      ).nanoseconds
    }
    #expect(nanoseconds(.exact) > 20 * nanoseconds(.certified))
    #expect(nanoseconds(.recall(0.99)) <= nanoseconds(.certified))
  }

  @Test func indexBytesAreThoseOfASegment() throws {
    let index = try Self.fixture.get().index
    let footprint = SegmentFootprint(rowCount: Self.rowCount, profile: .standard)
    #expect(index.snapshot.segments[0].resident.byteCount == footprint.residentByteCount)
    // The header is a few kilobytes of JSON.
    #expect((0...16_384).contains(index.indexByteCount - footprint.pieceByteCount))
  }

  @Test func fileBytesAreThoseOfAShard() throws {
    let count = 20_000
    var generator = CodeGenerator(seed: Self.seed)
    let codes = generator.planted(count: count, share: 0.02)
    let records = codes.enumerated().map {
      Record(
        id: ItemID(UInt64($0)), name: "picture-\(100_000 + $0).jpg", tags: ["g": "\($0 % 10)"],
        feature: $1, image: generator.image())
    }
    let textByteCount = "picture-100000.jpg".utf8.count + #"{"g":"0"}"#.utf8.count
    let folder = NSTemporaryDirectory() + "/thumbprint-forecast-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try LocalStore(path: folder, access: .readWrite)
    defer { store.close() }
    try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    _ = try collection.load(
      source: MemorySource(records: records), options: LoadOptions()
    ) { _ in }
    let shard = try #require(try collection.stats().shards.first)
    #expect(shard.segmentCount == 1 && shard.recentRowCount == 0)
    let forecast = ShardForecast(
      recordCount: Double(count), textByteCount: textByteCount, profile: .standard)
    let expected = forecast.fileByteCount
    let found = Double(shard.fileByteCount - shard.freeByteCount)
    #expect(
      abs(expected - found) < 0.05 * found, "\(expected) bytes forecast, \(found) in the file")
  }

  @Test func largeShardsHaveMoreOfEverything() {
    var last = ShardForecast(recordCount: 1, textByteCount: 0, profile: .standard)
    for exponent in 1...40 {
      let next = ShardForecast(
        recordCount: Double(1 << exponent), textByteCount: 0, profile: .standard)
      #expect(next.fileByteCount > last.fileByteCount)
      #expect(next.residentByteCount > last.residentByteCount)
      #expect(next.segmentCount >= last.segmentCount)
      #expect(next.recentRowCount <= next.recordCount)
      last = next
    }
  }
}
