import Foundation
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// A folder of collections, used by this process.
///
/// Any thread may call. Files are opened once in a process: a second store on the same folder
/// finds its collections locked.
public final class LocalStore: Sendable {
  public let path: String
  public let access: StoreAccess
  private let limits: MaintenanceLimits
  private let state: Mutex<State>

  private struct State {
    var lock: FileLock?
    var collections: [String: LocalCollection] = [:]
    var isClosed = false
  }

  /// The file that tells a store from any other folder, and its only line.
  static let markerName = "thumbprint.store"
  static let markerText = "thumbprint store, format 1\n"

  /// Opens the store in the folder `path`.
  ///
  /// - Throws: ``StoreError``: `notFound` if there is none and it may not be made; `locked` if
  ///   it is to be written and has a writer; `invalid` if the folder holds something else;
  ///   `unsupportedVersion`; `io`.
  public convenience init(path: String, access: StoreAccess) throws {
    try self.init(path: path, access: access, limits: .standard)
  }

  /// Whether the folder `path` is a store, of any version. Makes nothing.
  public static func exists(at path: String) -> Bool {
    FileStatus.exists(path + "/" + markerName)
  }

  package init(path: String, access: StoreAccess, limits: MaintenanceLimits) throws {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = path
    self.access = access
    self.limits = limits
    if access == .readWrite, !FileStatus.exists(path) {
      try DurableFiles.createFolder(path)
      try DurableFiles.syncFolder(of: path)
    }
    guard FileStatus.isFolder(path) else {
      throw StoreError(.notFound, "there is no store here", path: path)
    }
    let lock = try Self.claim(path, access)
    state = Mutex(State(lock: lock))
  }

  private static func claim(_ path: String, _ access: StoreAccess) throws -> FileLock? {
    let marker = path + "/" + markerName
    if FileStatus.exists(marker) {
      let text = try DurableFiles.read(marker, byteCountMax: 256)
      guard text == Array(markerText.utf8) else {
        throw StoreError(
          .unsupportedVersion,
          "is no store of format 1: \(marker) says something else", path: path)
      }
    } else if access == .readOnly {
      throw StoreError(.notFound, "there is no store here", path: path)
    } else {
      let others = try DurableFiles.names(in: path).filter { $0 != "lock" }
      guard others.isEmpty || others == [markerName] || others == [markerName + ".new"] else {
        throw StoreError(
          .invalid, "is not empty and no store: it holds '\(others[0])'", path: path,
          hint: "name an empty folder, or one that does not exist yet")
      }
    }
    guard access == .readWrite else { return nil }
    let lock = try FileLock(path: path + "/lock")
    if !FileStatus.exists(marker) {
      try DurableFiles.write(Array(markerText.utf8), to: marker)
    }
    // What a crash in the middle of making or dropping a collection left.
    for name in try DurableFiles.names(in: path, withHidden: true)
    where name.hasPrefix(".making-") || name.hasPrefix(".dropped-") {
      try DurableFiles.removeFolder(path + "/" + name)
    }
    return lock
  }

  /// Every collection, by name. One that is damaged is listed with the reason.
  public func collections() throws -> [CollectionInfo] {
    try requireOpen()
    return try names().map { name in
      do {
        return try collection(name).info
      } catch let error as StoreError {
        if error.code == .closed { throw error }
        return CollectionInfo(
          name: name, shardCount: 0, recordCount: 0, coder: nil, profile: .standard, created: 0,
          damage: error)
      }
    }
  }

  /// Makes an empty collection: wholly, or not at all.
  ///
  /// - Parameters:
  ///   - name: 1 to 64 of `A-Z a-z 0-9 . _ -`, the first a letter or a digit.
  ///   - shardCount: In ``StoreLimits/shardCounts``; fixed for good.
  ///   - coder: The networks of its codes; `nil` to take that of the first dataset loaded.
  /// - Throws: ``StoreError``: `exists`, `invalid`, `diskFull`, `io`.
  public func createCollection(
    _ name: String, shardCount: Int, profile: IndexProfile, coder: CoderIdentity?
  ) throws {
    try requireWritable()
    try StoreLimits.check(collectionName: name)
    guard StoreLimits.shardCounts.contains(shardCount) else {
      throw StoreError(
        .invalid,
        "a collection has 1 to \(StoreLimits.shardCounts.upperBound) shards, not \(shardCount)")
    }
    guard IndexProfile.tableCounts.contains(profile.tableCount) else {
      throw StoreError(
        .invalid, "an index has 0, 64 or 128 tables, not \(profile.tableCount)")
    }
    let folder = path + "/" + name
    guard !FileStatus.exists(folder) else {
      throw StoreError(.exists, "the collection '\(name)' exists already", path: folder)
    }
    let making = path + "/.making-" + name
    if FileStatus.exists(making) { try DurableFiles.removeFolder(making) }
    try DurableFiles.createFolder(making)
    do {
      try fill(making, name: name, shardCount: shardCount, profile: profile, coder: coder)
      try DurableFiles.sync(making)
      try DurableFiles.rename(making, to: folder)
    } catch {
      // The first error is the one to tell; what is left here goes at the next opening.
      try? DurableFiles.removeFolder(making)
      throw error
    }
  }

  private func fill(
    _ folder: String, name: String, shardCount: Int, profile: IndexProfile,
    coder: CoderIdentity?
  ) throws {
    var random = SystemRandomNumberGenerator()
    let (high, low) = (random.next(), random.next())
    let created = UInt64(Date().timeIntervalSince1970)
    let digest = RecordDigest(high: high, low: low)
    let manifest = CollectionManifest(
      version: CollectionManifest.versionValue, name: name, id: digest.description,
      shardCount: shardCount, tableCount: profile.tableCount, created: created)
    for number in 0..<shardCount {
      try Shard.create(
        path: folder + "/" + CollectionManifest.shardFileName(number),
        meta: ShardMeta(
          shardNumber: number, shardCount: shardCount, tableCount: profile.tableCount,
          permutationSeed: random.next(), collectionHigh: high, collectionLow: low,
          created: created, coder: coder))
    }
    try DurableFiles.write(
      try manifest.encoded(), to: folder + "/" + CollectionManifest.fileName)
  }

  /// Removes a collection, damaged or not, and gives its space back.
  public func dropCollection(_ name: String) throws {
    try requireWritable()
    try StoreLimits.check(collectionName: name)
    let folder = path + "/" + name
    guard FileStatus.isFolder(folder) else { throw missing(name) }
    state.withLock { $0.collections.removeValue(forKey: name) }?.close()
    let dropped = path + "/.dropped-" + name
    if FileStatus.exists(dropped) { try DurableFiles.removeFolder(dropped) }
    try DurableFiles.rename(folder, to: dropped)
    try DurableFiles.removeFolder(dropped)
  }

  /// The collection of a name; the same value for all who ask.
  ///
  /// - Throws: ``StoreError``: `notFound`, `corrupt`, `unsupportedVersion`, `locked`, `io`.
  public func collection(_ name: String) throws -> LocalCollection {
    try StoreLimits.check(collectionName: name)
    return try state.withLock { state in
      if state.isClosed { throw StoreError(.closed, "is closed", path: path) }
      if let collection = state.collections[name] { return collection }
      let folder = path + "/" + name
      guard FileStatus.isFolder(folder) else { throw missing(name) }
      let collection = try LocalCollection(
        folder: folder, name: name, readOnly: access == .readOnly, limits: limits)
      state.collections[name] = collection
      return collection
    }
  }

  /// Ends background work and lets go of all files once the last search on them is done.
  public func close() {
    let collections = state.withLock { state in
      state.isClosed = true
      defer { state.collections = [:] }
      return Array(state.collections.values)
    }
    for collection in collections { collection.close() }
    state.withLock { $0.lock = nil }
  }

  deinit { close() }

  private func names() throws -> [String] {
    try DurableFiles.names(in: path).filter { FileStatus.isFolder(path + "/" + $0) }
  }

  private func missing(_ name: String) -> StoreError {
    let known = (try? names()) ?? []
    return StoreError(
      .notFound, "there is no collection '\(name)'", path: path,
      hint: known.isEmpty
        ? "the store is empty" : "there are: " + known.prefix(20).joined(separator: ", "))
  }

  private func requireOpen() throws {
    if state.withLock({ $0.isClosed }) { throw StoreError(.closed, "is closed", path: path) }
  }

  private func requireWritable() throws {
    try requireOpen()
    if access == .readOnly {
      throw StoreError(.invalid, "the store is open for reading only", path: path)
    }
  }
}
