import Foundation
import Synchronization
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintTestKit
import ThumbprintWire

/// Loads into whole clusters of this process.
@Suite(.serialized) struct RemoteLoadTests {
  /// Records with ids of their own, with names and tags on some.
  private func records(_ count: Int, _ seed: UInt64) -> [Record] {
    var generator = RecordGenerator(seed: seed)
    return (0..<count).map { generator.record(id: ItemID(UInt64($0) &* 0x9E37_79B9_7F4A_7C15)) }
  }

  private func dataset(_ records: [Record], _ folder: URL, coder: CoderIdentity? = nil) throws
    -> CodedDataset
  {
    let path = folder.appending(path: "dataset").path
    let writer = try CodedDatasetWriter(path: path, coder: coder, createdBy: "test")
    for record in records { try writer.append(record) }
    _ = try writer.finish()
    return try CodedDataset(path: path)
  }

  private func seed() -> UInt64 {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("RemoteLoadTests: seed=\(seed)")
    return seed
  }

  /// Small writes, so that there are many.
  private var options: RemoteLoadOptions {
    var options = RemoteLoadOptions()
    options.batchRowCount = 100
    options.inFlightByteCountMax = 1 << 19
    return options
  }

  @Test func aDatasetIsThereOnceItIsLoaded() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(2, client)
    let records = records(1_500, seed())
    let dataset = try dataset(records, cluster.folder)
    let collection = try await client.createCollection(
      "photos", shardCount: 4, replicationFactor: 2, tableCount: 0)
    var told: [Int] = []
    let first = try await collection.load(dataset, options: options) { told.append($0.doneCount) }
    #expect(first.isWhole && first.doneCount == 1_500 && first.counts.added == 1_500)
    #expect(told == told.sorted() && told.first == 0 && told.last == 1_500 && told.count > 10)
    #expect(try await collection.stats().digest == dataset.digest())
    let found = try await collection.records(records.map(\.id))
    #expect(records.allSatisfy { found[$0.id] == $0 })
    let again = try await collection.load(dataset, options: options)
    #expect(again.isWhole && again.counts.unchanged == 1_500 && again.counts.added == 0)
    // With others beside them, what was loaded cannot be told from the sum.
    _ = try await collection.upsert([Record(id: ItemID(5), feature: .init(), image: .init())])
    #expect(try await collection.load(dataset).isWhole == false)
    await client.close()
    try await cluster.end()
  }

  @Test func aLoadThatWasEndedGoesOn() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let records = records(9_000, seed())
    let dataset = try dataset(records, cluster.folder)
    let collection = try await client.createCollection(
      "photos", shardCount: 3, replicationFactor: 1, tableCount: 0)
    let asked = Asked()
    var options = options
    options.isCancelled = { asked.next() > 1 }
    let part = try await collection.load(dataset, options: options)
    #expect(part.wasCancelled && !part.isWhole && part.doneCount < 9_000)
    let counts = try await collection.stats().shards.map(\.recordCount)
    #expect(counts.reduce(0, +) == part.doneCount)
    let whole = try await collection.load(dataset)
    #expect(whole.isWhole && whole.counts.unchanged == part.doneCount)
    await client.close()
    try await cluster.end()
  }

  @Test func crashesInTheMiddleAreRiddenOut() async throws {
    let cluster = try await LocalCluster(workers: ["a", "b", "c"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(3, client)
    let records = records(20_000, seed())
    let collection = try await client.createCollection(
      "photos", shardCount: 4, replicationFactor: 2, tableCount: 0)
    let loading = Task { [options] in
      try await collection.load(
        from: RecordLoadSource(Paced(records), path: "records", count: records.count),
        options: options)
    }
    func wait(for count: Int) async throws {
      while try await client.collection("photos").recordCount < count {
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    try await wait(for: 2_000)
    await cluster.crash("b")
    try await wait(for: 6_000)
    try await cluster.start("b")
    try await wait(for: 9_000)
    try await cluster.restartCoordinator()
    let report = try await loading.value
    #expect(report.isWhole && report.doneCount == 20_000)
    try await cluster.waitForReplicas(2, client)
    await client.close()
    try await cluster.end()
  }

  @Test func whatCannotBeLoadedIsNamed() async throws {
    let cluster = try await LocalCluster(workers: ["a"])
    let client = try await cluster.client()
    try await cluster.waitForWorkers(1, client)
    let dataset = try dataset(records(10, seed()), cluster.folder, coder: CoderIdentity("vgg-1"))
    let collection = try await client.createCollection(
      "photos", shardCount: 2, replicationFactor: 1, tableCount: 0, coder: CoderIdentity("vgg-2"))
    let mismatch = await #expect(throws: ServiceError.self) {
      _ = try await collection.load(dataset)
    }
    #expect(mismatch?.code == .coderMismatch && mismatch?.message.contains("'vgg-1'") == true)
    let other = try await client.createCollection(
      "others", shardCount: 2, replicationFactor: 1, tableCount: 0)
    _ = try await client.run(DropCollection(collection: "others"))
    let dropped = await #expect(throws: ServiceError.self) {
      _ = try await other.load(dataset)
    }
    #expect(dropped?.code == .notFound)
    await client.close()
    try await cluster.end()
  }
}

extension RemoteCollection {
  fileprivate var recordCount: Int { description.recordCount }
}

/// Counts how often it is asked.
private final class Asked: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}

/// Records that come slowly enough for something to happen meanwhile.
private struct Paced: AsyncSequence, Sendable {
  var records: [Record]

  init(_ records: [Record]) { self.records = records }

  struct AsyncIterator: AsyncIteratorProtocol {
    var records: [Record]
    var index = 0

    mutating func next() async throws -> Record? {
      guard index < records.count else { return nil }
      if index.isMultiple(of: 200) { try await Task.sleep(for: .milliseconds(15)) }
      index += 1
      return records[index - 1]
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(records: records) }
}
