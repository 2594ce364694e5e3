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
  private let rowCount: Int
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
    self.rowCount = rowCount
    let miss = IndexSnapshot.missProbability(missProbability, ofPartsIn: snapshots)
    plans = queries.map {
      precondition(
        $0.metric == .feature || $0.image != nil, "a combined query needs an image code")
      return QueryPlan($0, missProbability: miss, rowCount: rowCount)
    }
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
      certificate.radius = matches[i].bound
      certificate.rowCount = rowCount
      return SearchAnswer(matches: matches[i].sorted(), certificate: certificate)
    }
  }

  private mutating func searchInTwoPasses() {
    // What was found, for the bound; answers of parts that are not certified yet come again.
    var found = matches
    var open: [[Int]] = []
    for part in parts {
      var undecided: [Int] = []
      for i in plans.indices {
        var search = start(part, query: i, outer: found[i])
        search.isProbe = true
        let isDecided = search.runIndexed()
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
    for snapshot in snapshots {
      for i in plans.indices { searchRecent(snapshot, query: i, found: &found[i]) }
    }
    for i in plans.indices { matches[i].lower(bound: found[i].bound) }
    for (part, undecided) in zip(parts, open) { search(part, queries: undecided) }
  }

  private func start(
    _ part: Part, query i: Int, outer: TopMatches, costs: CostModel = .current
  ) -> SegmentSearch {
    part.snapshot.prepare(plans[i].query, scratches[i])
    return SegmentSearch(
      part.segment, plan: plans[i], scratch: scratches[i], costs: costs, outer: outer)
  }

  /// Searches one segment for some queries: tables and clusters one by one, which read little;
  /// sketches and rows together, chunk by chunk.
  private mutating func search(_ part: Part, queries: [Int]) {
    guard !queries.isEmpty else { return }
    let costs = queries.count > 1 ? CostModel.current.shared : .current
    var searches = queries.map { start(part, query: $0, outer: matches[$0], costs: costs) }
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

  /// Compares the rows that no segment covers, under the bound of all that was found.
  private mutating func searchRecent(
    _ snapshot: IndexSnapshot, query i: Int, found: inout TopMatches
  ) {
    guard !snapshot.recent.isEmpty else { return }
    snapshot.prepare(plans[i].query, scratches[i])
    var own = found.part()
    var certificate = SearchCertificate()
    for block in snapshot.recent {
      RecentSearch.search(
        block, plan: plans[i], scratch: scratches[i], matches: &own, certificate: &certificate)
    }
    certificate.arms[.sketches] = 1
    certificate.missProbability = plans[i].chance(perAnswer: plans[i].sketchMiss)
    certificates[i].merge(certificate)
    matches[i].merge(own)
    found.merge(own)
  }
}

/// Sweeps over one segment that several queries share.
struct SketchSweeps {
  let segment: Segment

  /// Rows whose sketches stay in the second cache while every query reads them.
  private static let chunkSize = 2048
  /// Rows that stay in it while every pair of queries reads them.
  private static let rowStep = 64

  /// Finishes the searches named by `open` by sketches, or by rows where those exclude little.
  func run(_ open: [Int], of searches: inout [SegmentSearch]) {
    let sketched = open.filter { searches[$0].wantsSketches }
    seed(sketched.filter { searches[$0].wantsSeed }, of: &searches)
    let swept = sketched.filter { searches[$0].expectsSweepToPay }
    sweep(swept, of: &searches)
    scanRows(open.filter { !swept.contains($0) }, of: &searches)
  }

  /// A bound for each query, by the rows whose sketches are nearest to it.
  private func seed(_ list: [Int], of searches: inout [SegmentSearch]) {
    guard !list.isEmpty else { return }
    // Distances are not kept: to read them again would cost more than to count bits again.
    for i in list { searches[i].beginSeed(keepsDistances: false) }
    for low in stride(from: 0, to: segment.rowCount, by: Self.chunkSize) {
      let size = min(Self.chunkSize, segment.rowCount - low)
      for i in list { searches[i].seed(low: low, size: size) }
    }
    for i in list { searches[i].endSeed() }
  }

  private func sweep(_ list: [Int], of searches: inout [SegmentSearch]) {
    guard !list.isEmpty else { return }
    let widths = list.map { searches[$0].beginSweep() }
    for low in stride(from: 0, to: segment.rowCount, by: Self.chunkSize) {
      let range = low..<min(segment.rowCount, low + Self.chunkSize)
      for (i, width) in zip(list, widths) { searches[i].sweep(range, width: width) }
    }
  }

  /// Compares every row with every query, two queries at a time.
  private func scanRows(_ list: [Int], of searches: inout [SegmentSearch]) {
    guard !list.isEmpty else { return }
    for i in list { searches[i].beginRows() }
    let hits = RowPairHits(rowCount: Self.rowStep)
    for block in segment.rows.blocks {
      for low in stride(from: 0, to: block.rowCount, by: Self.rowStep) {
        let rows = block.rows(low..<min(block.rowCount, low + Self.rowStep))
        for pair in stride(from: 0, to: list.count, by: 2) {
          let first = list[pair]
          let second = pair + 1 < list.count ? list[pair + 1] : nil
          hits.compare(rows, first, second, of: &searches)
        }
      }
    }
  }
}

/// Room for what a pass over a run of rows finds for two queries.
private final class RowPairHits {
  private let rows: SearchScratch.Buffer<UInt32>
  private let distances: SearchScratch.Buffer<UInt16>

  init(rowCount: Int) {
    rows = .init(2 * rowCount)
    distances = .init(2 * rowCount)
  }

  func compare(
    _ block: CodeColumns, _ first: Int, _ second: Int?, of searches: inout [SegmentSearch]
  ) {
    let other = second ?? first
    var counts = (0, 0)
    var bounds = (
      UInt32(min(searches[first].matches.bound, FeatureCode.bitCount)),
      UInt32(min(searches[other].matches.bound, FeatureCode.bitCount))
    )
    withUnsafeMutablePointer(to: &counts) { counts in
      withUnsafeMutablePointer(to: &bounds) { bounds in
        tp_scan_rows_pair(
          searches[first].queryBytes, searches[other].queryBytes, block.sketches, block.seconds,
          block.rests, block.rowCount,
          UnsafeRawPointer(bounds).assumingMemoryBound(to: UInt32.self), 0, rows.base,
          distances.base, UnsafeMutableRawPointer(counts).assumingMemoryBound(to: Int.self))
      }
    }
    for hit in 0..<counts.0 {
      searches[first].insert(
        block, row: Int(rows.base[hit]), featureDistance: Int(distances.base[hit]))
    }
    guard second != nil else { return }
    for hit in block.rowCount..<block.rowCount + counts.1 {
      searches[other].insert(
        block, row: Int(rows.base[hit]), featureDistance: Int(distances.base[hit]))
    }
  }
}
