import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTestKit

/// Stored bytes of an index that are not what was stored: refused, or searched within bounds.
@Suite struct DamagedPieceTests {
  private struct Stored {
    let columns: [UInt8]
    let rowCount: Int
    var pieces: [SegmentPieceKey: [UInt8]] = [:]
    let permutation = BitPermutation(seed: 5)

    init(_ codes: [FeatureCode]) throws {
      var memory = [UInt8](repeating: 0, count: codes.count * CodeColumns.rowByteCount)
      let image = ImageCode()
      let permutation = permutation
      memory.withUnsafeMutableBytes { target in
        for (row, code) in codes.enumerated() {
          permutation.permuted(code).withUnsafeBytes { permuted in
            image.withUnsafeBytes { image in
              CodeColumns.write(
                permutedCode: permuted.baseAddress!, image: image.baseAddress!,
                id: ItemID(UInt64(row)), atRow: row, ofRows: codes.count,
                in: target.baseAddress!)
            }
          }
        }
      }
      columns = memory
      rowCount = codes.count
      pieces = try memory.withUnsafeBytes { bytes in
        var pieces: [SegmentPieceKey: [UInt8]] = [:]
        try SegmentIndexBuilder(
          blocks: [CodeColumns(rowCount: codes.count, contiguous: bytes.baseAddress!)],
          permutation: permutation, profile: .small
        ).build(threadCount: 1) { pieces[$0] = Array($1) }
        return pieces
      }
    }

    /// Opens and searches; the answer, or the error of opening.
    func search(_ query: SearchQuery) -> Result<[SearchMatch], any Error> {
      // Pieces stay where they are while the segment lives.
      let keys = pieces.keys.sorted()
      let memory = keys.map { key in
        let bytes = UnsafeMutableRawBufferPointer.allocate(
          byteCount: max(1, pieces[key]!.count), alignment: 16)
        bytes.copyBytes(from: pieces[key]!)
        return UnsafeRawBufferPointer(
          rebasing: UnsafeRawBufferPointer(bytes)[..<pieces[key]!.count])
      }
      defer { for bytes in memory { bytes.deallocate() } }
      return columns.withUnsafeBytes { bytes in
        Result {
          let segment = try Segment(
            blocks: [CodeColumns(rowCount: rowCount, contiguous: bytes.baseAddress!)],
            permutation: permutation
          ) { key in keys.firstIndex(of: key).map { memory[$0] } }
          return IndexSnapshot(segments: [segment], recent: [], permutation: permutation)
            .search(query).matches
        }
      }
    }
  }

  @Test func everyPieceIsCheckedBeforeItIsTrusted() throws {
    let seed: UInt64 = 4711
    var generator = CodeGenerator(seed: seed)
    var random = SplitMix64(seed: seed)
    let codes = generator.clustered(count: 9000)
    let stored = try Stored(codes)
    #expect(Set(stored.pieces.keys).isSuperset(of: [.header, .order, .clusters, .table(0)]))
    let query = SearchQuery(feature: codes[77], extent: .nearest(3))
    let sound = try stored.search(query).get()
    #expect(sound.first == SearchMatch(distance: 0, id: ItemID(77)))

    for key in stored.pieces.keys.sorted() where key <= .table(1) {
      var damaged = stored
      damaged.pieces[key] = nil
      #expect(throws: SegmentError.self) { try damaged.search(query).get() }
      damaged.pieces[key] = Array(stored.pieces[key]!.dropLast())
      #expect(throws: SegmentError.self) { try damaged.search(query).get() }
      for _ in 0..<(key == .header ? 300 : 60) {
        damaged = stored
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let byte = Int.random(in: 0..<stored.pieces[key]!.count, using: &random)
          damaged.pieces[key]![byte] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        // It may be refused, or found out by nobody: then it stays within bounds.
        switch damaged.search(query) {
        case .success(let matches): #expect(matches.count == 3, "seed=\(seed)")
        case .failure(let error): #expect(error is SegmentError, "seed=\(seed)")
        }
      }
    }
  }

  @Test func anIndexOfOtherRowsOrAnotherPermutationIsRefused() throws {
    var generator = CodeGenerator(seed: 6)
    let codes = generator.planted(count: 5000, share: 0.1)
    let stored = try Stored(codes)
    var other = try Stored(Array(codes.dropLast()))
    other.pieces = stored.pieces
    let query = SearchQuery(feature: codes[0], extent: .nearest(1))
    #expect(throws: SegmentError.self) { try other.search(query).get() }
  }
}
