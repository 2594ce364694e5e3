import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTestKit

/// Codes, queries near some of them and queries far from all, as one index in memory.
struct Fixture {
  var codes: [FeatureCode]
  var images: [ImageCode]
  var queries: [FeatureCode]
  var ids: [ItemID]

  enum Kind: String, CaseIterable { case planted, clustered, equal }

  init(_ kind: Kind, count: Int, seed: UInt64, share: Double = 0.05) {
    var generator = CodeGenerator(seed: seed)
    let codes: [FeatureCode]
    switch kind {
    case .planted:
      codes = generator.planted(count: count, share: share)
    case .clustered:
      codes = generator.clustered(count: count)
    case .equal:
      // Many ties: answers are told apart by their ids alone.
      let code = generator.feature()
      codes = (0..<count).map { $0 % 3 == 0 ? code : generator.flipped(code, share: 0.001) }
    }
    self.codes = codes
    images = codes.map { _ in generator.image() }
    var queries = (0..<10).map { generator.flipped(codes[$0 * count / 10], share: 0.03) }
    queries += [generator.feature(), codes[count / 2]]
    self.queries = queries
    // Ids in no order, with large gaps.
    ids = codes.indices.map { ItemID(UInt64($0) &* 0x9E37_79B9_7F4A_7C15 >> 3) }
  }

  func index(tables: Int, seed: UInt64 = 99) throws -> MemoryIndex {
    try codes.withUnsafeBytes { features in
      try images.withUnsafeBytes { images in
        try MemoryIndex(
          features: features.baseAddress!, count: codes.count, images: images.baseAddress!,
          ids: ids, profile: IndexProfile(tableCount: tables), seed: seed, threadCount: 2)
      }
    }
  }

  func truth(_ query: SearchQuery) -> [SearchMatch] {
    var matches = codes.indices.map { row in
      SearchMatch(
        distance: query.feature.distance(to: codes[row])
          + (query.metric == .combined ? query.image!.distance(to: images[row]) : 0),
        id: ids[row])
    }.filter { $0.distance <= query.distanceMax }
    matches.sort()
    switch query.extent {
    case .nearest(let k): return Array(matches.prefix(k))
    case .within(let radius): return matches.filter { $0.distance <= radius }
    }
  }
}

@Suite struct SearchTests {
  static let fixtures = Dictionary(
    uniqueKeysWithValues: Fixture.Kind.allCases.map {
      ($0, Fixture($0, count: 9000, seed: 17))
    })

  @Test(arguments: Fixture.Kind.allCases, IndexProfile.tableCounts)
  func answersEqualAFullScan(kind: Fixture.Kind, tables: Int) throws {
    let fixture = Self.fixtures[kind]!
    let index = try fixture.index(tables: tables)
    var queries: [SearchQuery] = []
    for (i, feature) in fixture.queries.enumerated() {
      for promise in [SearchPromise.certified, .exact] {
        for metric in SearchMetric.allCases {
          for extent in [
            SearchQuery.Extent.nearest(1), .nearest(10), .nearest(300), .within(0), .within(420),
            .within(1300),
          ] {
            queries.append(
              SearchQuery(
                feature: feature, image: fixture.images[i], extent: extent,
                distanceMax: i % 2 == 0 ? nil : 700, promise: promise, metric: metric))
          }
        }
      }
    }
    let batch = index.snapshot.search(batch: queries)
    for (query, inBatch) in zip(queries, batch) {
      let truth = fixture.truth(query)
      let answer = index.snapshot.search(query)
      let what: Comment = "\(kind) \(tables) \(query.extent) \(query.promise) \(query.metric)"
      #expect(answer.matches == truth, what)
      #expect(inBatch.matches == truth, what)
      #expect(answer.certificate.rowCount == fixture.codes.count)
      let allowed = query.promise == .exact ? 0 : 1e-9
      #expect(answer.certificate.missProbability <= allowed, what)
      #expect(inBatch.certificate.missProbability <= allowed, what)
    }
  }

  @Test func theSlowTwinAgrees() throws {
    let fixture = Fixture(.planted, count: 500, seed: 3)
    let index = try fixture.index(tables: 0)
    for feature in fixture.queries {
      let query = SearchQuery(feature: feature, extent: .nearest(7))
      #expect(
        FullScan.search(
          query, in: index.snapshot.segments.flatMap(\.blocks),
          permutation: index.snapshot.permutation) == fixture.truth(query))
    }
  }

  /// Near duplicates are found by tables alone, far queries by a scan: counts, not times.
  @Test func nearDuplicatesReadFewRows() throws {
    let fixture = Fixture(.planted, count: 40_000, seed: 5)
    let index = try fixture.index(tables: 128)
    for feature in fixture.queries.prefix(10) {
      let certificate = index.snapshot.search(
        SearchQuery(feature: feature, extent: .nearest(2))
      ).certificate
      #expect(certificate.arms == [.tables: 1])
      #expect(certificate.sketchesRead < 3000)
      #expect(certificate.codesCompared < 100)
    }
    let far = index.snapshot.search(
      SearchQuery(feature: fixture.queries[10], extent: .nearest(2)))
    #expect(far.certificate.arms[.tables] == nil)
  }

  @Test(arguments: [0.9, 0.95, 0.99])
  func recallIsAtLeastWhatWasPromised(recall: Double) throws {
    for kind in [Fixture.Kind.planted, .clustered] {
      let fixture = Self.fixtures[kind]!
      let index = try fixture.index(tables: 128)
      var generator = CodeGenerator(seed: 77)
      var found = 0
      var wanted = 0
      for row in stride(from: 0, to: fixture.codes.count, by: 60) {
        let query = SearchQuery(
          feature: generator.flipped(fixture.codes[row], share: 0.04), extent: .nearest(4),
          promise: .recall(recall))
        let truth = fixture.truth(query)
        let answer = index.snapshot.search(query)
        found += answer.matches.filter { $0.distance <= truth.last!.distance }.count
        wanted += truth.count
        // Whatever was found, nothing says that it is all there is.
        #expect(answer.certificate.radius == 0)
      }
      #expect(Double(found) >= recall * Double(wanted), "\(kind)")
    }
  }

  /// One mask over data and query, or one order of bits, changes no distance and so no answer.
  @Test func answersDoNotDependOnMaskPermutationOrOrderOfRows() throws {
    let fixture = Self.fixtures[.clustered]!
    var generator = CodeGenerator(seed: 8)
    let mask = generator.feature()
    let order = BitPermutation(seed: 123)
    func masked(_ code: FeatureCode) -> FeatureCode {
      var result = code
      mask.withUnsafeBytes { mask in
        result.withUnsafeMutableBytes { bytes in
          for i in bytes.indices { bytes[i] ^= mask[i] }
        }
      }
      return result
    }
    var variants = [fixture, fixture, fixture]
    variants[0].codes = fixture.codes.map(masked)
    variants[0].queries = fixture.queries.map(masked)
    variants[1].codes = fixture.codes.map(order.permuted)
    variants[1].queries = fixture.queries.map(order.permuted)
    variants[2].codes.reverse()
    variants[2].images.reverse()
    variants[2].ids.reverse()
    let original = try fixture.index(tables: 128, seed: 1)
    for variant in variants {
      let index = try variant.index(tables: 128, seed: 2)
      for (a, b) in zip(fixture.queries, variant.queries) {
        for promise in [SearchPromise.certified, .exact] {
          #expect(
            original.snapshot.search(
              SearchQuery(feature: a, extent: .nearest(10), promise: promise)
            ).matches
              == index.snapshot.search(
                SearchQuery(feature: b, extent: .nearest(10), promise: promise)
              ).matches)
        }
      }
    }
  }

  /// A batch reads the sketches once where the first pass gathers all that they do not exclude.
  @Test func batchesReadSketchesOnce() throws {
    let fixture = Fixture(.planted, count: 40_000, seed: 21, share: 0.13)
    let index = try fixture.index(tables: 0)
    let queries = (0..<40).map {
      SearchQuery(feature: fixture.codes[900 * $0], extent: .nearest(4))
    }
    for (query, answer) in zip(queries, index.snapshot.search(batch: queries)) {
      #expect(answer.matches == fixture.truth(query))
      #expect(answer.certificate.arms == [.sketches: 1])
      #expect(answer.certificate.sketchesRead == fixture.codes.count)
      #expect(answer.certificate.codesCompared < 1000)
    }
  }

  /// Rows that a sample of every tenth says nothing about: far more are near than it promised.
  @Test(arguments: [0.02, 0.2, 0.3, 0.5])
  func batchesStandRowsUnlikeTheSample(share: Double) throws {
    var fixture = Fixture(.planted, count: 20_480, seed: 22)
    var generator = CodeGenerator(seed: 23)
    let centre = generator.feature()
    for row in fixture.codes.indices where row % 10 != 0 {
      fixture.codes[row] = share == 0.02 ? centre : generator.flipped(centre, share: share)
    }
    let index = try fixture.index(tables: 0)
    let queries = (0..<12).flatMap { i in
      [SearchQuery.Extent.nearest(1), .nearest(10), .nearest(2000)].map {
        SearchQuery(feature: generator.flipped(centre, share: 0.02 * Double(i)), extent: $0)
      }
    }
    for (query, answer) in zip(queries, index.snapshot.search(batch: queries)) {
      #expect(answer.matches == fixture.truth(query), "\(share) \(query.extent)")
    }
  }

  /// Shards with permutations of their own, some of them not indexed, answer as one.
  @Test(arguments: Fixture.Kind.allCases, [2, 4, 7])
  func shardsAnswerAsOne(kind: Fixture.Kind, shardCount: Int) throws {
    let fixture = Self.fixtures[kind]!
    var indexes: [MemoryIndex] = []
    for shard in 0..<shardCount {
      var part = fixture
      let rows = fixture.codes.indices.filter { $0 % shardCount == shard }
      part.codes = rows.map { fixture.codes[$0] }
      part.images = rows.map { fixture.images[$0] }
      part.ids = rows.map { fixture.ids[$0] }
      indexes.append(
        try part.index(tables: IndexProfile.tableCounts[shard % 3], seed: UInt64(shard)))
    }
    let snapshots = indexes.enumerated().map { shard, index in
      shard % 3 == 1
        ? IndexSnapshot(
          segments: [], recent: index.snapshot.segments.flatMap(\.blocks),
          permutation: index.snapshot.permutation)
        : index.snapshot
    }
    let queries = fixture.queries.enumerated().flatMap { i, feature in
      [SearchPromise.certified, .exact].flatMap { promise in
        [SearchQuery.Extent.nearest(1), .nearest(5), .nearest(200), .within(420)].map {
          SearchQuery(
            feature: feature, image: fixture.images[i], extent: $0, promise: promise,
            metric: i % 2 == 0 ? .feature : .combined)
        }
      }
    }
    let batch = IndexSnapshot.search(batch: queries, in: snapshots)
    for (query, inBatch) in zip(queries, batch) {
      let truth = fixture.truth(query)
      let answer = IndexSnapshot.search(query, in: snapshots)
      let what: Comment = "\(kind) \(shardCount) \(query.extent) \(query.promise)"
      #expect(answer.matches == truth, what)
      #expect(inBatch.matches == truth, what)
      #expect(answer.certificate.missProbability <= (query.promise == .exact ? 0 : 1e-9), what)
    }
    // The memory of the shards stays until here.
    withExtendedLifetime(indexes) {}
  }

  /// Rows that no segment covers are searched too, alone and beside a segment.
  /// What a probe finds is there, at that distance, and found once; where the index tells anything
  /// the last match is a bound of the true answer that leaves hardly more than that.
  @Test(arguments: Fixture.Kind.allCases, IndexProfile.tableCounts)
  func whatProbesFindIsThere(kind: Fixture.Kind, tables: Int) throws {
    let fixture = Self.fixtures[kind]!
    let sealed = try fixture.index(tables: tables).snapshot
    let recent = IndexSnapshot(
      segments: [], recent: sealed.segments.flatMap(\.blocks), permutation: sealed.permutation)
    for (name, snapshot) in [("sealed", sealed), ("recent", recent)] {
      for metric in SearchMetric.allCases {
        let queries = fixture.queries.map {
          SearchQuery(
            feature: $0, image: fixture.images[1], extent: .nearest(4), metric: metric)
        }
        let found = IndexSnapshot.probe(batch: queries, in: [snapshot])
        let answers = IndexSnapshot.search(batch: queries, in: [snapshot])
        for (query, (probe, answer)) in zip(queries, zip(found, answers)) {
          var everything = query
          everything.extent = .within(metric.distanceMax)
          let truth = Set(fixture.truth(everything))
          #expect(probe.matches.count <= 4)
          #expect(Set(probe.matches).count == probe.matches.count)
          #expect(truth.isSuperset(of: probe.matches), "\(kind) \(tables) \(name)")
          #expect(probe.certificate.missProbability == 1 && probe.certificate.radius == 0)
          guard probe.matches.count == 4 else { continue }
          var bounded = query
          bounded.distanceMax = probe.matches[3].distance
          #expect(
            IndexSnapshot.search(batch: [bounded], in: [snapshot])[0].matches == answer.matches,
            "\(kind) \(tables) \(name)")
        }
        // Near ones are found: those of a planted group, of which each query has three or four.
        if kind == .planted, metric == .feature {
          let whole = zip(found, answers).prefix(10).filter { $0.matches.first == $1.matches.first }
          #expect(whole.count == 10, "\(tables) \(name)")
        }
      }
    }
  }

  @Test(arguments: Fixture.Kind.allCases) func recentRowsAreSearched(kind: Fixture.Kind) throws {
    var fixture = Self.fixtures[kind]!
    for count in [10, 700, 9000] {
      fixture = Fixture(kind, count: count, seed: UInt64(count))
      let index = try fixture.index(tables: 0)
      let snapshot = IndexSnapshot(
        segments: [], recent: index.snapshot.segments.flatMap(\.blocks),
        permutation: index.snapshot.permutation)
      for feature in fixture.queries {
        for extent in [SearchQuery.Extent.nearest(1), .nearest(20), .within(300)] {
          let query = SearchQuery(feature: feature, extent: extent)
          #expect(snapshot.search(query).matches == fixture.truth(query), "\(kind) \(count)")
        }
      }
      withExtendedLifetime(index) {}
    }
    let none = IndexSnapshot(segments: [], recent: [], permutation: BitPermutation(seed: 1))
    #expect(
      none.search(SearchQuery(feature: fixture.queries[0], extent: .nearest(3))).matches == [])
  }

  /// A near duplicate whose like lie in other shards is not compared with all of any.
  @Test func oneBoundServesAllShards() throws {
    let fixture = Fixture(.planted, count: 40_000, seed: 5, share: 0.02)
    let indexes = try (0..<2).map { shard in
      var part = fixture
      let rows = fixture.codes.indices.filter { $0 % 2 == shard }
      part.codes = rows.map { fixture.codes[$0] }
      part.images = rows.map { fixture.images[$0] }
      part.ids = rows.map { fixture.ids[$0] }
      return try part.index(tables: 128, seed: UInt64(shard))
    }
    for feature in fixture.queries.prefix(10) {
      let query = SearchQuery(feature: feature, extent: .nearest(4))
      let answer = IndexSnapshot.search(query, in: indexes.map(\.snapshot))
      #expect(answer.matches == fixture.truth(query))
      #expect(answer.certificate.codesCompared < 400)
    }
  }
}
