import CHamming
import Testing
import ThumbprintCodes
import ThumbprintTestKit

/// Every kernel equals the naive one at every level that this machine runs.
@Suite(.serialized) struct KernelTests {
  static let levels: [Int32] = (0..<Int32(TP_LEVEL_COUNT)).filter { tp_level_available($0) != 0 }

  /// Runs `body` at a level, and goes back to the one before.
  private func at(_ level: Int32, _ body: () -> Void) {
    let before = tp_level_current()
    #expect(tp_level_force(level) != 0)
    body()
    #expect(tp_level_force(before) != 0)
  }

  private func bytes(_ count: Int, seed: UInt64, fill: UInt8? = nil) -> [UInt8] {
    if let fill { return [UInt8](repeating: fill, count: count) }
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  private func naive(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int {
    a.withUnsafeBytes { x in b.withUnsafeBytes { y in Hamming.naiveDistance(x, y) } }
  }

  @Test func aLevelThatIsNotThereCannotBeForced() {
    #expect(tp_level_force(-1) == 0)
    #expect(tp_level_force(99) == 0)
    #expect(Self.levels.contains(Int32(TP_LEVEL_PORTABLE)))
    for level in Self.levels { #expect(tp_level_name(level) != nil) }
  }

  @Test(arguments: levels) func distances(level: Int32) {
    at(level) {
      for count in [0, 1, 7, 8, 31, 63, 64, 65, 127, 448, 512, 513, 4096] {
        let a = bytes(count + 3, seed: 1)
        let b = bytes(count + 3, seed: 2)
        let expected = naive(a[3...], b[3...])
        let found = a.withUnsafeBytes { x in
          b.withUnsafeBytes { y in
            // Three bytes in: no alignment may be needed.
            count == 0 ? 0 : Int(tp_distance(x.baseAddress! + 3, y.baseAddress! + 3, count))
          }
        }
        #expect(found == expected, "level \(level), \(count) bytes")
      }
    }
  }

  @Test(arguments: levels) func scansOfSketches(level: Int32) {
    at(level) {
      for count in [0, 1, 7, 8, 9, 15, 16, 100] {
        for fill in [nil, 0x00, 0xff] as [UInt8?] {
          let query = bytes(64, seed: 3)
          let codes = bytes(64 * count + 64, seed: 4, fill: fill.map { _ in 0 })
          let flipped = fill == 0xff ? query.map { ~$0 } : query
          let codesOrCopies = fill == nil ? codes : Array((0...count).flatMap { _ in flipped })
          var narrow = [UInt8](repeating: 0, count: count)
          var wide = [UInt16](repeating: 0, count: count)
          tp_scan16(query, codesOrCopies, count, &narrow)
          for i in 0..<count {
            #expect(Int(narrow[i]) == naive(query[..<16], codesOrCopies[16 * i..<16 * i + 16]))
          }
          tp_scan32(query, codesOrCopies, count, &narrow)
          for i in 0..<count {
            let expected = naive(query[..<32], codesOrCopies[32 * i..<32 * i + 32])
            #expect(Int(narrow[i]) == min(255, expected))
          }
          tp_scan64(query, codesOrCopies, count, &wide)
          for i in 0..<count {
            #expect(Int(wide[i]) == naive(query[...], codesOrCopies[64 * i..<64 * i + 64]))
          }
          let whole = bytes(512 * (count + 1), seed: 12)
          tp_scan512(whole, Array(whole.dropFirst(512)), count, &wide)
          for i in 0..<count {
            #expect(Int(wide[i]) == naive(whole[..<512], whole[512 * (i + 1)..<512 * (i + 2)]))
          }
          let seconds = bytes(32 * count + 32, seed: 5)
          tp_scan_split(query, codesOrCopies, seconds, count, &wide)
          for i in 0..<count {
            let expected =
              naive(query[..<32], codesOrCopies[32 * i..<32 * i + 32])
              + naive(query[32...], seconds[32 * i..<32 * i + 32])
            #expect(Int(wide[i]) == expected)
          }
        }
      }
    }
  }

  @Test(arguments: levels) func selections(level: Int32) {
    at(level) {
      let values = bytes(1000, seed: 6)
      for bound in [0, 1, 17, 128, 254, 255, 300] as [UInt32] {
        var rows = [UInt32](repeating: 0, count: 1001)
        for count in [0, 1, 63, 64, 65, 1000] {
          let found = tp_select(values, count, bound, 5, &rows)
          #expect(
            Array(rows.prefix(found))
              == (0..<count).filter { UInt32(values[$0]) <= bound }.map { UInt32($0 + 5) })
          let wide = values.map { UInt16($0) * 257 }
          let found16 = tp_select16(wide, count, bound * 257, 5, &rows)
          #expect(
            Array(rows.prefix(found16))
              == (0..<count).filter { UInt32(wide[$0]) <= bound * 257 }.map { UInt32($0 + 5) })
        }
      }
    }
  }

  /// Values chosen with their rows, and chosen from once more.
  @Test(arguments: levels) func selectionsOfValues(level: Int32) {
    at(level) {
      let values = bytes(1000, seed: 13)
      for count in [0, 1, 15, 16, 17, 63, 64, 65, 1000] {
        for bound in [0, 17, 128, 200, 255, 300] as [UInt32] {
          // What is behind the room asked for stays as it is.
          var rows = [UInt16](repeating: 7, count: count + 1)
          var kept = [UInt8](repeating: 7, count: count + 1)
          let expected = (0..<count).filter { UInt32(values[$0]) <= bound }
          let found = tp_select_values(values, count, bound, 64_000, &rows, &kept)
          #expect(rows.prefix(found).map(Int.init) == expected.map { $0 + 64_000 })
          #expect(Array(kept.prefix(found)) == expected.map { values[$0] })
          #expect(rows.dropFirst(found).allSatisfy { $0 == 7 })
          #expect(kept.dropFirst(found).allSatisfy { $0 == 7 })

          var positions = [UInt32](repeating: 7, count: found + 1)
          var partials = [UInt16](repeating: 7, count: found + 1)
          let again = expected.filter { UInt32(values[$0]) <= bound / 2 }
          let left = tp_filter(
            rows, kept, found, bound / 2, 1 << 20, &positions, &partials)
          #expect(positions.prefix(left).map(Int.init) == again.map { $0 + 64_000 + (1 << 20) })
          #expect(partials.prefix(left).map(Int.init) == again.map { Int(values[$0]) })
          #expect(positions.last == 7 && partials.last == 7)
        }
      }
    }
  }

  @Test(arguments: levels) func narrowingAndFinishing(level: Int32) {
    for rowCount in [1, 10, 12, 13, 100, 300] { narrowAndFinish(level: level, rowCount: rowCount) }
  }

  private func narrowAndFinish(level: Int32, rowCount: Int) {
    at(level) {
      let query = bytes(512, seed: 7)
      let codes = bytes(512 * rowCount, seed: 8)
      for width in [16, 32, 64] {
        var positions = (0..<UInt32(rowCount)).filter { $0 % 3 != 1 }
        var partials = positions.map { UInt16($0 % 7) }
        let expected = zip(positions, partials).map { position, partial in
          let low = 512 * Int(position)
          return Int(partial) + naive(query[..<width], codes[low..<low + width])
        }
        let bound = expected.sorted()[expected.count / 2]
        let kept = zip(positions, expected).filter { $0.1 <= bound }
        let count = tp_refine(
          query, width, codes, 512, &positions, &partials, positions.count, UInt32(bound))
        #expect(Array(positions.prefix(count)) == kept.map(\.0))
        #expect(partials.prefix(count).map(Int.init) == kept.map(\.1))
      }
      codes.withUnsafeBytes { memory in
        let base = memory.baseAddress!.assumingMemoryBound(to: UInt8.self)
        var positions = Array(0..<UInt32(rowCount))
        var partials = positions.map { UInt16($0 % 5) }
        var addresses: [UnsafePointer<UInt8>?] = positions.map { base + 448 * Int($0) }
        let sums = positions.map { position -> (Int, Int) in
          let low = 448 * Int(position)
          let first = Int(position % 5) + naive(query[..<64], codes[low..<low + 64])
          return (first, first + naive(query[64..<448], codes[low + 64..<low + 448]))
        }
        let bound64 = sums.map(\.0).sorted()[rowCount * 2 / 3]
        let bound = sums.map(\.1).sorted()[rowCount / 2]
        var finished = 0
        let count = tp_finish(
          query, &addresses, &positions, &partials, rowCount, UInt32(bound64), UInt32(bound),
          &finished)
        let expected = sums.enumerated().filter { $0.1.0 <= bound64 && $0.1.1 <= bound }
        #expect(finished == sums.filter { $0.0 <= bound64 }.count)
        #expect(positions.prefix(count).map(Int.init) == expected.map(\.offset))
        #expect(partials.prefix(count).map(Int.init) == expected.map(\.1.1))
      }
    }
  }

  @Test(arguments: levels) func scansOfRows(level: Int32) {
    at(level) {
      for count in [1, 2, 3, 64, 65] {
        let queries = [bytes(512, seed: 9), bytes(512, seed: 10)]
        let columns = [32, 32, 448].enumerated().map {
          bytes($1 * count, seed: 11 + UInt64($0))
        }
        let expected = queries.map { query in
          (0..<count).map { row in
            naive(query[..<32], columns[0][32 * row..<32 * row + 32])
              + naive(query[32..<64], columns[1][32 * row..<32 * row + 32])
              + naive(query[64...], columns[2][448 * row..<448 * row + 448])
          }
        }
        let bounds = expected.map { UInt32($0.sorted()[count / 2]) }
        var rows = [UInt32](repeating: 0, count: 2 * count)
        var distances = [UInt16](repeating: 0, count: 2 * count)
        for side in 0...1 {
          let found = tp_scan_rows(
            queries[side], columns[0], columns[1], columns[2], count, bounds[side], 100, &rows,
            &distances)
          let hits = expected[side].enumerated().filter { $0.element <= Int(bounds[side]) }
          #expect(rows.prefix(found).map(Int.init) == hits.map { $0.offset + 100 })
          #expect(distances.prefix(found).map(Int.init) == hits.map(\.element))
        }
        var hitCounts = [0, 0]
        tp_scan_rows_pair(
          queries[0], queries[1], columns[0], columns[1], columns[2], count, bounds, 100, &rows,
          &distances, &hitCounts)
        for side in 0...1 {
          let hits = expected[side].enumerated().filter { $0.element <= Int(bounds[side]) }
          let own = side * count..<side * count + hitCounts[side]
          #expect(rows[own].map(Int.init) == hits.map { $0.offset + 100 })
          #expect(distances[own].map(Int.init) == hits.map(\.element))
        }
      }
    }
  }
}
