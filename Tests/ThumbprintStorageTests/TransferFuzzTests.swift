import Foundation
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Bytes that say they come from another replica, and are anything. `THUMBPRINT_FUZZ` gives
/// another number of cases.
@Suite struct TransferFuzzTests {
  private static let caseCount =
    ProcessInfo.processInfo.environment["THUMBPRINT_FUZZ"].flatMap { Int($0) } ?? 400

  /// A primary with operations of every kind, with and without texts.
  private static func primary() throws -> Replica {
    var generator = RecordGenerator(seed: 31)
    let primary = try Replica()
    _ = try primary.shard.beginTerm(Term(1))
    for _ in 0..<4 {
      _ = try primary.shard.write(.upsert(generator.records(12, idsBelow: 40)), term: Term(1))
      _ = try primary.shard.write(
        .delete((0..<8).map { _ in generator.id(below: 40) }), term: Term(1))
    }
    _ = try primary.shard.beginTerm(Term(2))
    _ = try primary.shard.write(.upsert(generator.records(80, idsBelow: 90)), term: Term(2))
    try primary.shard.settle()
    return primary
  }

  private static func store(_ number: UInt64, at offset: Int, in bytes: inout [UInt8]) {
    for i in 0..<8 { bytes[offset + i] = UInt8(truncatingIfNeeded: number >> UInt64(8 * i)) }
  }

  /// Says the checksum over the bytes before it anew.
  private static func seal(_ bytes: inout [UInt8], at offset: Int, seed: UInt64) {
    let sum = bytes[..<offset].withUnsafeBytes { Checksum.of($0, seed: seed) }
    store(sum, at: offset, in: &bytes)
  }

  @Test func operationsAreRefusedWhole() throws {
    var random = SplitMix64(seed: testSeed())
    let primary = try Self.primary()
    let seed = try primary.shard.meta.replicaSeed
    guard case .entries(let log) = try primary.shard.logEntries(after: .start, byteCountMax: .max)
    else { return #expect(Bool(false), "the log is whole") }
    let follower = try Replica()
    var applied = 0
    for number in 0..<Self.caseCount {
      // From time to time the follower takes what is right, so that each operation has its turn.
      if number % (Self.caseCount / log.count + 1) == 0, applied < log.count - 1 {
        _ = try follower.shard.apply([log[applied]], primaryTerm: Term(2))
        applied += 1
      }
      var bytes = log[applied]
      let before = try follower.shard.meta
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1:
        bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
          1
          << UInt8.random(
            in: 0..<8, using: &random)
      case 2: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      case 3: bytes += [UInt8](repeating: 7, count: Int.random(in: 1...5_000, using: &random))
      default:
        // A lie in the header, under a right checksum.
        let offset = 8 * Int.random(in: 1..<17, using: &random)
        let lies: [UInt64] = [0, 1, 2, 3, 0xFFFF_FFFF, .max, 1 << 32, 5 << 32, 1 << 40]
        let old = bytes
        let lie = lies.randomElement(using: &random) ?? 0
        Self.store(
          Bool.random(using: &random) ? lie : random.next(), at: offset, in: &bytes)
        if old == bytes { continue }
        Self.seal(&bytes, at: 136, seed: seed)
      }
      do {
        let good = Array(log[applied..<applied])
        _ = try follower.shard.apply(good + [bytes], primaryTerm: Term(2))
        Issue.record("case \(number): accepted")
      } catch {
        let codes: [StoreError.Code] = [
          .damagedTransfer, .outOfOrder, .diverged, .unsupportedVersion,
        ]
        #expect((error as? StoreError).map { codes.contains($0.code) } == true, "\(error)")
      }
      #expect(try follower.shard.meta == before, "case \(number): something was written")
      #expect(follower.shard.damage == nil, "case \(number)")
    }
    _ = try follower.shard.apply(Array(log[applied...]), primaryTerm: Term(2))
    #expect(try follower.shard.meta.digest == primary.shard.meta.digest)
    #expect(try follower.shard.check().isSound)
  }

  @Test func operationsBeforeADamagedOneAreNotDone() throws {
    let primary = try Self.primary()
    guard case .entries(var log) = try primary.shard.logEntries(after: .start, byteCountMax: .max)
    else { return #expect(Bool(false), "the log is whole") }
    let follower = try Replica()
    let before = try follower.shard.meta
    log.swapAt(4, 5)
    #expect(throws: StoreError.self) { try follower.shard.apply(log, primaryTerm: Term(2)) }
    log.swapAt(4, 5)
    log[log.count - 1][300] ^= 1
    #expect(throws: StoreError.self) { try follower.shard.apply(log, primaryTerm: Term(2)) }
    #expect(try follower.shard.meta == before)
  }

  @Test func manifestsAreRefusedOrTheCopyIsRight() throws {
    var random = SplitMix64(seed: testSeed())
    let primary = try Self.primary()
    let source = try primary.shard.copySource()
    let seed = source.meta.replicaSeed
    let folder = TemporaryFolder()
    let store = try ReplicaStore(path: folder.path + "/worker", limits: Replica.limits)
    var refusedCount = 0
    for number in 0..<Self.caseCount / 4 {
      var manifest = source.manifest
      let place = Int.random(in: 0..<manifest.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: manifest[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: manifest.removeLast(Int.random(in: 1...manifest.count, using: &random))
      case 2:
        // Entries cut off, or doubled, under a right checksum.
        manifest.removeSubrange(place..<min(manifest.count, place + 64))
        if manifest.count > 8 { Self.seal(&manifest, at: manifest.count - 8, seed: seed) }
      default:
        manifest[place] = UInt8.random(in: 0...255, using: &random)
        Self.seal(&manifest, at: manifest.count - 8, seed: seed)
      }
      do {
        let copy = try store.copy(of: source.meta.key)
        for item in try copy.begin(manifest) {
          let bytes = try source.read(item: item.index, offset: 0, count: .max)
          try copy.put(item: item.index, offset: 0, bytes)
        }
        let shard = try store.finishCopy(of: source.meta.key)
        #expect(try shard.meta.digest == primary.shard.meta.digest, "case \(number)")
        #expect(try shard.check().isSound, "case \(number)")
      } catch {
        #expect(error is StoreError, "case \(number): \(error)")
        refusedCount += 1
      }
      try store.drop(source.meta.key)
    }
    print("manifestsAreRefusedOrTheCopyIsRight: \(refusedCount) refused")
    #expect(refusedCount > 0)
    store.close()
  }
}
