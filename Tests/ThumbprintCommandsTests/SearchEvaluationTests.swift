import Testing
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintIndex

@Suite struct SearchEvaluationTests {
  private func matches(_ distances: Int...) -> [SearchMatch] {
    distances.enumerated().map { SearchMatch(distance: $1, id: ItemID(UInt64($0))) }
  }

  @Test func recallCountsByDistance() {
    let truth = matches(1, 2, 2, 5)
    #expect(SearchEvaluation.recall(of: truth, truth: truth) == 1)
    #expect(SearchEvaluation.recall(of: matches(1, 2, 5, 5), truth: truth) == 1)
    #expect(SearchEvaluation.recall(of: matches(1, 2, 6, 7), truth: truth) == 0.5)
    #expect(SearchEvaluation.recall(of: matches(1), truth: truth) == 0.25)
    #expect(SearchEvaluation.recall(of: [], truth: truth) == 0)
    #expect(SearchEvaluation.recall(of: [], truth: []) == 1)
  }

  @Test func checksumTellsAnswersApart() {
    let one = SearchEvaluation.checksum(of: [matches(1, 2), matches()])
    #expect(one == SearchEvaluation.checksum(of: [matches(1, 2), matches()]))
    #expect(one != SearchEvaluation.checksum(of: [matches(), matches(1, 2)]))
    #expect(one != SearchEvaluation.checksum(of: [matches(1, 3), matches()]))
  }

  @Test func quantilesAreTimesThatWereMeasured() {
    var timings = Timings()
    #expect(timings.median == 0)
    for time in [5, 1, 4, 2, 3] as [Double] { timings.append(milliseconds: time) }
    #expect(timings.median == 3)
    #expect(timings.mean == 3)
    #expect(timings.quantile(0.95) == 5)
    timings.append(milliseconds: 100)
    #expect(timings.median == 3.5)
  }

  @Test func flatScanIsAFullScan() {
    let planted = PlantedCodes(seed: 11, groupSize: 3, flippedShare: 0.2)
    let codes = (0..<200).map { planted.record($0).feature }
    var bytes: [UInt8] = []
    for code in codes { code.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    let query = planted.query(5, groupCount: 66)
    let all = codes.enumerated().map {
      SearchMatch(distance: query.distance(to: $1), id: ItemID(UInt64($0)))
    }.sorted()
    bytes.withUnsafeBytes { memory in
      let rows = ByteRows(
        base: memory.baseAddress, count: codes.count, rowByteCount: FeatureCode.byteCount)
      for k in [1, 3, 50, 200, 300] {
        let found = FlatScan.search(query, in: rows, k: k, distanceMax: 4096)
        #expect(found == Array(all.prefix(k)))
        let batch = FlatScan.search(batch: [query, codes[0]], in: rows, k: k, distanceMax: 4096)
        #expect(batch[0] == found)
        #expect(batch[1][0] == SearchMatch(distance: 0, id: ItemID(0)))
      }
      let near = FlatScan.search(query, in: rows, k: 10, distanceMax: all[1].distance)
      #expect(near == all.filter { $0.distance <= all[1].distance })
    }
  }
}
