import Foundation
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Whole stores as each version of the format wrote them: a reader reads its own and the one before.
@Suite struct GoldenFileTests {
  /// What the stores in the fixtures hold: sealed, recent and deleted rows, names and tags.
  private static func records() -> (stored: [Record], deleted: [ItemID]) {
    var generator = RecordGenerator(seed: 2)
    let records = (0..<90).map { generator.record(id: ItemID(UInt64($0 * 7))) }
    return (records, [ItemID(14), ItemID(70), ItemID(560)])
  }

  private static func write(_ path: String) throws {
    var limits = MaintenanceLimits.tiny
    limits.isAutomatic = false
    let store = try LocalStore(path: path, access: .readWrite, limits: limits)
    try store.createCollection(
      "c", shardCount: 1, profile: .standard, coder: CoderIdentity("golden"))
    let collection = try store.collection("c")
    let (records, deleted) = records()
    _ = try collection.upsert(Array(records[..<70]))
    try collection.seal()
    for record in records[70...] { _ = try collection.upsert([record]) }
    _ = try collection.delete(deleted)
    store.close()
  }

  /// `THUMBPRINT_GOLDEN=DIR` writes the store of this version, to be kept as a fixture.
  @Test func aStoreCanBeWritten() throws {
    let given = ProcessInfo.processInfo.environment["THUMBPRINT_GOLDEN"]
    let folder = TemporaryFolder()
    try Self.write(given ?? folder.path + "/store")
  }

  @Test(arguments: [1, 2]) func storesOfThisVersionAndTheOneBeforeAreRead(version: Int) throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/store"
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/storage/v\(version)")
    try FileManager.default.copyItem(atPath: fixture.path, toPath: path)
    var twin = StoreTwin()
    let (records, deleted) = Self.records()
    _ = twin.upsert(records)
    _ = twin.delete(deleted)
    var generator = RecordGenerator(seed: 3)
    let queries = (0..<4).map { _ in generator.query() }

    let reader = try LocalStore(path: path, access: .readOnly)
    try twin.expectEqual(try reader.collection("c"), queries: queries)
    #expect(try reader.collection("c").info.coder == CoderIdentity("golden"))
    reader.close()

    // Written to, it becomes one of this version.
    let writer = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    let collection = try writer.collection("c")
    let more = generator.records(20, idsBelow: 500)
    #expect(try collection.upsert(more) == twin.upsert(more))
    try collection.compact()
    try twin.expectEqual(collection, queries: queries)
    writer.close()
  }
}
