import Synchronization
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

@Suite struct LoadTests {
  private func twin(_ records: [Record]) -> StoreTwin {
    var twin = StoreTwin()
    _ = twin.upsert(records)
    return twin
  }

  @Test func aLoadedDatasetIsFoundAgain() throws {
    let seed = testSeed()
    var generator = RecordGenerator(seed: seed)
    let records = (0..<700).map {
      generator.record(id: ItemID(UInt64($0) &* 0xD6E8_FEB8_6659_FD93))
    }
    let coder = try #require(CoderIdentity("coder-1"))
    let folder = TemporaryFolder()
    let writer = try CodedDatasetWriter(
      path: folder.path + "/set", coder: coder, createdBy: "a test")
    for record in records { try writer.append(record) }
    let manifest = try writer.finish()
    let dataset = try CodedDataset(path: folder.path + "/set")

    let store = try LocalStore(path: folder.path + "/store", access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 3, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    var phases: [LoadProgress.Phase] = []
    let report = try collection.load(dataset) { phases.append($0.phase) }
    #expect(report.added == records.count && report.replaced == 0 && report.skipped == 0)
    #expect(report.digest == manifest.digest)
    #expect(phases.first == .storing && phases.last == .done)
    #expect(try collection.info.coder == coder)
    #expect(try collection.stats().shards.allSatisfy { $0.segmentCount > 0 })
    let twin = twin(records)
    try twin.expectEqual(collection, queries: (0..<10).map { _ in generator.query() })

    let again = try collection.load(dataset)
    #expect(again.skipped == records.count && again.added == 0 && again.replaced == 0)
    try twin.expectEqual(collection, queries: [])
    store.close()
    let reopened = try LocalStore(path: folder.path + "/store", access: .readOnly)
    try twin.expectEqual(
      try reopened.collection("c"), queries: (0..<5).map { _ in generator.query() })
  }

  @Test func loadingAgainCompletesAndReplaces() throws {
    let seed = testSeed()
    var generator = RecordGenerator(seed: seed)
    var records = (0..<400).map { generator.record(id: ItemID(UInt64($0))) }
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 2, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    _ = try collection.load(
      source: MemorySource(records: Array(records[..<150])), options: LoadOptions()
    ) { _ in }
    // Ten change, one differs in its name alone, and five come twice.
    for i in 0..<10 { records[i] = generator.record(id: records[i].id) }
    records[20].name = "another name"
    let doubled = records[300..<305].map { generator.record(id: $0.id) }
    let report = try collection.load(
      source: MemorySource(records: doubled + records), options: LoadOptions()
    ) { _ in }
    #expect(report.added == 250 && report.replaced == 11 && report.skipped == 139)
    #expect(report.duplicates == 5)
    try twin(records).expectEqual(collection, queries: (0..<5).map { _ in generator.query() })
  }

  @Test func aCancelledLoadKeepsWhatIsStored() throws {
    var generator = RecordGenerator(seed: 5)
    let records = (0..<100).map { generator.record(id: ItemID(UInt64($0))) }
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite)
    try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    let report = try collection.load(
      source: MemorySource(records: records), options: LoadOptions(isCancelled: { true })
    ) { _ in }
    #expect(report.wasCancelled && report.added == 0)
    #expect(try collection.check().isSound)
  }

  /// Runs out when it was asked a number of times since it began.
  private final class Patience: Sendable {
    private let hasBegun = Atomic<Bool>(false)
    private let asked = Atomic<Int>(0)
    private let askedCountMax: Int

    init(_ askedCountMax: Int) { self.askedCountMax = askedCountMax }

    func begin() { hasBegun.store(true, ordering: .relaxed) }

    var isOver: Bool {
      hasBegun.load(ordering: .relaxed)
        && asked.add(1, ordering: .relaxed).newValue >= askedCountMax
    }
  }

  /// Asked to stop while the index is made, a load ends with every record stored and found;
  /// loading again makes the index.
  @Test(arguments: [1, 2, 3]) func aLoadCancelledWhileSealingIsCompletedLater(
    askedCount: Int
  ) throws {
    var generator = RecordGenerator(seed: 15)
    let records = (0..<900).map { generator.record(id: ItemID(UInt64($0))) }
    let folder = TemporaryFolder()
    var limits = MaintenanceLimits.tiny
    limits.isAutomatic = false
    let store = try LocalStore(path: folder.path, access: .readWrite, limits: limits)
    try store.createCollection("c", shardCount: 2, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    let patience = Patience(askedCount)
    var phases: [LoadProgress.Phase] = []
    let report = try collection.load(
      source: MemorySource(records: records),
      options: LoadOptions(isCancelled: { patience.isOver })
    ) {
      phases.append($0.phase)
      if $0.phase == .sealing { patience.begin() }
    }
    #expect(report.wasCancelled && report.added == 900 && phases.last == .sealing)
    let twin = twin(records)
    try twin.expectEqual(collection, queries: (0..<3).map { _ in generator.query() })
    let again = try collection.load(
      source: MemorySource(records: records), options: LoadOptions()
    ) { _ in }
    #expect(!again.wasCancelled && again.skipped == 900)
    let stats = try collection.stats()
    #expect(stats.shards.allSatisfy { $0.segmentCount > 0 })
    try twin.expectEqual(collection, queries: (0..<3).map { _ in generator.query() })
  }

  @Test func aDatasetOfAnotherCoderOrDigestIsRefused() throws {
    var generator = RecordGenerator(seed: 6)
    let records = (0..<10).map { generator.record(id: ItemID(UInt64($0))) }
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite)
    try store.createCollection(
      "c", shardCount: 1, profile: .standard, coder: CoderIdentity("one"))
    let collection = try store.collection("c")
    do {
      _ = try collection.load(
        source: MemorySource(records: records, coder: CoderIdentity("two")),
        options: LoadOptions()
      ) { _ in }
      Issue.record("another coder was taken")
    } catch let error as StoreError {
      #expect(error.code == .coderMismatch, "\(error)")
    }
    #expect(try collection.info.recordCount == 0)
    do {
      _ = try collection.load(
        source: MemorySource(
          records: records, coder: CoderIdentity("one"),
          expectedDigest: RecordDigest(high: 1, low: 2)), options: LoadOptions()
      ) { _ in }
      Issue.record("another digest was taken")
    } catch let error as StoreError {
      #expect(error.code == .corrupt, "\(error)")
    }
  }
}
