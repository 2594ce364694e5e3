import CHamming
import ThumbprintCodes

extension IndexSnapshot {
  /// Answers many queries, which share passes over memory, on the calling thread.
  ///
  /// Each answer is what ``search(_:missProbability:)`` gives, or as good: a batch may take
  /// another way to it.
  public func search(
    batch queries: [SearchQuery], missProbability: Double = 1e-9
  ) -> [SearchAnswer] {
    // A group shares its passes; more at once would not fit the caches.
    var answers: [SearchAnswer] = []
    answers.reserveCapacity(queries.count)
    for low in stride(from: 0, to: queries.count, by: BatchSearch.groupSize) {
      let group = queries[low..<min(queries.count, low + BatchSearch.groupSize)]
      var batch = BatchSearch(self, Array(group), missProbability: missProbability)
      answers += batch.run()
    }
    return answers
  }
}

/// A group of queries at work on a snapshot.
struct BatchSearch {
  static let groupSize = 32

  private let snapshot: IndexSnapshot
  private let plans: [QueryPlan]
  private var matches: [TopMatches]
  private var certificates: [SearchCertificate]

  init(_ snapshot: IndexSnapshot, _ queries: [SearchQuery], missProbability: Double) {
    self.snapshot = snapshot
    let miss = missProbability / Double(snapshot.partCount)
    plans = queries.map {
      precondition(
        $0.metric == .feature || $0.image != nil, "a combined query needs an image code")
      return QueryPlan($0, missProbability: miss, rowCount: snapshot.rowCount)
    }
    matches = queries.map(TopMatches.init)
    certificates = queries.map { _ in SearchCertificate() }
  }

  mutating func run() -> [SearchAnswer] {
    for segment in snapshot.segments { search(segment) }
    for i in plans.indices {
      SearchScratch.with { scratch in
        snapshot.prepare(plans[i].query, scratch)
        snapshot.searchRecent(plans[i], scratch, &matches[i], &certificates[i])
      }
    }
    return plans.indices.map { snapshot.answer(matches[$0], certificates[$0]) }
  }

  /// Searches one segment for all queries: tables and clusters one by one, which read little;
  /// sketches and rows together, chunk by chunk.
  private mutating func search(_ segment: Segment) {
    let scratches = plans.map { _ in SearchScratch.take() }
    defer { scratches.forEach(SearchScratch.give) }
    var searches = plans.indices.map { i in
      snapshot.prepare(plans[i].query, scratches[i])
      return SegmentSearch(
        segment, plan: plans[i], scratch: scratches[i], costs: .current, outer: matches[i])
    }
    var open: [Int] = []
    for i in searches.indices {
      searches[i].certificate.rowCount = segment.rowCount
      if !searches[i].runIndexed() { open.append(i) }
    }
    SketchSweeps(segment: segment).run(open, of: &searches)
    for i in searches.indices {
      matches[i].merge(searches[i].matches)
      certificates[i].merge(searches[i].certificate)
    }
  }
}

/// Sweeps over one segment that several queries share.
struct SketchSweeps {
  let segment: Segment

  /// Rows whose sketches stay in the second cache while every query reads them.
  private static let chunkSize = 4096
  /// Rows that stay in it while every pair of queries reads them.
  private static let rowStep = 64

  /// Finishes the searches named by `open` by sketches, or by rows where those exclude little.
  func run(_ open: [Int], of searches: inout [SegmentSearch]) {
    let sketched = open.filter { searches[$0].wantsSketches }
    let unbounded = sketched.filter { searches[$0].wantsSeed }
    seed(unbounded, of: &searches)
    var bounded: [Int] = []
    var seeded: [Int] = []
    var rows = open.filter { !searches[$0].wantsSketches }
    for i in sketched {
      if !unbounded.contains(i) {
        bounded.append(i)
      } else if searches[i].beginSweepAgain() {
        seeded.append(i)
      } else {
        rows.append(i)
      }
    }
    sweepAgain(seeded, of: &searches)
    sweep(bounded, of: &searches)
    scanRows(rows, of: &searches)
  }

  /// The sketch distances of every row to every query, and from them a bound for each.
  private func seed(_ list: [Int], of searches: inout [SegmentSearch]) {
    guard !list.isEmpty else { return }
    for i in list { searches[i].beginSeed() }
    for low in stride(from: 0, to: segment.rowCount, by: Self.chunkSize) {
      let size = min(Self.chunkSize, segment.rowCount - low)
      for i in list { searches[i].seed(low: low, size: size) }
    }
    for i in list { searches[i].endSeed() }
  }

  private func sweepAgain(_ list: [Int], of searches: inout [SegmentSearch]) {
    guard !list.isEmpty else { return }
    for low in stride(from: 0, to: segment.rowCount, by: Self.chunkSize) {
      let range = low..<min(segment.rowCount, low + Self.chunkSize)
      for i in list { searches[i].sweepAgain(range) }
    }
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
