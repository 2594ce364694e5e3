import CHamming
import ThumbprintCodes

/// A group of queries at work on the parts of a collection: segments and recent rows of all shards.
///
/// Where there are several parts, each is first asked what its tables and clusters find at little
/// cost, so that the parts that need a bound to be certified get the one of all.
struct BatchSearch {
  static let groupSize = 32

  private struct Part {
    var snapshot: IndexSnapshot
    var segment: Segment
  }

  private let snapshots: [IndexSnapshot]
  private let parts: [Part]
  private let liveRowCount: Int
  private let plans: [QueryPlan]
  private let scratches: [SearchScratch]
  private var matches: [TopMatches]
  private var certificates: [SearchCertificate]

  init(_ snapshots: [IndexSnapshot], _ queries: [SearchQuery], missProbability: Double) {
    self.snapshots = snapshots
    parts = snapshots.flatMap { snapshot in
      snapshot.segments.map { Part(snapshot: snapshot, segment: $0) }
    }
    let rowCount = snapshots.reduce(0) { $0 + $1.rowCount }
    liveRowCount = snapshots.reduce(0) { $0 + $1.liveRowCount }
    let miss = IndexSnapshot.missProbability(missProbability, ofPartsIn: snapshots)
    plans = queries.map { QueryPlan($0, missProbability: miss, rowCount: rowCount) }
    scratches = queries.map { _ in SearchScratch.take() }
    matches = queries.map(TopMatches.init)
    certificates = queries.map { _ in SearchCertificate() }
  }

  mutating func run() -> [SearchAnswer] {
    defer { for scratch in scratches { SearchScratch.give(scratch) } }
    if parts.count <= 1, snapshots.allSatisfy(\.recent.isEmpty) {
      for part in parts { search(part, queries: Array(plans.indices)) }
    } else {
      searchInTwoPasses()
    }
    return plans.indices.map { i in
      var certificate = certificates[i]
      certificate.radius = plans[i].radius(bound: matches[i].bound)
      certificate.rowCount = liveRowCount
      return SearchAnswer(matches: matches[i].sorted(), certificate: certificate)
    }
  }

  private mutating func searchInTwoPasses() {
    // What was found, for the bound; answers of parts that are not certified yet come again.
    var found = matches
    let open = probe(&found)
    let recent = RecentSearch(snapshots)
    for i in plans.indices where !recent.isEmpty {
      recent.search(
        plans[i], scratches[i], found: &found[i], matches: &matches[i],
        certificate: &certificates[i])
    }
    for i in plans.indices { matches[i].lower(bound: found[i].bound) }
    for (part, undecided) in zip(parts, open) { search(part, queries: undecided) }
  }

  /// Only what is found at little cost. Nothing is proved: the certificates tell what it took.
  mutating func runProbe() -> [SearchAnswer] {
    defer { for scratch in scratches { SearchScratch.give(scratch) } }
    var found = matches
    _ = probe(&found, isAlone: true)
    let recent = RecentSearch(snapshots)
    for i in plans.indices where !recent.isEmpty {
      recent.probe(
        plans[i], scratches[i], found: &found[i], certificate: &certificates[i])
    }
    return plans.indices.map { i in
      var certificate = certificates[i]
      certificate.missProbability = 1
      certificate.radius = 0
      certificate.rowCount = liveRowCount
      return SearchAnswer(matches: found[i].sorted(), certificate: certificate)
    }
  }

  /// Asks tables and clusters of every part. Returns the queries that each part has to search
  /// again, under the bound of what was found.
  ///
  /// - Parameter isAlone: Whether no search follows here, so that the sketches of a part without
  ///   tables worth asking are read for a bound.
  private mutating func probe(_ found: inout [TopMatches], isAlone: Bool = false) -> [[Int]] {
    var open: [[Int]] = []
    for part in parts {
      var undecided: [Int] = []
      for i in plans.indices {
        var search = start(part, query: i, outer: found[i])
        search.isProbe = true
        let isDecided = search.runIndexed()
        if isAlone, !isDecided, search.certificate.postingsRead == 0, search.probed == nil {
          search.runSeed()
        }
        certificates[i].merge(search.certificate)
        if isDecided {
          found[i].merge(search.matches)
          matches[i].merge(search.matches)
        } else {
          if let probed = search.probed { found[i].merge(probed) }
          undecided.append(i)
        }
      }
      open.append(undecided)
    }
    return open
  }

  private func start(
    _ part: Part, query i: Int, outer: TopMatches, isShared: Bool = false
  ) -> SegmentSearch {
    part.snapshot.prepare(plans[i].query, scratches[i])
    let own = plans[i].isDecidedByBounds ? part.segment.costs : .usual
    let costs = isShared ? own.shared : own
    return SegmentSearch(
      part.segment, plan: plans[i], scratch: scratches[i], costs: costs, outer: outer)
  }

  /// Searches one segment for some queries: tables and clusters one by one, which read little;
  /// sketches and rows together, chunk by chunk.
  private mutating func search(_ part: Part, queries: [Int]) {
    guard !queries.isEmpty else { return }
    var searches = queries.map {
      start(part, query: $0, outer: matches[$0], isShared: queries.count > 1)
    }
    if searches.count == 1 {
      searches[0].run()
    } else {
      let open = searches.indices.filter { !searches[$0].runIndexed() }
      SketchSweeps(segment: part.segment).run(open, of: &searches)
    }
    for (i, search) in zip(queries, searches) {
      matches[i].merge(search.matches)
      certificates[i].merge(search.certificate)
    }
  }
}
