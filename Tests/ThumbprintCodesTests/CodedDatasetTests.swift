import Foundation
import Testing
import ThumbprintCodes
import ThumbprintTestKit

@Suite struct CodedDatasetTests {
  private let coder = CoderIdentity("vgg2-0f3c")

  private func array(
    _ folder: TemporaryFolder, _ name: String, _ type: NumpyElementType, _ rowShape: [Int],
    _ bytes: [UInt8]
  ) throws {
    let writer = try NumpyWriter(path: folder.path(name), elementType: type, rowShape: rowShape)
    try bytes.withUnsafeBytes { try writer.append(rows: $0) }
    try writer.finish()
  }

  private func ids(
    _ folder: TemporaryFolder, _ values: [some FixedWidthInteger], _ type: NumpyElementType
  ) throws {
    try array(
      folder, "ids.npy", type, [], values.map(\.littleEndian).withUnsafeBytes { Array($0) })
  }

  private func features(_ folder: TemporaryFolder, rows: Int) throws {
    try array(
      folder, "features.npy", .uint8, [512],
      (0..<rows * 512).map { UInt8(truncatingIfNeeded: $0 / 512 + $0) })
  }

  private func openingFault(_ path: String) -> CodedDatasetError? {
    fault { () throws(CodedDatasetError) in try CodedDataset(path: path) }
  }

  // MARK: - Whole datasets

  @Test(arguments: [0, 1, 9, 700])
  func readsBackWhatWasWritten(count: Int) throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: count, seed: 41)
    let manifest = try writeDataset(records, to: folder.path("set/"), coder: coder)
    #expect(try folder.names() == ["set"])
    #expect(
      try folder.names(in: "set") == [
        "dataset.json", "features.npy", "ids.npy", "images.npy", "names.txt", "tags.jsonl",
      ])
    for access: FileAccess in [.normal, .sequential, .random] {
      let dataset = try CodedDataset(path: folder.path("set"), access: access)
      #expect(dataset.count == count)
      #expect(dataset.coder == coder)
      #expect(dataset.manifest == manifest)
      #expect(try readAll(dataset) == records)
      try dataset.validate()
      #expect(try dataset.verifyDigest() == manifest.digest)
    }
    var digest = RecordDigest()
    for record in records.reversed() { digest.add(.of(record)) }
    #expect(manifest.digest == digest)
  }

  @Test func rowsAreFoundInAnyOrder() throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 1200, seed: 42)
    try writeDataset(records, to: folder.path("set"))
    let dataset = try CodedDataset(path: folder.path("set"))
    for row in [255, 0, 256, 1199, 511, 512, 257, 1024, 1023, 600] {
      #expect(try dataset.record(at: row) == records[row])
      dataset.releaseMemory(of: row..<1200)
      #expect(dataset.feature(at: row) == records[row].feature)
    }
    for range in [0..<0, 1200..<1200, 255..<258, 1000..<1200] {
      var found: [ItemID] = []
      try dataset.forEachRow(in: range) { found.append($0.id) }
      #expect(found == records[range].map(\.id))
    }
    dataset.withUnsafeColumns { columns in
      #expect(columns.features.contiguousBytes?.count == 1200 * 512)
      #expect(columns.images?.count == 1200)
      #expect(columns.ids?.count == 1200)
    }
  }

  @Test func manyTasksMayReadAtOnce() async throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 900, seed: 43)
    try writeDataset(records, to: folder.path("set"))
    let dataset = try CodedDataset(path: folder.path("set"))
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          try (0..<900).filter { $0 % 8 == task }.allSatisfy {
            try dataset.record(at: $0) == records[$0]
          }
        }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
  }

  @Test func linesAreFoundLikeASplitFindsThem() throws {
    let folder = try TemporaryFolder()
    let seed: UInt64 = 44
    var random = SplitMix64(seed: seed)
    try features(folder, rows: 777)
    for _ in 0..<5 {
      let lines = (0..<777).map { _ in
        String(
          repeating: "z",
          count: Int.random(
            in: 0...Int.random(in: 0...90, using: &random),
            using: &random))
      }
      try folder.write(lines.map { $0 + "\n" }.joined(), to: "names.txt")
      let dataset = try CodedDataset(path: folder.path)
      for row in lines.indices.shuffled(using: &random) {
        #expect(try dataset.name(at: row) ?? "" == lines[row], "seed=\(seed)")
      }
    }
  }

  @Test func progressIsReportedToTheEnd() throws {
    let folder = try TemporaryFolder()
    let count = (1 << 16) + 3
    try array(
      folder, "features.npy", .uint8, [512], [UInt8](repeating: 1, count: count * 512))
    var reports: [Int] = []
    try CodedDataset(path: folder.path).verifyDigest { reports.append($0) }
    #expect(reports == [1 << 16, count])
  }

  // MARK: - Plain arrays

  @Test func whatIsMissingHasDefaults() throws {
    let folder = try TemporaryFolder()
    try features(folder, rows: 3)
    for path in [folder.path, folder.path + "/", folder.path("features.npy")] {
      let dataset = try CodedDataset(path: path)
      #expect(dataset.count == 3)
      #expect(dataset.coder == nil)
      #expect(dataset.manifest == nil)
      #expect(!dataset.hasNames && !dataset.hasTags)
      for row in 0..<3 {
        #expect(dataset.id(at: row) == ItemID(UInt64(row)))
        #expect(dataset.image(at: row) == ImageCode())
        #expect(dataset.feature(at: row)[15] == ((row + row * 512 + 1) % 2 == 1))
        #expect(try dataset.name(at: row) == nil)
        #expect(try dataset.tags(at: row) == [:])
      }
      try dataset.validate()
      var digest = RecordDigest()
      for record in try readAll(dataset) { digest.add(.of(record)) }
      #expect(try dataset.verifyDigest() == digest)
    }
  }

  @Test func takesWhicheverFilesThereAre() throws {
    let folder = try TemporaryFolder()
    try features(folder, rows: 2)
    try ids(folder, [7, 5] as [Int64], .int64)
    try folder.write("one\n\n", to: "names.txt")
    let dataset = try CodedDataset(path: folder.path)
    #expect(dataset.id(at: 0) == ItemID(7))
    #expect(try dataset.name(at: 0) == "one")
    #expect(try dataset.name(at: 1) == nil)
    try folder.write("\n { \"b\": \"2\", \"a\": \"\\u0031\" }\n", to: "tags.jsonl")
    try ids(folder, [7, .max] as [UInt64], .uint64)
    let more = try CodedDataset(path: folder.path)
    #expect(more.id(at: 1) == ItemID(.max))
    #expect(try more.tags(at: 1) == ["a": "1", "b": "2"])
    var canonical: [UInt8] = []
    try more.forEachRow(in: 1..<2) { canonical = Array($0.tags) }
    #expect(canonical == Array(#"{"a":"1","b":"2"}"#.utf8))
    try more.validate()
  }

  @Test func refusesOtherShapesAndTypes() throws {
    let folder = try TemporaryFolder()
    func refuse(
      _ code: CodedDatasetError.Code, _ mention: String,
      _ location: SourceLocation = #_sourceLocation
    ) {
      let error = openingFault(folder.path)
      #expect(error?.code == code, sourceLocation: location)
      #expect(
        error?.description.contains(mention) == true, "\(error as Any)", sourceLocation: location)
    }
    refuse(.notFound, "without features.npy")
    try array(folder, "features.npy", .uint8, [511], [UInt8](repeating: 0, count: 1022))
    refuse(.shapeMismatch, "expected shape (n, 512), found (2, 511)")
    try array(folder, "features.npy", .uint8, [], [UInt8](repeating: 0, count: 512))
    refuse(.shapeMismatch, "found (512,)")
    try array(folder, "features.npy", .bool, [4096], [UInt8](repeating: 0, count: 4096))
    refuse(.shapeMismatch, "4096 elements")
    #expect(openingFault(folder.path)?.hint?.contains("numpy.packbits(a, axis=1)") == true)
    try array(folder, "features.npy", .float32, [512], [UInt8](repeating: 0, count: 2048))
    refuse(.elementTypeMismatch, "found float32")
    try features(folder, rows: 2)
    try array(folder, "images.npy", .uint8, [64], [UInt8](repeating: 0, count: 64))
    refuse(.countMismatch, "expected 2 rows as in features.npy, found 1")
    try array(folder, "images.npy", .uint8, [32], [UInt8](repeating: 0, count: 64))
    refuse(.shapeMismatch, "images.npy")
    try folder.remove("images.npy")
    try ids(folder, [1] as [UInt64], .uint64)
    refuse(.countMismatch, "ids.npy")
    try ids(folder, [1, 2] as [UInt32], .uint32)
    refuse(.elementTypeMismatch, "expected elements of type uint64 or int64, found uint32")
    try ids(folder, [1, -2] as [Int64], .int64)
    refuse(.negativeID, "found -2 in row 1")
    try folder.remove("ids.npy")
    try FileManager.default.createDirectory(
      atPath: folder.path("names.txt"), withIntermediateDirectories: false)
    refuse(.notAFile, "found a folder")
  }

  @Test func refusesWhatIsNoDataset() throws {
    let folder = try TemporaryFolder()
    let expected: [(String, CodedDatasetError.Code)] = [
      ("", .notFound), (folder.path("absent"), .notFound), ("/dev/null", .notAFile),
      (try folder.write("hello", to: "text.txt"), .malformed),
      (try folder.write("", to: "empty.npy"), .truncated),
    ]
    for (path, code) in expected { #expect(openingFault(path)?.code == code, "\(path)") }
  }

  // MARK: - Lines

  @Test(
    arguments: [
      ("a\n", .countMismatch), ("a\nb\nc\n", .countMismatch), ("", .countMismatch),
      ("a\nb", .truncated), ("a\n\\x\n", .invalidName), ("a\n\\\n", .invalidName),
      ("a\r\nb\r\n", .invalidName), ("a\n\u{0}\u{10FFFF}\n", nil), ("\\n\\\\\\r\n\n", nil),
    ] as [(String, CodedDatasetError.Code?)])
  func namesKeepTheirRules(text: String, code: CodedDatasetError.Code?) throws {
    let folder = try TemporaryFolder()
    try features(folder, rows: 2)
    try folder.write(text, to: "names.txt")
    let dataset = try CodedDataset(path: folder.path)
    guard let code else {
      try dataset.validate()
      return
    }
    let error = fault { () throws(CodedDatasetError) in try dataset.validate() }
    #expect(error?.code == code)
    #expect(error?.path.hasSuffix("/names.txt") == true)
    let second = fault { () throws(CodedDatasetError) in try dataset.verifyDigest() }
    #expect(second == error)
    #expect(throws: CodedDatasetError.self) { try readAll(dataset) }
    #expect(throws: CodedDatasetError.self) {
      _ = try dataset.name(at: 0)
      _ = try dataset.name(at: 1)
    }
  }

  @Test func longAndBrokenNamesAreNamedByTheirLine() throws {
    let folder = try TemporaryFolder()
    try features(folder, rows: 2)
    for line in [
      [UInt8](repeating: 0x61, count: 1025), [UInt8](repeating: 0x5C, count: 2050), [0xFF, 0xFE],
    ] {
      try folder.write([0x0A] + line + [0x0A], to: "names.txt")
      let dataset = try CodedDataset(path: folder.path)
      #expect(try dataset.name(at: 0) == nil)
      let error = fault { () throws(CodedDatasetError) in try dataset.name(at: 1) }
      #expect(error?.code == .invalidName)
      #expect(error?.message.hasPrefix("line 2: ") == true)
    }
  }

  @Test func brokenTagsAreNamedByTheirLine() throws {
    let folder = try TemporaryFolder()
    try features(folder, rows: 2)
    let long = String(repeating: "x", count: RecordLimits.tagsByteCountMax)
    for line in ["{", "[]", "{\"a\":1}", "{\"a\":\"\(long)\"}", " ", "{\"a\":\"1\",\"a\":\"2\"}"] {
      try folder.write("{}\n\(line)\n", to: "tags.jsonl")
      let dataset = try CodedDataset(path: folder.path)
      #expect(try dataset.tags(at: 0) == [:])
      let error = fault { () throws(CodedDatasetError) in try dataset.tags(at: 1) }
      #expect(error?.code == .invalidTags)
      #expect(error?.message.hasPrefix("line 2: ") == true)
      #expect(throws: CodedDatasetError.self) { try dataset.validate() }
    }
  }

  // MARK: - Ids

  @Test func doubledIDsAreFoundWithTheirRows() throws {
    let folder = try TemporaryFolder()
    let seed: UInt64 = 45
    var random = SplitMix64(seed: seed)
    for _ in 0..<60 {
      let count = Int.random(in: 1...40, using: &random)
      try features(folder, rows: count)
      let values = (0..<count).map { _ in UInt64.random(in: 0...400, using: &random) }
      try ids(folder, Bool.random(using: &random) ? values : values.sorted(), .uint64)
      let dataset = try CodedDataset(path: folder.path)
      if Set(values).count == count {
        #expect(throws: Never.self, "seed=\(seed)") { try dataset.validate() }
      } else {
        let error = fault { () throws(CodedDatasetError) in try dataset.validate() }
        #expect(error?.code == .duplicateID, "seed=\(seed)")
        #expect(error?.message.contains(" is in rows ") == true)
      }
    }
    try features(folder, rows: 4)
    try ids(folder, [9, 3, 9, 9] as [UInt64], .uint64)
    let dataset = try CodedDataset(path: folder.path)
    let error = fault { () throws(CodedDatasetError) in try dataset.validate() }
    #expect(error?.message == "id 9 is in rows 0 and 2")
  }

  // MARK: - Manifests and digests

  @Test func aFolderWithAManifestIsComplete() throws {
    for name in ["features.npy", "images.npy", "ids.npy", "names.txt", "tags.jsonl"] {
      let folder = try TemporaryFolder()
      try writeDataset(sampleRecords(count: 3, seed: 46), to: folder.path("set"))
      try folder.remove("set/\(name)")
      let error = openingFault(folder.path("set"))
      #expect(error?.code == .incomplete)
      #expect(error?.message.contains(name) == true)
    }
  }

  @Test(
    arguments: [
      ("", .malformed), ("{}", .malformed), ("[]", .malformed), ("null", .malformed),
      (#"{"format":"other","version":1}"#, .malformed),
      (#"{"format":"thumbprint-dataset"}"#, .malformed),
      (#"{"format":"thumbprint-dataset","version":2}"#, .unsupportedVersion),
      (#"{"format":"thumbprint-dataset","version":"1"}"#, .malformed),
      (#"{"format":"thumbprint-dataset","version":1}"#, .malformed),
    ] as [(String, CodedDatasetError.Code)])
  func refusesOtherManifests(text: String, code: CodedDatasetError.Code) throws {
    let folder = try TemporaryFolder()
    try writeDataset(sampleRecords(count: 2, seed: 47), to: folder.path("set"))
    try folder.write(text, to: "set/dataset.json")
    #expect(openingFault(folder.path("set"))?.code == code)
  }

  @Test func everyValueOfAManifestIsChecked() throws {
    let folder = try TemporaryFolder()
    try writeDataset(sampleRecords(count: 2, seed: 48), to: folder.path("set"), coder: coder)
    let text = String(decoding: try folder.bytes("set/dataset.json"), as: UTF8.self)
    let digest = try CodedDataset(path: folder.path("set")).verifyDigest().description
    let changes: [(String, String, CodedDatasetError.Code?)] = [
      (#""count" : 2"#, #""count" : 3"#, .countMismatch),
      (#""count" : 2"#, #""count" : -2"#, .malformed),
      (#""count" : 2"#, #""count" : 2.5"#, .malformed),
      (#""count" : 2"#, #""count" : 99999999999999999999"#, .malformed),
      (#""count" : 2"#, #""count" : null"#, .malformed),
      (#""vgg2-0f3c""#, #""VGG 2""#, .malformed), (#""vgg2-0f3c""#, "7", .malformed),
      (#""vgg2-0f3c""#, "null", nil), (digest, String(digest.dropLast()), .malformed),
      (digest, digest.uppercased(), digest.uppercased() == digest ? nil : .malformed),
      (#""tests""#, "\"" + String(repeating: "t", count: 257) + "\"", .tooLarge),
      (#""tests""#, "null", .malformed), ("{", "{\"more\": [1, {}],", nil),
      ("}", "}" + String(repeating: " ", count: 1 << 16), .tooLarge), ("}", "}}", .malformed),
    ]
    for (old, new, code) in changes {
      #expect(text.contains(old), "\(old) in \(text)")
      try folder.write(text.replacingOccurrences(of: old, with: new), to: "set/dataset.json")
      if let code {
        #expect(openingFault(folder.path("set"))?.code == code, "\(new)")
      } else {
        #expect(throws: Never.self) { try CodedDataset(path: folder.path("set")).verifyDigest() }
      }
    }
  }

  @Test func aChangedRecordIsSeen() throws {
    let folder = try TemporaryFolder()
    try writeDataset(sampleRecords(count: 12, seed: 49), to: folder.path("set"))
    for name in ["features.npy", "images.npy", "ids.npy", "names.txt", "tags.jsonl"] {
      let bytes = try folder.bytes("set/\(name)")
      var changed = bytes
      // The last letter of a name or tag, or the last byte of an array.
      let position = changed.lastIndex { name.hasSuffix("npy") || (0x61...0x7A).contains($0) }
      changed[try #require(position)] ^= 1
      try folder.write(changed, to: "set/\(name)")
      let dataset = try CodedDataset(path: folder.path("set"))
      let error = fault { () throws(CodedDatasetError) in try dataset.verifyDigest() }
      #expect(error?.code == .digestMismatch, "\(name)")
      try folder.write(bytes, to: "set/\(name)")
    }
    try CodedDataset(path: folder.path("set")).verifyDigest()
  }
}
