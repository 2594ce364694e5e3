import CXXHash
import Testing
import ThumbprintCodes
import ThumbprintTestKit

@Suite struct RecordDigestTests {
  /// Hashes by the book: canonical bytes in a growing array, fed to the streaming hash in pieces.
  private func slowDigest(_ record: Record) -> RecordDigest {
    var bytes = withUnsafeBytes(of: record.id.rawValue.littleEndian) { Array($0) }
    bytes += record.feature.withUnsafeBytes { Array($0) }
    bytes += record.image.withUnsafeBytes { Array($0) }
    let name = record.name.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    let nameByteCount = name.map { UInt32($0.count) } ?? UInt32.max
    bytes += withUnsafeBytes(of: nameByteCount.littleEndian) { Array($0) }
    bytes += name ?? []
    let tags = TagsJSON.encode(record.tags)
    bytes += withUnsafeBytes(of: UInt32(tags.count).littleEndian) { Array($0) }
    bytes += tags
    let state = XXH3_createState()
    defer { XXH3_freeState(state) }
    XXH3_128bits_reset(state)
    for start in stride(from: 0, to: bytes.count, by: 37) {
      bytes[start..<min(start + 37, bytes.count)].withUnsafeBytes {
        _ = XXH3_128bits_update(state, $0.baseAddress, $0.count)
      }
    }
    let hash = XXH3_128bits_digest(state)
    return RecordDigest(high: hash.high64, low: hash.low64)
  }

  private func wide(_ digest: RecordDigest) -> UInt128 {
    UInt128(digest.high) << 64 | UInt128(digest.low)
  }

  /// The expected values come from the xxhash package of Python over bytes packed there.
  @Test func equalsWhatPythonComputes() throws {
    let feature = try #require(FeatureCode((0..<512).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }))
    let image = try #require(ImageCode((0..<64).map { UInt8(truncatingIfNeeded: $0 * 13 + 5) }))
    var plain = Record(id: ItemID(0x0123_4567_89AB_CDEF), feature: feature, image: image)
    let named = Record(
      id: ItemID(7), name: "photos/é.jpg", tags: ["b": "2", "a": "x\n\u{1}"],
      feature: feature, image: image)
    var sum = RecordDigest.of(plain)
    #expect(sum.description == "75dfa7cdbb0309e89f3ab979c379483d")
    #expect(RecordDigest.of(named).description == "de82dbce324f1aa585991a3fb18973e2")
    sum.add(RecordDigest.of(named))
    #expect(sum.description == "5462839bed52248e24d3d3b97502bc1f")
    plain.name = ""
    #expect(RecordDigest.of(plain).description == "75dfa7cdbb0309e89f3ab979c379483d")
  }

  @Test func fastPathEqualsTheSlowOne() {
    var codes = CodeGenerator(seed: 11)
    for id: UInt64 in 0..<200 {
      let record = Record(
        id: ItemID(id &* 0x9E37_79B9_7F4A_7C15),
        name: id % 3 == 0 ? nil : String(repeating: "n", count: Int(id % 41)),
        tags: id % 4 == 0 ? ["place": String(id), "": "\"\\"] : [:],
        feature: codes.feature(), image: codes.image())
      #expect(RecordDigest.of(record) == slowDigest(record))
    }
  }

  @Test func everyPartOfARecordCounts() {
    var codes = CodeGenerator(seed: 12)
    let record = Record(
      id: ItemID(5), name: "a", tags: ["k": "v"], feature: codes.feature(), image: codes.image())
    var changed = Array(repeating: record, count: 7)
    changed[1].id = ItemID(6)
    changed[2].name = nil
    changed[3].tags = [:]
    changed[4].feature[4095].toggle()
    changed[5].image[511].toggle()
    changed[6].tags = ["k": "w"]
    #expect(Set(changed.map(RecordDigest.of)).count == changed.count)
  }

  @Test func sumsWrapLikeWideIntegers() {
    let seed: UInt64 = 13
    var random = SplitMix64(seed: seed)
    let edges: [UInt64] = [0, 1, .max, 1 << 63]
    for _ in 0..<500 {
      let words = (0..<4).map { _ in
        Bool.random(using: &random)
          ? random.next()
          : edges[
            Int.random(in: 0..<4, using: &random)]
      }
      let a = RecordDigest(high: words[0], low: words[1])
      let b = RecordDigest(high: words[2], low: words[3])
      var sum = a
      sum.add(b)
      #expect(wide(sum) == wide(a) &+ wide(b), "seed=\(seed)")
      sum.subtract(b)
      #expect(sum == a, "seed=\(seed)")
      sum.subtract(b)
      #expect(wide(sum) == wide(a) &- wide(b), "seed=\(seed)")
    }
  }

  @Test func textReadsBackAndNothingElseDoes() {
    for digest in [
      RecordDigest(), RecordDigest(high: 1, low: 2), RecordDigest(high: .max, low: .max),
    ] {
      #expect(digest.description.utf8.count == 32)
      #expect(RecordDigest(digest.description) == digest)
    }
    let digits = RecordDigest(high: 0xAB, low: 0).description
    for text in [
      "", "0", digits + "0", "+" + digits.dropFirst(), digits.uppercased(), "é" + digits,
    ] {
      #expect(RecordDigest(text) == nil)
    }
  }

  @Test func identitiesArePlainAndShort() {
    for name in ["a", "vgg2-0f3c", String(repeating: "9", count: 64)] {
      #expect(CoderIdentity(name)?.name == name)
    }
    for name in ["", String(repeating: "9", count: 65), "A", "a b", "é", "a/b", "a\n", "a\0"] {
      #expect(CoderIdentity(name) == nil)
    }
  }
}
