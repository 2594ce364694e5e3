import Foundation
import Glibc
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Copies of a shard, made item by item.
@Suite struct CopyTests {
  private static let key = Replica.meta().key

  /// A primary with segments, recent and dead rows, names and tags.
  private static func primary(
    _ generator: inout RecordGenerator, _ twin: inout StoreTwin
  ) throws -> Replica {
    let primary = try Replica()
    _ = try primary.shard.beginTerm(Term(1))
    for step in 0..<12 {
      let records = generator.records(generator.number(in: 1...90), idsBelow: 600)
      _ = try primary.shard.write(.upsert(records), term: Term(1))
      _ = twin.upsert(records)
      let ids = (0..<9).map { _ in generator.id(below: 600) }
      _ = try primary.shard.write(.delete(ids), term: Term(1))
      _ = twin.delete(ids)
      if step == 4 || step == 7 { try primary.shard.settle() }
    }
    return primary
  }

  private static func store(_ folder: TemporaryFolder) throws -> ReplicaStore {
    try ReplicaStore(path: folder.path + "/worker", limits: Replica.limits)
  }

  /// Sends items in parts of random sizes, some of them side by side.
  private static func send(
    _ items: [ShardCopyItem], from source: ShardCopySource, to copy: ShardCopyTarget,
    using generator: inout RecordGenerator, stopAfter byteCountMax: Int = .max
  ) throws {
    var open = items.map { (item: $0, offset: 0) }
    var sent = 0
    while !open.isEmpty, sent < byteCountMax {
      let i = generator.number(in: 0...min(3, open.count - 1))
      let part = try source.read(
        item: open[i].item.index, offset: open[i].offset,
        count: generator.number(in: 1...40_000))
      try copy.put(item: open[i].item.index, offset: open[i].offset, part)
      open[i].offset += part.count
      sent += part.count
      if open[i].offset == open[i].item.byteCount { open.remove(at: i) }
    }
  }

  @Test func aCopyEqualsItsSourceAndFollowsIt() throws {
    var generator = RecordGenerator(seed: testSeed())
    var twin = StoreTwin()
    let primary = try Self.primary(&generator, &twin)
    let folder = TemporaryFolder()
    let store = try Self.store(folder)
    let source = try primary.shard.copySource()
    // The source goes on.
    let later = generator.records(40, idsBelow: 600)
    var after = twin
    _ = try primary.shard.write(.upsert(later), term: Term(1))
    _ = after.upsert(later)
    try primary.shard.compact()

    let copy = try store.copy(of: Self.key)
    let needed = try copy.begin(source.manifest)
    #expect(needed == source.items)
    #expect(throws: StoreError.self) { try store.finishCopy(of: Self.key) }
    try Self.send(needed, from: source, to: copy, using: &generator)
    #expect(copy.progress.doneItemCount == source.items.count)
    #expect(copy.progress.doneByteCount == copy.progress.byteCount)
    let shard = try store.finishCopy(of: Self.key)
    let queries = (0..<6).map { _ in generator.query(exact: true) }
    #expect(try shard.position == source.position)
    try twin.expectEqual(shard, queries: queries)
    guard
      case .entries(let rest) = try primary.shard.logEntries(
        after: try shard.position, byteCountMax: .max)
    else { return #expect(Bool(false), "the copy can follow") }
    _ = try shard.apply(rest, primaryTerm: Term(1))
    try after.expectEqual(shard, queries: queries)
    #expect(
      try store.replicas() == [
        .init(
          key: Self.key, isComplete: true, isBeingCopied: false,
          byteCount: try shard.replicaStatus().byteCount)
      ])
    store.close()
    let again = try Self.store(folder)
    try after.expectEqual(try again.shard(Self.key), queries: queries)
    try again.drop(Self.key)
    #expect(try again.replicas().isEmpty)
    again.close()
  }

  @Test func aStaleReplicaIsNotSentWhatItHas() throws {
    var generator = RecordGenerator(seed: testSeed())
    var twin = StoreTwin()
    let primary = try Self.primary(&generator, &twin)
    let folder = TemporaryFolder()
    let store = try Self.store(folder)
    // A replica that followed, then went on by itself as a primary that was lost.
    let stale = try store.create(Replica.meta())
    guard
      case .entries(let log) = try primary.shard.logEntries(
        after: .start, byteCountMax: .max)
    else { return #expect(Bool(false), "the log is whole") }
    _ = try stale.apply(log, primaryTerm: Term(1))
    _ = try stale.write(.upsert(generator.records(5, idsBelow: 600)), term: Term(1))
    try stale.promise(Term(9))
    _ = try primary.shard.beginTerm(Term(2))
    let more = generator.records(30, idsBelow: 600)
    _ = try primary.shard.write(.upsert(more), term: Term(2))
    _ = twin.upsert(more)

    let source = try primary.shard.copySource()
    let copy = try store.copy(of: Self.key)
    let needed = try copy.begin(source.manifest)
    #expect(copy.progress.reusedByteCount > 0)
    #expect(needed.count < source.items.count)
    try Self.send(needed, from: source, to: copy, using: &generator)
    let shard = try store.finishCopy(of: Self.key)
    try twin.expectEqual(shard, queries: [generator.query()])
    // What it promised, it keeps.
    #expect(try shard.promisedTerm == Term(9))
    store.close()
  }

  @Test func aCopyGoesOnWhereItWas() throws {
    var generator = RecordGenerator(seed: testSeed())
    var twin = StoreTwin()
    let primary = try Self.primary(&generator, &twin)
    let folder = TemporaryFolder()
    let source = try primary.shard.copySource()
    var store = try Self.store(folder)
    var copy = try store.copy(of: Self.key)
    let all = try copy.begin(source.manifest)
    try Self.send(
      all, from: source, to: copy, using: &generator, stopAfter: copy.progress.byteCount / 2)
    try copy.flush()
    let doneItemCount = copy.progress.doneItemCount
    store.close()
    store = try Self.store(folder)
    #expect(try store.replicas().first?.isBeingCopied == true)
    #expect(throws: StoreError.self) { try store.shard(Self.key) }
    copy = try store.copy(of: Self.key)
    // Meanwhile the source has changed: what is the same is not sent again.
    _ = try primary.shard.write(.upsert(generator.records(3, idsBelow: 50)), term: Term(1))
    let newSource = try primary.shard.copySource()
    let needed = try copy.begin(newSource.manifest)
    #expect(doneItemCount > 0 && copy.progress.doneItemCount > 0)
    #expect(copy.progress.doneItemCount + needed.count == newSource.items.count)
    try Self.send(needed, from: newSource, to: copy, using: &generator)
    let shard = try store.finishCopy(of: Self.key)
    #expect(try shard.meta.digest == primary.shard.meta.digest)
    #expect(try shard.check().isSound)
    // Given up, nothing is left.
    _ = try store.copy(of: Self.key).begin(newSource.manifest)
    try store.abortCopy(of: Self.key)
    #expect(try store.shard(Self.key).meta.digest == primary.shard.meta.digest)
    #expect(try store.replicas().first?.isBeingCopied == false)
    store.close()
  }

  @Test func orderAndBoundsAreChecked() throws {
    var generator = RecordGenerator(seed: 4)
    var twin = StoreTwin()
    let primary = try Self.primary(&generator, &twin)
    let folder = TemporaryFolder()
    let store = try Self.store(folder)
    #expect(throws: StoreError.self) { try ReplicaStore(path: folder.path + "/worker") }
    let source = try primary.shard.copySource()
    let copy = try store.copy(of: Self.key)
    func expect(_ code: StoreError.Code, line: Int = #line, _ body: () throws -> Void) {
      do {
        try body()
        Issue.record("accepted, line \(line)")
      } catch {
        #expect((error as? StoreError)?.code == code, "line \(line): \(error)")
      }
    }
    expect(.invalid) { try copy.put(item: 0, offset: 0, [1]) }
    let items = try copy.begin(source.manifest)
    expect(.invalid) { try copy.put(item: items.count, offset: 0, [1]) }
    expect(.invalid) { try copy.put(item: -1, offset: 0, [1]) }
    expect(.outOfOrder) { try copy.put(item: 0, offset: 1, [1]) }
    expect(.invalid) {
      try copy.put(item: 0, offset: 0, [UInt8](repeating: 0, count: items[0].byteCount + 1))
    }
    expect(.damagedTransfer) {
      try copy.put(item: 0, offset: 0, [UInt8](repeating: 0, count: items[0].byteCount))
    }
    expect(.outOfOrder) { _ = try copy.finish() }
    expect(.invalid) { _ = try source.read(item: items.count, offset: 0, count: 1) }
    expect(.invalid) { _ = try source.read(item: 0, offset: items[0].byteCount + 1, count: 1) }
    expect(.notFound) {
      _ = try store.finishCopy(of: Replica.meta(shardNumber: 1, shardCount: 2).key)
    }
    // A shard of another name, or with another permutation, is none to copy.
    let other = try Replica(Replica.meta(shardNumber: 1, shardCount: 2))
    expect(.damagedTransfer) { _ = try copy.begin(try other.shard.copySource().manifest) }
    try Self.send(items, from: source, to: copy, using: &generator)
    try twin.expectEqual(try store.finishCopy(of: Self.key), queries: [])
    store.close()
  }

  /// A child copies and is killed at random moments, again and again, until it is done.
  @Test func killedCopiesGoOn() throws {
    var random = SplitMix64(seed: testSeed())
    var generator = RecordGenerator(seed: random.next())
    var twin = StoreTwin()
    let primary = try Self.primary(&generator, &twin)
    primary.shard.close()
    let folder = TemporaryFolder()
    let worker = folder.path + "/worker"
    var killCount = 0
    while killCount < 40 {
      let child = try CrashChildProcess(["copy", primary.path, worker])
      usleep(UInt32.random(in: 4_000...40_000, using: &random))
      child.killNow()
      let lines = child.finish()
      #expect(!lines.contains { $0.hasPrefix("error") }, "\(lines)")
      if lines.contains("copied") { break }
      killCount += 1
    }
    let lines = try CrashChildProcess(["copy", primary.path, worker]).finish()
    #expect(lines.last == "copied", "\(lines)")
    let store = try ReplicaStore(path: worker, limits: Replica.limits)
    try twin.expectEqual(try store.shard(Self.key), queries: [generator.query()])
    #expect(try store.replicas().first?.isBeingCopied == false)
    store.close()
    print("killedCopiesGoOn: \(killCount) kills")
  }
}
