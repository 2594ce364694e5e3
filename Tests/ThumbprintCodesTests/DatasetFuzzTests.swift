import Testing
import ThumbprintCodes
import ThumbprintTestKit

/// Damaged input may be refused, with a typed error in one line, or read; it may do nothing else.
///
/// A crash ends the test process, so that there is no missing it. Seeds are printed with every
/// finding; the cases of a seed are the same on every machine.
@Suite struct DatasetFuzzTests {
  private static let headerTokens = [
    "'descr'", "'shape'", "'fortran_order'", "'|u1'", "'<u8'", "'>i8'", "'O'", "True", "False",
    "(", ")", "()", "(,)", "{", "}", ":", ",", "'", "\"", "9223372036854775807",
    "99999999999999999999", "-1", "0", "0x10", "1L", "[('a', '<u2')]", "\n", " ", "\\", "\u{93}",
    "é",
  ]
  private static let textTokens = [
    "\n", "\r\n", "\\", "\\n", "\\\\", "{", "}", "{}", "\"", ":", ",", "\\u0000", "\\ud83d",
    "\\ude00", "null", "[", "]", "1e999", "-1", "0", "true", "é", "\u{0}",
    String(repeating: "x", count: 1100), String(repeating: "{\"a\":", count: 600),
    "\"count\" : 99999999999999999999", "\"version\" : 2",
  ]

  private func parse(_ bytes: [UInt8]) -> NumpyHeader? {
    bytes.withUnsafeBytes { bytes in
      do throws(NumpyHeader.Fault) {
        return try NumpyHeader(parsing: bytes)
      } catch {
        return nil
      }
    }
  }

  /// Opens a dataset and reads all of it; whether that worked.
  private func isReadable(_ path: String, _ comment: Comment) -> Bool {
    do {
      let dataset = try CodedDataset(path: path)
      let records = try readAll(dataset)
      #expect(records.count == dataset.count, comment)
      for row in records.indices {
        #expect(try dataset.record(at: row) == records[row], comment)
      }
      var digest = RecordDigest()
      for record in records { digest.add(.of(record)) }
      #expect(try dataset.digest() == digest, comment)
      try dataset.validate()
      try dataset.verifyDigest()
      return true
    } catch let error as CodedDatasetError {
      checkForm(of: error)
      #expect(error.path.hasPrefix(path), comment)
      return false
    } catch {
      Issue.record("an error of another type: \(error), \(comment)")
      return false
    }
  }

  @Test(arguments: ["v1-u1", "v2-u2", "v3-u8", "v1-zero-rows", "structured", "fortran"])
  func headersInMemory(name: String) throws {
    let bytes = try Fixtures.bytes("npy/\(name).npy")
    let seed: UInt64 = 71
    var mutations = Mutations(seed: seed, tokens: Self.headerTokens)
    var acceptedCount = 0
    for _ in 0..<5000 {
      let mutated = mutations.mutated(bytes)
      guard let header = parse(mutated) else { continue }
      acceptedCount += 1
      #expect(header.byteCount <= mutated.count, "seed=\(seed)")
      #expect(header.shape.allSatisfy { $0 >= 0 }, "seed=\(seed)")
      // What follows the header is none of its business.
      #expect(parse(Array(mutated.prefix(header.byteCount))) == header, "seed=\(seed)")
    }
    // Enough of them get through to say that more than the first byte was tried.
    #expect(acceptedCount > 50 || name == "structured")
  }

  /// The twin of the parser: it writes dictionaries in all the forms that are allowed.
  @Test func headersInEveryAllowedForm() throws {
    let seed: UInt64 = 72
    var random = SplitMix64(seed: seed)
    func spaces() -> String {
      String(
        (0..<Int.random(in: 0...2, using: &random)).map { _ in " \t\n\r".randomElement() ?? " " })
    }
    for _ in 0..<3000 {
      let shape = (0..<Int.random(in: 0...5, using: &random)).map { _ in
        Int.random(in: 0...Int.random(in: 0...Int.max, using: &random), using: &random)
      }
      let descriptor = ["|u1", "<f8", ">i2", "whatever"].randomElement(using: &random) ?? ""
      let isFortranOrder = Bool.random(using: &random)
      var tuple = "(" + spaces()
      for (position, extent) in shape.enumerated() {
        tuple += "\(extent)" + spaces()
        if position + 1 < shape.count || shape.count == 1 || Bool.random(using: &random) {
          tuple += "," + spaces()
        }
      }
      tuple += ")"
      let items = [
        ("descr", "'\(descriptor)'"), ("shape", tuple),
        ("fortran_order", isFortranOrder ? "True" : "False"),
      ].shuffled(using: &random).map { key, value in
        let quote = Bool.random(using: &random) ? "'" : "\""
        return spaces() + quote + key + quote + spaces() + ":" + spaces() + value + spaces()
      }
      let comma = Bool.random(using: &random) ? "," : ""
      let text = spaces() + "{" + items.joined(separator: ",") + comma + spaces() + "}" + spaces()
      let count = text.utf8.count
      let bytes =
        [0x93] + Array("NUMPY".utf8) + [3, 0, UInt8(count & 0xFF), UInt8(count >> 8), 0, 0]
        + Array(text.utf8)
      let header = try #require(parse(bytes), "seed=\(seed) \(text)")
      #expect(header.descriptor == descriptor, "seed=\(seed)")
      #expect(header.shape == shape, "seed=\(seed)")
      #expect(header.isFortranOrder == isFortranOrder, "seed=\(seed)")
      #expect(header.byteCount == bytes.count, "seed=\(seed)")
    }
  }

  @Test(arguments: [
    "features.npy", "images.npy", "ids.npy", "names.txt", "tags.jsonl", "dataset.json",
  ])
  func filesOfADataset(name: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("set")
    let file = "set/\(name)"
    // With the manifest, a change that is read at all must be seen by the digest or change nothing.
    let records = sampleRecords(count: 8, seed: 73)
    try writeDataset(records, to: path)
    let bytes = try folder.bytes(file)
    #expect(isReadable(path, "undamaged"))

    // Cut at every byte of the header, and then here and there.
    for byteCount in 0..<bytes.count where byteCount < 200 || byteCount % 97 == 0 {
      try folder.write(Array(bytes.prefix(byteCount)), to: file)
      let isLegal = name == "dataset.json" && byteCount == bytes.count - 1
      #expect(isReadable(path, "\(name) cut to \(byteCount)") == isLegal)
    }
    // Every bit flipped.
    for bit in 0..<bytes.count * 8 where bit < 1024 || bit % 101 == 0 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      try folder.write(flipped, to: file)
      if isReadable(path, "\(name), bit \(bit) flipped") {
        #expect(try readAll(CodedDataset(path: path)) == records, "\(name), bit \(bit) flipped")
      }
    }
    let seed: UInt64 = 74
    var mutations = Mutations(
      seed: seed, tokens: name.hasSuffix(".npy") ? Self.headerTokens : Self.textTokens)
    for _ in 0..<800 {
      try folder.write(mutations.mutated(bytes), to: file)
      if isReadable(path, "seed=\(seed) \(name)") {
        #expect(try readAll(CodedDataset(path: path)) == records, "seed=\(seed) \(name)")
      }
    }
  }

  @Test(arguments: ["features.npy", "ids.npy", "names.txt", "tags.jsonl"])
  func filesWithoutAManifest(name: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("set")
    try writeDataset(sampleRecords(count: 8, seed: 75), to: path)
    try folder.remove("set/dataset.json")
    let bytes = try folder.bytes("set/\(name)")
    let seed: UInt64 = 76
    var mutations = Mutations(
      seed: seed, tokens: name.hasSuffix(".npy") ? Self.headerTokens : Self.textTokens)
    var readableCount = 0
    for _ in 0..<1000 {
      try folder.write(mutations.mutated(bytes), to: "set/\(name)")
      if isReadable(path, "seed=\(seed) \(name)") { readableCount += 1 }
    }
    #expect(readableCount > 25)
  }

  @Test func vectorFiles() throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 3, seed: 77)
    let bytes: [UInt8] = records.flatMap { record in
      [0, 2, 0, 0] + record.feature.withUnsafeBytes { Array($0) }
    }
    let seed: UInt64 = 78
    var mutations = Mutations(seed: seed)
    for _ in 0..<3000 {
      let path = try folder.write(mutations.mutated(bytes), to: "a.bvecs")
      _ = isReadable(path, "seed=\(seed)")
    }
  }
}
