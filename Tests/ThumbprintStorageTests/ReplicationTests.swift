import Glibc
import Synchronization
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Replicas of one shard: what a follower gets from the log makes it the same as the primary.
@Suite struct ReplicationTests {
  @Test func aFollowerEqualsThePrimaryAfterAnyHistory() throws {
    var generator = RecordGenerator(seed: testSeed())
    let primary = try Replica()
    let follower = try Replica()
    var twin = StoreTwin()
    var term = Term(1)
    #expect(
      try primary.shard.beginTerm(term) == LogPosition(term: term, sequence: SequenceNumber(1)))
    for step in 0..<120 {
      switch generator.number(in: 0...13) {
      case 0...3:
        let records = generator.records(generator.number(in: 1...90), idsBelow: 700)
        _ = try primary.shard.write(.upsert(records), term: term)
        _ = twin.upsert(records)
      case 4:
        let records = generator.records(generator.number(in: 1...90), idsBelow: 700)
        _ = try primary.shard.write(
          .rows(MemorySource(records: records), threadCount: 1), term: term)
        _ = twin.upsert(records)
      case 5...6:
        let ids = (0..<generator.number(in: 1...30)).map { _ in generator.id(below: 700) }
        _ = try primary.shard.write(.delete(ids), term: term)
        _ = twin.delete(ids)
      case 7: try primary.shard.settle()
      case 8: try follower.shard.settle()
      case 9: if step % 3 == 0 { try primary.shard.compact() }
      case 10: if step % 3 == 0 { try follower.shard.compact() }
      case 11: try (step % 2 == 0 ? primary : follower).reopen()
      case 12:
        term = Term(term.rawValue + 1)
        _ = try primary.shard.beginTerm(term)
      default: #expect(try follower.follow(primary, term: term, using: &generator))
      }
    }
    #expect(try follower.follow(primary, term: term, using: &generator))
    let queries = (0..<8).map { _ in generator.query(exact: true) }
    #expect(try follower.shard.position == primary.shard.position)
    try twin.expectEqual(primary.shard, queries: queries)
    try twin.expectEqual(follower.shard, queries: queries)
    // A follower keeps the same log: it can be followed in turn.
    let third = try Replica()
    #expect(try third.follow(follower, term: term, using: &generator))
    try twin.expectEqual(third.shard, queries: queries)
  }

  @Test func writesSentTwiceAreHarmless() throws {
    var generator = RecordGenerator(seed: 3)
    let primary = try Replica()
    _ = try primary.shard.beginTerm(Term(1))
    let records = (0..<50).map { generator.record(id: ItemID($0)) }
    let first = try primary.shard.write(.upsert(records), term: Term(1))
    #expect(first.receipt.added == 50)
    let again = try primary.shard.write(.upsert(records), term: Term(1))
    #expect(again.receipt.unchanged == 50 && again.receipt.replaced == 0)
    #expect(again.position == first.position)
    let mixed = [generator.record(id: ItemID(3)), records[4], generator.record(id: ItemID(90))]
    let third = try primary.shard.write(.upsert(mixed), term: Term(1)).receipt
    #expect(third.added == 1 && third.replaced == 1 && third.unchanged == 1)
    _ = try primary.shard.write(.delete([ItemID(3)]), term: Term(1))
    let absent = try primary.shard.write(.delete([ItemID(3)]), term: Term(1)).receipt
    #expect(absent.absent == 1 && absent.deleted == 0)
    #expect(try primary.shard.check().isSound)
  }

  @Test func writersTogetherGetTheirOwnReceipts() async throws {
    let primary = try Replica().shard
    _ = try primary.beginTerm(Term(4))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<6 {
        group.addTask {
          var generator = RecordGenerator(seed: UInt64(writer))
          var last = LogPosition.start
          for i in 0..<15 {
            let id = ItemID(UInt64(writer * 1000 + i))
            let done = try primary.write(.upsert([generator.record(id: id)]), term: Term(4))
            #expect(done.receipt.added == 1 && done.position > last)
            last = done.position
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try primary.meta.recordCount == 90)
  }

  /// The last position of a log, once it is known.
  private final class End: Sendable {
    let position = Mutex<LogPosition?>(nil)
  }

  @Test func followersKeepUpWhileAllGoOn() async throws {
    let folder = TemporaryFolder()
    func replica(_ name: String) throws -> Shard {
      let path = folder.path + "/" + name
      try Shard.create(path: path, meta: Replica.meta())
      return try Shard(path: path, readOnly: false, limits: .tiny, retention: .standard)
    }
    let (primary, near, far) = (try replica("a"), try replica("b"), try replica("c"))
    let start = try primary.beginTerm(Term(1))
    let end = End()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        var generator = RecordGenerator(seed: 8)
        var position = start
        for _ in 0..<150 {
          let records = generator.records(generator.number(in: 1...50), idsBelow: 800)
          position = try primary.write(.upsert(records), term: Term(1)).position
          let ids = (0..<4).map { _ in generator.id(below: 800) }
          position = try primary.write(.delete(ids), term: Term(1)).position
        }
        end.position.withLock { [position] in $0 = position }
      }
      for (source, target) in [(primary, near), (near, far)] {
        group.addTask {
          while try end.position.withLock({ $0 }) != target.position {
            guard
              case .entries(let payloads) = try source.logEntries(
                after: try target.position, byteCountMax: 200_000)
            else {
              Issue.record("the log was not kept")
              return
            }
            if payloads.isEmpty { usleep(500) }
            _ = try target.apply(payloads, primaryTerm: Term(1))
          }
        }
      }
      try await group.waitForAll()
    }
    let digest = try primary.meta.digest
    for shard in [primary, near, far] {
      try shard.settle()
      let report = try shard.check()
      #expect(report.problems.isEmpty, "\(report.problems)")
      #expect(report.digest == digest)
      shard.close()
    }
  }

  @Test func termsFence() throws {
    var generator = RecordGenerator(seed: 5)
    let primary = try Replica()
    let follower = try Replica()
    func expectStale(_ body: () throws -> Void, line: Int = #line) {
      do {
        try body()
        Issue.record("accepted, line \(line)")
      } catch {
        #expect((error as? StoreError)?.code == .staleTerm, "line \(line): \(error)")
      }
    }
    let records = generator.records(5, idsBelow: 100)
    expectStale { _ = try primary.shard.write(.upsert(records), term: Term(1)) }
    _ = try primary.shard.beginTerm(Term(2))
    #expect(try primary.shard.beginTerm(Term(2)).sequence == SequenceNumber(1))
    _ = try primary.shard.write(.upsert(records), term: Term(2))
    #expect(try follower.follow(primary, term: Term(2), using: &generator))
    #expect(try follower.shard.promisedTerm == Term(2))
    // The follower is fenced: it takes nothing more of the old primary, also after a crash.
    try follower.shard.promise(Term(5))
    try follower.reopen()
    #expect(try follower.shard.promisedTerm == Term(5))
    _ = try primary.shard.write(.delete([records[0].id]), term: Term(2))
    expectStale { try follower.follow(primary, term: Term(2), using: &generator) }
    expectStale { try follower.shard.promise(Term(4)) }
    expectStale { _ = try follower.shard.beginTerm(Term(4)) }
    expectStale { _ = try follower.shard.write(.upsert(records), term: Term(2)) }
    expectStale { _ = try follower.shard.apply([], primaryTerm: Term(3)) }
    // It becomes primary; the old one is told and refuses its own clients.
    _ = try follower.shard.beginTerm(Term(5))
    try primary.shard.promise(Term(5))
    expectStale { _ = try primary.shard.write(.upsert(records), term: Term(2)) }
    expectStale { _ = try primary.shard.write(.delete([]), term: Term(2)) }
    // Its tail was never acknowledged, and differs.
    #expect(
      try follower.shard.logEntries(after: try primary.shard.position, byteCountMax: 1)
        == .diverged)
  }

  @Test func divergedLogsAreTold() throws {
    var generator = RecordGenerator(seed: 6)
    let primary = try Replica()
    let follower = try Replica()
    _ = try primary.shard.beginTerm(Term(1))
    _ = try primary.shard.write(.upsert(generator.records(9, idsBelow: 50)), term: Term(1))
    #expect(try follower.follow(primary, term: Term(1), using: &generator))
    let common = try follower.shard.position
    _ = try primary.shard.write(.upsert(generator.records(9, idsBelow: 50)), term: Term(1))
    _ = try follower.shard.beginTerm(Term(2))
    _ = try follower.shard.write(.upsert(generator.records(9, idsBelow: 50)), term: Term(2))
    // Both have three entries after the common ones or fewer; none of the tails may be mixed.
    #expect(
      try follower.shard.logEntries(after: try primary.shard.position, byteCountMax: 1)
        == .diverged)
    #expect(
      try primary.shard.logEntries(after: try follower.shard.position, byteCountMax: 1)
        == .diverged)
    guard
      case .entries(let tail) = try follower.shard.logEntries(
        after: common, byteCountMax: .max)
    else { return #expect(Bool(false), "the common position is in the log") }
    #expect(tail.count == 2)
    let before = try primary.shard.meta
    #expect(throws: StoreError.self) { try primary.shard.apply(tail, primaryTerm: Term(2)) }
    #expect(try primary.shard.meta == before)
    let ahead = LogPosition(term: Term(2), sequence: SequenceNumber(1_000))
    #expect(try follower.shard.logEntries(after: ahead, byteCountMax: 1) == .diverged)
    let elsewhere = LogPosition(term: Term(9), sequence: common.sequence)
    #expect(try follower.shard.logEntries(after: elsewhere, byteCountMax: 1) == .diverged)
  }

  @Test func otherRecordsUnderOneLogAreFound() throws {
    var generator = RecordGenerator(seed: 7)
    let primary = try Replica()
    let follower = try Replica()
    // What no cluster does: a record that the log of the primary does not know.
    _ = try follower.shard.upsert([generator.record(id: ItemID(1))])
    _ = try primary.shard.upsert([generator.record(id: ItemID(2))])
    _ = try primary.shard.write(.upsert([generator.record(id: ItemID(3))]), term: Term(0))
    do {
      try follower.follow(primary, term: Term(1), using: &generator)
      Issue.record("accepted")
    } catch {
      #expect((error as? StoreError)?.code == .diverged, "\(error)")
    }
    #expect(try follower.shard.position.sequence == SequenceNumber(1))
    #expect(follower.shard.damage == nil)
  }
}

/// How far the log reaches back.
@Suite struct LogRetentionTests {
  @Test func rowsThatMovedAreKeptForTheLog() throws {
    var generator = RecordGenerator(seed: testSeed())
    let primary = try Replica()
    _ = try primary.shard.beginTerm(Term(1))
    var twin = StoreTwin()
    for _ in 0..<40 {
      let records = generator.records(generator.number(in: 1...40), idsBelow: 300)
      _ = try primary.shard.write(.upsert(records), term: Term(1))
      _ = twin.upsert(records)
    }
    try primary.shard.compact()
    try primary.reopen()
    #expect(try primary.shard.meta.logStart == 1)
    #expect(try primary.shard.check().problems.isEmpty)
    let follower = try Replica()
    #expect(try follower.follow(primary, term: Term(1), using: &generator))
    try twin.expectEqual(follower.shard, queries: [generator.query()])
    // Opened without a log to keep, it lets go of them.
    primary.shard.close()
    let local = try Shard(path: primary.path, readOnly: false, limits: Replica.limits)
    #expect(try local.meta.logStart > 40)
    #expect(try local.logEntries(after: .start, byteCountMax: 1) == .truncated)
    try twin.expectEqual(local, queries: [generator.query()])
    local.close()
  }

  @Test func theBoundHolds() throws {
    var generator = RecordGenerator(seed: testSeed())
    let bound = 60_000
    let primary = try Replica(retention: LogRetention(retiredByteCountMax: bound))
    _ = try primary.shard.beginTerm(Term(1))
    var twin = StoreTwin()
    let follower = try Replica()
    #expect(try follower.follow(primary, term: Term(1), using: &generator))
    for step in 0..<30 {
      let records = generator.records(30, idsBelow: 200)
      _ = try primary.shard.write(.upsert(records), term: Term(1))
      _ = twin.upsert(records)
      try primary.shard.settle()
      if step % 5 == 4 { try primary.shard.compact() }
    }
    #expect(try !follower.follow(primary, term: Term(1), using: &generator))
    let stats = try primary.shard.stats()
    let live = stats.recordCount * 600
    #expect(stats.logStart > 2)
    let usedByteCount = stats.fileByteCount - stats.freeByteCount - stats.indexByteCount
    // What is neither free, index nor a live row: pages of the trees, and rows kept for the log.
    #expect(usedByteCount < live + bound + 128 << 10)
    // The tail is there, and says in which term it begins.
    let start = LogPosition(term: Term(1), sequence: SequenceNumber(stats.logStart - 1))
    guard case .entries = try primary.shard.logEntries(after: start, byteCountMax: 1) else {
      Issue.record("the log does not begin at its start")
      return
    }
    try twin.expectEqual(primary.shard, queries: [generator.query()])
  }

  @Test func entriesOfLongTextsFitIntoOneMessage() throws {
    let (primary, follower) = (try Replica(), try Replica())
    let term = Term(1)
    _ = try primary.shard.beginTerm(term)
    // 4,500 rows of 5.7 kB: their texts alone have more than a message takes.
    let name = String(repeating: "n", count: RecordLimits.nameByteCountMax)
    let tags = ["t": String(repeating: "x", count: 4_000)]
    var generator = RecordGenerator(seed: 31)
    let records = (0..<4_500).map { number in
      var record = generator.record(id: ItemID(UInt64(number)))
      (record.name, record.tags) = (name, tags)
      return record
    }
    let prepared = try primary.shard.prepare(.upsert(records))
    let (receipts, position) = try primary.shard.write([prepared], term: term)
    #expect(receipts.map(\.added) == [records.count])
    #expect(position == (try primary.shard.position))
    var after = LogPosition.start
    var largest = 0
    while true {
      let tail = try primary.shard.logTail(after: after, byteCountMax: 1, entryCountMax: 10)
      guard case .entries(let entries) = tail.read, !entries.isEmpty else { break }
      #expect(entries.count == 1)
      largest = max(largest, entries[0].count)
      after = try follower.shard.apply(entries, primaryTerm: term)
      #expect(after == tail.last)
      #expect((tail.end != nil) == (after == position))
    }
    #expect(largest > 8 << 20 && largest < 16 << 20)
    let (mine, theirs) = (try primary.shard.meta, try follower.shard.meta)
    #expect(mine.digest == theirs.digest && theirs.recordCount == 4_500)
    // In parts, and in order.
    var ids: [ItemID] = []
    while try !follower.shard.scan(
      after: ids.last,
      { record in
        ids.append(record.id)
        return ids.count % 1_000 != 0
      })
    {}
    #expect(ids == records.map(\.id))
  }
}
