import Glibc
import ThumbprintCodes
import ThumbprintIndex

/// A folder into which the shards of a collection are copied, and which is a store once all of them
/// are there. Whoever is interrupted goes on from what has arrived.
package final class SnapshotFolder {
  /// What the collection is whose shards are copied.
  package struct Source: Sendable {
    package var name: String
    package var id: CollectionID
    package var shardCount: Int
    package var tableCount: Int
    /// Seconds since 1970.
    package var created: UInt64
    package var coder: CoderIdentity?
    /// The cluster that has it; `nil` for a store.
    package var cluster: String?

    package init(
      name: String, id: CollectionID, shardCount: Int, tableCount: Int, created: UInt64,
      coder: CoderIdentity?, cluster: String?
    ) {
      self.name = name
      self.id = id
      self.shardCount = shardCount
      self.tableCount = tableCount
      self.created = created
      self.coder = coder
      self.cluster = cluster
    }
  }

  package let path: String
  private let source: Source
  private let lock: FileLock
  /// The folder of the collection.
  private var folder: String { path + "/" + source.name }

  /// Makes the folder, or opens that of an unfinished snapshot of the same collection.
  ///
  /// - Throws: ``StoreError``: `exists` if there is a whole snapshot or something else; `locked` if
  ///   another process works on it; `invalid`, `io`.
  package init(path: String, source: Source) throws {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = path
    self.source = source
    try StoreLimits.check(collectionName: source.name)
    if !FileStatus.exists(path) {
      try DurableFiles.createFolder(path)
      try DurableFiles.syncFolder(of: path)
    }
    guard FileStatus.isFolder(path) else {
      throw StoreError(.exists, "there is something already that is no folder", path: path)
    }
    let others = try DurableFiles.names(in: path).filter { $0 != "lock" && $0 != source.name }
    guard others.isEmpty else {
      let isWhole = others.contains(SnapshotManifest.fileName)
      throw StoreError(
        .exists, isWhole ? "there is a whole snapshot already" : "holds '\(others[0])'",
        path: path, hint: "name an empty folder, or one that does not exist yet")
    }
    lock = try FileLock(path: path + "/lock")
    try begin()
  }

  private func begin() throws {
    let manifest = CollectionManifest(
      version: CollectionManifest.versionValue, name: source.name, id: source.id.description,
      shardCount: source.shardCount, tableCount: source.tableCount, created: source.created)
    if FileStatus.exists(folder + "/" + CollectionManifest.fileName) {
      let earlier = try CollectionManifest.read(folder: folder, name: source.name)
      guard earlier == manifest else {
        throw StoreError(
          .exists, "holds an unfinished snapshot of another collection '\(source.name)'",
          path: path, hint: "name another folder, or remove this one")
      }
      return
    }
    try DurableFiles.createFolder(folder)
    try DurableFiles.write(
      try manifest.encoded(), to: folder + "/" + CollectionManifest.fileName)
  }

  private func file(_ shard: Int) -> String {
    folder + "/" + CollectionManifest.shardFileName(shard)
  }

  /// Whether the copy of a shard was finished earlier; it stays as it was then.
  package func isFinished(_ shard: Int) -> Bool { FileStatus.exists(file(shard)) }

  /// Begins the copy of a shard, or goes on with it.
  package func target(_ shard: Int) throws -> ShardCopyTarget {
    try ShardCopyTarget(
      key: ShardKey(collection: source.id, number: shard), path: file(shard), base: nil,
      promisedTerm: Term(0))
  }

  /// Makes a store of the folder: all shards must be finished.
  ///
  /// - Throws: ``StoreError``: `corrupt` if a shard is not one of the collection; `io`.
  package func finish(createdBy: String) throws -> SnapshotManifest {
    let collection = try LocalCollection(
      folder: folder, name: source.name, readOnly: true, limits: .standard)
    defer { collection.close() }
    let metas = try collection.shards.map { try $0.meta }
    let manifest = SnapshotManifest(
      createdBy: createdBy, cluster: source.cluster, collection: source.name,
      coder: source.coder ?? metas.lazy.compactMap(\.coder).first, tables: source.tableCount,
      shards: metas.map {
        SnapshotManifest.Shard(
          shard: $0.shardNumber, position: $0.position.description, records: Int($0.recordCount),
          digest: $0.digest)
      })
    try DurableFiles.write(try manifest.encoded(), to: path + "/" + SnapshotManifest.fileName)
    try DurableFiles.write(
      Array(LocalStore.markerText.utf8), to: path + "/" + LocalStore.markerName)
    return manifest
  }
}

extension LocalCollection {
  /// What a snapshot of this collection has to know.
  package func snapshotSource() throws -> SnapshotFolder.Source {
    let info = try info
    let meta = try shards[0].meta
    return SnapshotFolder.Source(
      name: name, id: meta.key.collection, shardCount: shards.count,
      tableCount: info.profile.tableCount, created: info.created, coder: info.coder, cluster: nil)
  }

  /// Visits records of one shard whose ids are above `id`; see ``Shard/scan(after:_:)``.
  package func scan(
    _ shard: Int, after id: ItemID?, _ body: (Record) throws -> Bool
  ) throws -> Bool {
    try shards[shard].scan(after: id, body)
  }

  /// The last state of a shard, to be copied; see ``Shard/copySource()``.
  package func copySource(_ shard: Int) throws -> ShardCopySource {
    try shards[shard].copySource()
  }
}
