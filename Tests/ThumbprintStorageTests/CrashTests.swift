import Foundation
import Glibc
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

@Suite struct CrashTests {
  /// A child works on a store and is killed at random moments of loading, sealing, merging,
  /// deleting and compacting. What it acknowledged must be there, nothing twice, and of the
  /// operation that was cut short each record is as before or as after.
  /// `THUMBPRINT_KILLS` gives another number of kills.
  @Test func acknowledgedOperationsSurviveKilling() throws {
    let environment = ProcessInfo.processInfo.environment
    let killCount = environment["THUMBPRINT_KILLS"].flatMap { Int($0) } ?? 10
    var random = SplitMix64(seed: testSeed())
    let folder = TemporaryFolder()
    let path = folder.path + "/store"
    let first = try LocalStore(path: path, access: .readWrite)
    try first.createCollection("c", shardCount: 2, profile: .standard, coder: nil)
    first.close()

    var twin = StoreTwin()
    var doneCount = 0
    for _ in 0..<killCount {
      let seed = random.next()
      let child = try CrashChildProcess(["work", path, String(seed)])
      usleep(UInt32.random(in: 5_000...250_000, using: &random))
      child.killNow()
      let lines = child.finish()
      #expect(!lines.contains { $0.hasPrefix("error") }, "\(lines)")
      let done = lines.filter { $0.hasPrefix("done") }.count
      doneCount += done
      for number in 0..<done { twin.apply(StoreOperation.make(seed: seed, number: number)) }
      var after = twin
      after.apply(StoreOperation.make(seed: seed, number: done))
      twin = try expect(path: path, between: twin, and: after)
    }
    print("acknowledgedOperationsSurviveKilling: \(doneCount) operations, \(killCount) kills")
    #expect(doneCount > 0)
    // Doing the last operations again completes them.
    let store = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    let collection = try store.collection("c")
    let records = Array(twin.records.values)
    let report = try collection.load(
      source: MemorySource(records: records), options: LoadOptions()
    ) { _ in }
    #expect(report.skipped == records.count)
    var generator = RecordGenerator(seed: 7)
    try twin.expectEqual(collection, queries: (0..<5).map { _ in generator.query() })
  }

  /// A follower is killed at random moments while it applies the log of a primary. It must then
  /// hold exactly what the primary held after some operation, none before the last one told.
  @Test func aKilledFollowerHoldsAPrefixOfTheLog() throws {
    let environment = ProcessInfo.processInfo.environment
    let killCount = environment["THUMBPRINT_KILLS"].flatMap { Int($0) } ?? 10
    let seed = testSeed()
    var random = SplitMix64(seed: seed)
    var generator = RecordGenerator(seed: seed)
    let primary = try Replica()
    let term = Term(3)
    // What the primary holds, by sequence.
    var contents = [try primary.shard.meta.digest]
    _ = try primary.shard.beginTerm(term)
    contents.append(try primary.shard.meta.digest)
    for number in 0..<400 {
      let write: ReplicaWrite =
        number % 4 == 3
        ? .delete((0..<5).map { _ in generator.id(below: 900) })
        : .upsert(generator.records(generator.number(in: 1...60), idsBelow: 900))
      _ = try primary.shard.write(write, term: term)
      let meta = try primary.shard.meta
      // A delete of ids that are not there is no operation.
      if Int(meta.sequence) == contents.count { contents.append(meta.digest) }
      try #require(Int(meta.sequence) == contents.count - 1)
    }

    let path = primary.folder.path + "/follower.mdb"
    try Shard.create(path: path, meta: Replica.meta())
    var applied = 0
    var roundCount = 0
    for _ in 0..<killCount {
      let child = try CrashChildProcess(["follow", primary.path, path, String(random.next())])
      usleep(UInt32.random(in: 5_000...150_000, using: &random))
      child.killNow()
      let lines = child.finish()
      #expect(!lines.contains { $0.hasPrefix("error") }, "\(lines)")
      let told = lines.last { $0.hasPrefix("at ") }.flatMap { Int($0.dropFirst(3)) } ?? 0
      let shard = try Shard(
        path: path, readOnly: false, limits: Replica.limits, retention: .standard)
      let meta = try shard.meta
      let sequence = Int(meta.sequence)
      #expect(sequence >= max(told, applied) && sequence < contents.count)
      #expect(meta.digest == contents[min(sequence, contents.count - 1)], "after \(sequence)")
      let report = try shard.check()
      #expect(report.problems.isEmpty && report.digest == meta.digest, "\(report.problems)")
      shard.close()
      applied = sequence
      if sequence == contents.count - 1 {
        // It has all: another begins.
        try FileManager.default.removeItem(atPath: path)
        try Shard.create(path: path, meta: Replica.meta())
        (applied, roundCount) = (0, roundCount + 1)
      }
    }
    print("aKilledFollowerHoldsAPrefixOfTheLog: \(roundCount) rounds, \(applied) operations more")
    #expect(roundCount + applied > 0)
    let lines = try CrashChildProcess(["follow", primary.path, path, "1"]).finish()
    #expect(lines.last == "end", "\(lines)")
    let shard = try Shard(path: path, readOnly: true)
    #expect(try shard.meta.position == primary.shard.position)
    #expect(try shard.meta.digest == contents.last)
  }

  /// A reader in another process sees whole states while a writer works.
  @Test func aReaderBesideAWriterSeesWholeStates() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/store"
    let first = try LocalStore(path: path, access: .readWrite)
    try first.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    first.close()
    let child = try CrashChildProcess(["work", path, "9"])
    var digests: Set<RecordDigest> = []
    for round in 0..<12 {
      usleep(20_000)
      let store = try LocalStore(path: path, access: .readOnly)
      let collection = try store.collection("c")
      for _ in 0..<3 {
        let report = try collection.check()
        #expect(report.problems.isEmpty, "round \(round): \(report.problems)")
        digests.insert(report.digest)
      }
      store.close()
    }
    child.killNow()
    #expect(!child.finish().contains { $0.hasPrefix("error") })
    #expect(digests.count > 1)
  }

  /// The records of the store, each of which is as in `before` or as in `after`.
  private func expect(
    path: String, between before: StoreTwin, and after: StoreTwin
  ) throws -> StoreTwin {
    let store = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    defer { store.close() }
    let collection = try store.collection("c")
    let report = try collection.check()
    #expect(report.problems.isEmpty, "\(report.problems)")
    var found = StoreTwin()
    try collection.forEachRecord { record in
      #expect(found.records[record.id] == nil, "\(record.id) is there twice")
      found.records[record.id] = record
    }
    for id in Set(before.records.keys).union(after.records.keys).union(found.records.keys) {
      let record = found.records[id]
      #expect(
        record == before.records[id] || record == after.records[id], "record \(id) is another")
    }
    #expect(try collection.stats().digest == found.digest)
    return found
  }

  /// A full disk ends a load with a clear error and a store that opens and answers: on a small
  /// file system where one may be mounted, and by a limit on the size of files anywhere.
  @Test(arguments: [true, false]) func aFullDiskLosesNothing(mounts: Bool) throws {
    let folder = TemporaryFolder()
    let disk = folder.path + "/disk"
    #expect(mkdir(disk, 0o755) == 0)
    let isMounted = mounts && mount("tmpfs", disk, "tmpfs", 0, "size=24m") == 0
    defer { if isMounted { umount2(disk, Int32(MNT_DETACH)) } }
    let child = try CrashChildProcess(
      ["fill", disk + "/store", isMounted ? "0" : String(12 << 20)])
    let lines = child.finish()
    #expect(lines.count == 2, "\(lines)")
    #expect(lines.first?.hasPrefix("failed diskFull") == true, "\(lines)")
    #expect(lines.last == "ok deleted 1 problems 0", "\(lines)")
  }

  @Test func theLibraryItselfMayMeetTheEndOfTheDisk() throws {
    let folder = TemporaryFolder()
    let lines = try CrashChildProcess(
      ["fill-raw", folder.path + "/file.mdb", String(4 << 20)]
    ).finish()
    #expect(lines == ["failed diskFull", "ok true"])
  }
}

extension StoreTwin {
  mutating func apply(_ operation: StoreOperation) {
    switch operation {
    case .upsert(let records), .load(let records): _ = upsert(records)
    case .delete(let ids): _ = delete(ids)
    case .seal, .compact: break
    }
  }
}
