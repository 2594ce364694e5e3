import Foundation
import Glibc
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Damaged, cut and foreign files: one clear line each, and never a crash.
@Suite struct DamageTests {
  /// A store with segments, recent rows, deleted rows, names and tags, as bytes.
  private struct Sample {
    let folder = TemporaryFolder()
    var twin = StoreTwin()
    let bytes: [UInt8]
    let queries: [SearchQuery]

    var file: String { folder.path + "/c/shard-0000.mdb" }

    init() throws {
      var generator = RecordGenerator(seed: 11)
      var limits = MaintenanceLimits.tiny
      limits.isAutomatic = false
      let store = try LocalStore(path: folder.path, access: .readWrite, limits: limits)
      try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
      let collection = try store.collection("c")
      for i in 0..<8 {
        let records = generator.records(60, idsBelow: 400)
        _ = try collection.upsert(records)
        _ = twin.upsert(records)
        let ids = (0..<9).map { _ in generator.id(below: 400) }
        _ = try collection.delete(ids)
        _ = twin.delete(ids)
        if i == 3 || i == 5 { try collection.seal() }
      }
      queries = (0..<4).map { _ in generator.query() }
      store.close()
      bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/c/shard-0000.mdb")))
    }

    /// Whether a store over these bytes, if it calls itself sound, has the records it had.
    /// Throws what is wrong with the bytes.
    func use(_ bytes: [UInt8], writes: Bool = true) throws -> Bool {
      try Data(bytes).write(to: URL(fileURLWithPath: file))
      let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
      defer { store.close() }
      let collection = try store.collection("c")
      let ids = twin.records.keys.sorted().prefix(10)
      let report = try collection.check()
      var firstError: (any Error)?
      func attempt(_ body: () throws -> Void) {
        do { try body() } catch { firstError = firstError ?? error }
      }
      attempt { _ = try collection.records(Array(ids)) }
      for query in queries { attempt { _ = try collection.search(query) } }
      attempt { try collection.forEachRecord { _ in } }
      if let damage = report.problems.first {
        // A damaged shard refuses writes.
        #expect(throws: StoreError.self) { try collection.delete([ItemID(1)]) }
        throw StoreError(.corrupt, damage.message, path: damage.path)
      }
      if writes {
        attempt { _ = try collection.delete([ItemID(12_345_678)]) }
        attempt { _ = try collection.upsert([Array(twin.records.values)[0]]) }
        attempt { try collection.compact() }
      }
      if let firstError { throw firstError }
      return try collection.stats().digest == twin.digest
    }

    func expectRefusal(
      _ bytes: [UInt8], _ comment: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      do {
        _ = try use(bytes)
        Issue.record("\(comment): accepted", sourceLocation: sourceLocation)
      } catch let error as StoreError {
        expectOneLine(error, comment, sourceLocation: sourceLocation)
      }
    }

    /// - Returns: Whether the bytes were refused.
    func expectRefusalOrTruth(
      _ bytes: [UInt8], _ comment: String, writes: Bool = true
    ) throws -> Bool {
      do {
        #expect(
          try use(bytes, writes: writes), "\(comment): other records, called sound")
        return false
      } catch let error as StoreError {
        expectOneLine(error, comment, sourceLocation: #_sourceLocation)
        return true
      }
    }

    private func expectOneLine(
      _ error: StoreError, _ comment: String, sourceLocation: SourceLocation
    ) {
      let codes: [StoreError.Code] = [.corrupt, .unsupportedVersion]
      #expect(codes.contains(error.code), "\(comment): \(error)", sourceLocation: sourceLocation)
      #expect(
        error.path != nil && !error.description.contains("\n"), "\(comment): \(error)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func theSampleIsSound() throws {
    let sample = try Sample()
    #expect(try sample.use(sample.bytes))
  }

  @Test func foreignFilesAreRefused() throws {
    let sample = try Sample()
    try sample.expectRefusal([], "empty")
    try sample.expectRefusal(Array("hello\n".utf8), "text")
    try sample.expectRefusal([UInt8](repeating: 0, count: 65_536), "zeros")
    var random = SplitMix64(seed: 1)
    try sample.expectRefusal(
      (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &random) }, "noise")
    // Another program's file of the same library.
    let other = sample.folder.path + "/other.mdb"
    let environment = try LMDBEnvironment(path: other, databases: ["data"], readOnly: false)
    try environment.write { try $0.put(0, [1], [1, 2, 3]) }
    try sample.expectRefusal(
      Array(try Data(contentsOf: URL(fileURLWithPath: other))), "another LMDB file")
  }

  @Test func everyCutIsRefused() throws {
    let sample = try Sample()
    for count in stride(from: 0, to: sample.bytes.count, by: 4096 * 7 + 11) {
      _ = try sample.expectRefusalOrTruth(Array(sample.bytes[..<count]), "cut to \(count)")
    }
  }

  /// `THUMBPRINT_FUZZ` gives another number of cases.
  @Test func randomDamageIsRefusedOrHarmless() throws {
    let environment = ProcessInfo.processInfo.environment
    let caseCount = environment["THUMBPRINT_FUZZ"].flatMap { Int($0) } ?? 500
    let seed = testSeed()
    var random = SplitMix64(seed: seed)
    let sample = try Sample()
    let trees = treePages(sample.bytes)
    var refusedCount = 0
    for number in 0..<caseCount {
      var bytes = sample.bytes
      damage(&bytes, trees: trees, using: &random)
      // Writes wait for the disk, so they are tried in some cases only.
      let writes = number % 16 == 0
      if try sample.expectRefusalOrTruth(
        bytes, "seed \(seed), case \(number)", writes: writes)
      {
        refusedCount += 1
      }
    }
    print("randomDamageIsRefusedOrHarmless: \(refusedCount) of \(caseCount) refused")
  }

  /// The pages that are not runs of large values: where a wrong bit leads the library astray.
  private func treePages(_ bytes: [UInt8]) -> [Int] {
    (0..<bytes.count / 4096).filter { page in
      let flags = UInt16(bytes[page * 4096 + 10]) | UInt16(bytes[page * 4096 + 11]) << 8
      let number = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[page * 4096 + $1]) << (8 * $1) }
      return page < 2 || ([1, 2].contains(flags) && number == UInt64(page))
    }
  }

  private func damage(
    _ bytes: inout [UInt8], trees: [Int], using random: inout SplitMix64
  ) {
    func page() -> Int { trees[Int.random(in: 0..<trees.count, using: &random)] }
    let anywhere = Int.random(in: 0..<bytes.count, using: &random)
    let inTree = page() * 4096 + Int.random(in: 0..<4096, using: &random)
    // The first bytes of a page say the most.
    let inHead = page() * 4096 + Int.random(in: 0..<64, using: &random)
    let bit: UInt8 = 1 << UInt8.random(in: 0..<8, using: &random)
    switch Int.random(in: 0..<9, using: &random) {
    case 0, 1: bytes[anywhere] ^= bit
    case 2, 3: bytes[inTree] ^= bit
    case 4: bytes[inHead] ^= bit
    case 5: bytes[inHead] = UInt8.random(in: 0...255, using: &random)
    case 6:
      for i in 0..<min(8, bytes.count - inTree) {
        bytes[inTree + i] = UInt8.random(in: 0...255, using: &random)
      }
    case 7:
      let (from, to) = (page() * 4096, page() * 4096)
      for i in 0..<4096 { bytes[to + i] = bytes[from + i] }
    default: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
    }
  }

  @Test func damagedSettingsAreRefused() throws {
    let sample = try Sample()
    let file = sample.folder.path + "/c/collection.json"
    let good = try String(contentsOfFile: file, encoding: .utf8)
    for bad in [
      "", "{}", "[1]",
      good.replacingOccurrences(of: "\"shardCount\" : 1", with: "\"shardCount\" : 2"),
      good.replacingOccurrences(of: "\"version\" : 1", with: "\"version\" : 9"),
      good.replacingOccurrences(of: "\"shardCount\" : 1", with: "\"shardCount\" : -1"),
      String(repeating: "x", count: 70_000),
    ] {
      #expect(bad != good)
      try bad.write(toFile: file, atomically: true, encoding: .utf8)
      do {
        _ = try sample.use(sample.bytes)
        Issue.record("accepted: \(bad.prefix(200))")
      } catch let error as StoreError {
        #expect([.corrupt, .unsupportedVersion, .notFound].contains(error.code), "\(error)")
      }
    }
    try good.write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try sample.use(sample.bytes))
  }

  @Test func aDamagedCollectionIsListedAndCanBeDropped() throws {
    let sample = try Sample()
    try Data("no shard".utf8).write(to: URL(fileURLWithPath: sample.file))
    let store = try LocalStore(path: sample.folder.path, access: .readWrite)
    let infos = try store.collections()
    #expect(infos.count == 1 && infos[0].damage?.code == .corrupt)
    try store.dropCollection("c")
    #expect(try store.collections().isEmpty)
  }
}
