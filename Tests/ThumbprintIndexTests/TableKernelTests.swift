import CHamming
import Testing
import ThumbprintCodes
import ThumbprintTestKit

/// The kernels of hash tables against dictionaries.
@Suite struct TableKernelTests {
  @Test func bucketsAreTheBitsOfTheCode() {
    var generator = CodeGenerator(seed: 1)
    let code = generator.feature()
    var bytes = code.withUnsafeBytes { Array($0) } + [UInt8](repeating: 0, count: 8)
    for keyBits in [12, 13, 16, 20] {
      for table in [0, 1, 7, 127] {
        var expected: UInt32 = 0
        for bit in table * keyBits..<(table + 1) * keyBits {
          expected = expected << 1 | (code[bit] ? 1 : 0)
        }
        #expect(tp_bucket(&bytes, table, UInt32(keyBits)) == expected)
      }
    }
  }

  @Test func sortedPostingsHoldEveryRowOnce() {
    var generator = SplitMix64(seed: 2)
    let bucketCount = 64
    let buckets = (0..<1000).map { _ in
      // One in ten rows is in no bucket.
      UInt32.random(in: 0..<10, using: &generator) == 0
        ? UInt32.max : UInt32.random(in: 0..<UInt32(bucketCount), using: &generator)
    }
    var directory = [UInt32](repeating: 0, count: bucketCount + 1)
    var postings = [UInt32](repeating: 0, count: buckets.count)
    var cursors = [UInt32](repeating: 0, count: bucketCount)
    tp_sort_postings(buckets, buckets.count, bucketCount, &directory, &postings, &cursors)
    for bucket in 0..<bucketCount {
      let list = postings[Int(directory[bucket])..<Int(directory[bucket + 1])]
      #expect(Array(list) == buckets.indices.filter { buckets[$0] == bucket }.map(UInt32.init))
    }
    #expect(tp_ascending(directory, directory.count) == 1)
    #expect(tp_ascending([1, 0], 2) == 0)
  }

  /// Posting lists as tables of one bucket each.
  private func withTables(
    _ lists: [[UInt32]], _ body: (UnsafePointer<tp_table>, [UInt32], [UInt32]) -> Void
  ) {
    let directories = lists.map { [0, UInt32($0.count)] }
    var tables: [tp_table] = []
    var keep: [UnsafeMutablePointer<UInt32>] = []
    for (list, directory) in zip(lists, directories) {
      let d = UnsafeMutablePointer<UInt32>.allocate(capacity: 2)
      let p = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, list.count))
      d.initialize(from: directory, count: 2)
      p.initialize(from: list, count: list.count)
      keep += [d, p]
      tables.append(tp_table(directory: d, postings: p))
    }
    var starts = [UInt32](repeating: 0, count: lists.count)
    var lengths = starts
    let total = tp_lookup(
      tables, [UInt32](repeating: 0, count: lists.count), lists.count, &starts, &lengths)
    #expect(total == lists.reduce(0) { $0 + $1.count })
    body(tables, starts, lengths)
    for memory in keep { memory.deallocate() }
  }

  @Test func collectedRowsAndVotesEqualADictionary() {
    var generator = SplitMix64(seed: 3)
    for rowCount in [50, 5000] as [UInt32] {
      // Some row numbers are beyond the end, as in a damaged file: they are passed over.
      let lists = (0..<40).map { _ in
        (0..<60).map { _ in UInt32.random(in: 0..<rowCount + 20, using: &generator) }
      }.map { Array(Set($0)) }
      var expected: [UInt32: Int] = [:]
      for row in lists.joined() where row < rowCount { expected[row, default: 0] += 1 }
      withTables(lists) { tables, starts, lengths in
        var seen = [UInt64](repeating: 0, count: Int(TP_SEEN_WORDS))
        var firsts = [UInt32](repeating: 0, count: 2400)
        var repeats = firsts
        var firstCount = 0
        var repeatCount = 0
        tp_collect(
          tables, starts, lengths, 40, rowCount, &seen, &firsts, &firstCount, &repeats,
          &repeatCount)
        #expect(firstCount + repeatCount == expected.values.reduce(0, +))
        #expect(Set(firsts.prefix(firstCount)).count == firstCount)
        for (row, count) in expected {
          #expect(repeats.prefix(repeatCount).filter { $0 == row }.count >= count - 1)
        }
        var keys = [UInt32](repeating: 0, count: 8192)
        var counts = [UInt8](repeating: 0, count: 8192)
        var out = [UInt32](repeating: 0, count: 2401)
        let distinct = tp_tally(repeats, repeatCount, 1, &keys, &counts, 8192, &out)
        #expect(Set(out.prefix(distinct)) == Set(repeats.prefix(repeatCount)))
        #expect(Set(out.prefix(distinct)).count == distinct)
        let joined = tp_join(&firsts, firstCount, &keys, &counts, 8192)
        #expect(Set(firsts.prefix(joined)) == Set(expected.keys))
        #expect(joined == expected.count)

        var votes = [UInt8](repeating: 0, count: Int(rowCount))
        for wanted in [1, 2, 3, 10] {
          let found = tp_vote(
            tables, starts, lengths, 40, rowCount, UInt32(wanted), &votes, &out)
          #expect(
            out.prefix(found).sorted() == expected.filter { $0.value >= wanted }.keys.sorted())
          #expect(votes.allSatisfy { $0 == 0 })
        }
      }
    }
  }

  @Test func orderingIsStableByPartialDistance() {
    var generator = SplitMix64(seed: 4)
    var positions = (0..<500).map { UInt32($0) }
    var partials = (0..<500).map { _ in UInt16.random(in: 0...512, using: &generator) }
    let expected = zip(positions, partials).sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    var scratch = positions
    var partialScratch = partials
    tp_order(&positions, &partials, 500, &scratch, &partialScratch)
    #expect(positions == expected.map(\.0))
    #expect(partials == expected.map(\.1))
  }

  @Test func theSmallestValueIsFound() {
    #expect(tp_smallest([5], 1) == 0)
    #expect(tp_smallest([5, 3, 4, 3], 4) == 1)
    #expect(tp_smallest([0xffff], 1) == 0)
    #expect(tp_smallest([0x8000, 0x7fff, 0xffff], 3) == 1)
    for count in [63, 64, 65, 200] {
      for place in [0, 62, 63, 64, count - 1] where place < count {
        var values = [UInt16](repeating: 0x9000, count: count)
        values[place] = 0x8fff
        #expect(tp_smallest(values, count) == place)
      }
    }
  }
}
