import Foundation
import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

@Suite struct LocalStoreTests {
  private func expect(
    _ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    do {
      try body()
      Issue.record("no error, not '\(code)'", sourceLocation: sourceLocation)
    } catch let error as StoreError {
      #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
      #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  /// A shard holds the order of bits that its certificates rest on; others need not know it.
  @Test func filesAreForTheirOwnerAlone() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/store"
    let store = try LocalStore(path: path, access: .readWrite)
    try store.createCollection("photos", shardCount: 2, profile: .small, coder: nil)
    store.close()
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
    #expect(names.count >= 4)
    for name in [""] + names {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      let mode = try #require(attributes[.posixPermissions] as? Int)
      #expect(mode & 0o077 == 0, "\(name): \(String(mode, radix: 8))")
    }
  }

  @Test func collectionsAreMadeListedAndDropped() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/store"
    expect(.notFound) { _ = try LocalStore(path: path, access: .readOnly) }
    let store = try LocalStore(path: path, access: .readWrite)
    #expect(try store.collections().isEmpty)
    let coder = try #require(CoderIdentity("vgg-1"))
    try store.createCollection("photos", shardCount: 3, profile: .small, coder: coder)
    try store.createCollection("b", shardCount: 1, profile: .sketchesOnly, coder: nil)
    expect(.exists) {
      try store.createCollection("b", shardCount: 1, profile: .standard, coder: nil)
    }
    for name in ["", ".x", "a/b", "é", String(repeating: "a", count: 65), "-a"] {
      expect(.invalid) {
        try store.createCollection(name, shardCount: 1, profile: .standard, coder: nil)
      }
    }
    expect(.invalid) {
      try store.createCollection("d", shardCount: 0, profile: .standard, coder: nil)
    }
    let infos = try store.collections()
    #expect(infos.map(\.name) == ["b", "photos"])
    #expect(infos.map(\.shardCount) == [1, 3])
    #expect(infos.map(\.coder) == [nil, coder])
    #expect(infos.map(\.profile) == [.sketchesOnly, .small])
    try store.dropCollection("b")
    expect(.notFound) { _ = try store.collection("b") }
    expect(.notFound) { try store.dropCollection("b") }
    store.close()
    expect(.closed) { _ = try store.collections() }
    #expect(try LocalStore(path: path, access: .readOnly).collections().count == 1)
  }

  @Test func aSecondWriterIsLockedOutAndReadersAreNot() throws {
    let folder = TemporaryFolder()
    let first = try LocalStore(path: folder.path, access: .readWrite)
    expect(.locked) { _ = try LocalStore(path: folder.path, access: .readWrite) }
    try first.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    _ = try first.collection("c")
    // One process may open a file once; a reader in this one is told so.
    let reader = try LocalStore(path: folder.path, access: .readOnly)
    expect(.locked) { _ = try reader.collection("c") }
    first.close()
    #expect(try reader.collection("c").info.recordCount == 0)
    var generator = RecordGenerator(seed: 1)
    let record = generator.record(id: ItemID(1))
    expect(.invalid) { _ = try reader.collection("c").upsert([record]) }
  }

  @Test func aFolderOfSomethingElseIsLeftAlone() throws {
    let folder = TemporaryFolder()
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/notes.txt"))
    expect(.invalid) { _ = try LocalStore(path: folder.path, access: .readWrite) }
    expect(.notFound) { _ = try LocalStore(path: folder.path, access: .readOnly) }
    #expect(folder.files() == [folder.path + "/notes.txt"])
  }

  @Test func whatACrashLeftIsRemoved() throws {
    let folder = TemporaryFolder()
    try LocalStore(path: folder.path, access: .readWrite).close()
    for name in [".making-a", ".dropped-b"] {
      try FileManager.default.createDirectory(
        atPath: folder.path + "/" + name + "/inner", withIntermediateDirectories: true)
    }
    try LocalStore(path: folder.path, access: .readWrite).close()
    #expect(!folder.files().contains { $0.contains("/.") })
  }

  @Test func limitsOfRecordsAreHeld() throws {
    let folder = TemporaryFolder()
    let store = try LocalStore(path: folder.path, access: .readWrite)
    try store.createCollection("c", shardCount: 1, profile: .standard, coder: nil)
    let collection = try store.collection("c")
    var generator = RecordGenerator(seed: 3)
    var record = generator.record(id: ItemID(1))
    record.name = String(repeating: "é", count: RecordLimits.nameByteCountMax / 2)
    #expect(try collection.upsert([record]).added == 1)
    #expect(try collection.records([record.id]) == [record])
    record.name = record.name.map { $0 + "x" }
    expect(.invalid) { _ = try collection.upsert([record]) }
    record.name = nil
    record.tags = ["a": String(repeating: "b", count: RecordLimits.tagsByteCountMax)]
    expect(.invalid) { _ = try collection.upsert([record]) }
    let query = SearchQuery(feature: record.feature, extent: .nearest(0))
    expect(.invalid) { _ = try collection.search(query) }
    expect(.invalid) {
      _ = try collection.search(
        SearchQuery(feature: record.feature, extent: .within(5000), metric: .feature))
    }
    expect(.invalid) {
      _ = try collection.search(
        SearchQuery(feature: record.feature, extent: .nearest(1), metric: .combined))
    }
  }

  @Test func shardsOfAnIDNeverChange() {
    // Part of the format: these values are written in docs/formats/storage.md.
    let ids: [UInt64] = [0, 1, 2, 1_000_000, UInt64.max]
    #expect(ids.map { ShardHash.shard(of: ItemID($0), count: 1) } == [0, 0, 0, 0, 0])
    #expect(ids.map { ShardHash.shard(of: ItemID($0), count: 7) } == [6, 3, 4, 2, 6])
  }
}
