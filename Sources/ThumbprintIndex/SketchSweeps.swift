import CHamming
import ThumbprintCodes

/// Sweeps over one segment that several queries share.
struct SketchSweeps {
  let segment: Segment

  /// Rows whose sketches stay in the second cache while every query reads them.
  private static let chunkSize = 1024
  /// Rows that stay in it while every pair of queries reads them.
  private static let rowStep = 64

  /// Finishes the searches named by `open` by sketches, or by rows where those exclude little.
  func run(_ open: [Int], of searches: inout [SegmentSearch]) {
    let done = Set(
      seed(open.filter { searches[$0].wantsSketches && searches[$0].wantsSeed }, of: &searches))
    let left = open.filter { !done.contains($0) }
    let swept = left.filter { searches[$0].expectsSweepToPay }
    sweep(swept, of: &searches)
    scanRows(left.filter { !swept.contains($0) }, of: &searches)
  }

  /// Finds a bound for each query, by the rows whose sketches are nearest to it, and finishes the
  /// searches that need no second pass over the sketches under that bound; returns which.
  private func seed(_ list: [Int], of searches: inout [SegmentSearch]) -> [Int] {
    guard !list.isEmpty else { return [] }
    let sample = SketchSample(segment)
    var near = list.map {
      NearRows(searches[$0], sample: sample, chunkSize: Self.chunkSize)
    }
    for i in list { searches[i].countSeed() }
    for low in stride(from: 0, to: segment.rowCount, by: Self.chunkSize) {
      let size = min(Self.chunkSize, segment.rowCount - low)
      for n in near.indices { near[n].insert(low: low, size: size) }
    }
    for (n, i) in list.enumerated() { searches[i].findBound(near[n]) }
    let done = list.indices.filter { searches[list[$0]].begins(near[$0]) }
    for block in 0..<(segment.rowCount + NearRows.blockSize - 1) / NearRows.blockSize {
      for n in done { searches[list[n]].compare(near[n], block: block) }
    }
    return done.map { list[$0] }
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
