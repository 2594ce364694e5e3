import Glibc
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// What a worker tells of a replica.
package struct ReplicaStatus: Sendable, Hashable {
  package var position: LogPosition
  package var promisedTerm: Term
  package var recordCount: Int
  package var digest: RecordDigest
  /// The length of the file.
  package var byteCount: Int
}

extension Shard {
  /// Cheap: asks for nothing that the last commit did not leave in memory.
  package func replicaStatus() throws -> ReplicaStatus { status(try meta) }

  func status(_ meta: ShardMeta) -> ReplicaStatus {
    ReplicaStatus(
      position: meta.position, promisedTerm: meta.promisedTerm,
      recordCount: Int(meta.recordCount), digest: meta.digest,
      byteCount: FileStatus.byteCount(path))
  }
}

/// The folder of a worker: the replicas that it holds, one file each, and copies being made.
///
/// Any thread may call. One process has the folder at a time.
package final class ReplicaStore: Sendable {
  /// A replica that is here.
  package struct Listing: Sendable, Hashable {
    package var key: ShardKey
    /// Whether there is a whole replica; it may be stale.
    package var isComplete: Bool
    /// Whether a copy is unfinished.
    package var isBeingCopied: Bool
    /// Of both files together.
    package var byteCount: Int

    package init(key: ShardKey, isComplete: Bool, isBeingCopied: Bool, byteCount: Int) {
      self.key = key
      self.isComplete = isComplete
      self.isBeingCopied = isBeingCopied
      self.byteCount = byteCount
    }
  }

  package let path: String
  private let limits: MaintenanceLimits
  private let retention: LogRetention
  private let state: Mutex<State>

  private struct State {
    var lock: FileLock?
    var replicas: [ShardKey: Replica] = [:]
    var isClosed = false
  }

  /// What is open of one shard. What takes long is done with its lock alone, so that nobody waits
  /// who asks for another shard.
  private final class Replica: Sendable {
    struct Files: Sendable {
      var shard: Shard?
      var copy: ShardCopyTarget?
      var isClosed = false
    }
    let files = Mutex(Files())

    func close() {
      files.withLock { files in
        files.shard?.close()
        files.copy?.close()
        files = Files(isClosed: true)
      }
    }
  }

  static let markerName = "thumbprint.worker"
  static let markerText = "thumbprint worker, format 1\n"
  private static let suffix = ".mdb"
  private static let madeSuffix = ".mdb.new"
  private static let droppedSuffix = ".mdb.dropped"

  /// Opens the folder, and makes it if there is none.
  ///
  /// - Throws: ``StoreError``: `locked` if another process has it; `invalid` if it holds something
  ///   else; `unsupportedVersion`, `io`.
  package init(
    path: String, limits: MaintenanceLimits = .standard, retention: LogRetention = .standard
  ) throws {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = path
    self.limits = limits
    self.retention = retention
    if !FileStatus.exists(path) {
      try DurableFiles.createFolder(path)
      try DurableFiles.syncFolder(of: path)
    }
    state = Mutex(State(lock: try Self.claim(path)))
  }

  private static func claim(_ path: String) throws -> FileLock {
    let marker = path + "/" + markerName
    let isMarked = FileStatus.exists(marker)
    if isMarked {
      guard try DurableFiles.read(marker, byteCountMax: 256) == Array(markerText.utf8) else {
        throw StoreError(
          .unsupportedVersion,
          "is no folder of a worker of format 1: \(marker) says something else",
          path: path)
      }
    } else {
      let others = try DurableFiles.names(in: path).filter {
        $0 != "lock" && $0 != markerName + ".new"
      }
      guard others.isEmpty else {
        throw StoreError(
          .invalid, "is not empty and no folder of a worker: it holds '\(others[0])'", path: path,
          hint: "name an empty folder, or one that does not exist yet")
      }
    }
    let lock = try FileLock(path: path + "/lock")
    if !isMarked { try DurableFiles.write(Array(markerText.utf8), to: marker) }
    // What a crash in the middle of making or dropping a replica left.
    for name in try DurableFiles.names(in: path)
    where name.hasSuffix(madeSuffix) || name.hasSuffix(droppedSuffix) {
      try removeFile(path + "/" + name)
    }
    return lock
  }

  private func file(_ key: ShardKey) -> String {
    let digits = String(key.number)
    let zeros = String(repeating: "0", count: max(0, 4 - digits.count))
    return "\(path)/\(key.collection)-\(zeros)\(digits)\(Self.suffix)"
  }

  /// The key in the name of a file; `nil` for other files.
  private func key(_ name: Substring) -> ShardKey? {
    let parts = name.split(separator: "-")
    guard parts.count == 2, let collection = CollectionID(String(parts[0])),
      let number = UInt16(parts[1])
    else { return nil }
    let key = ShardKey(collection: collection, number: Int(number))
    return file(key) == "\(path)/\(name)\(Self.suffix)" ? key : nil
  }

  // MARK: Replicas

  /// What is here, by key.
  package func replicas() throws -> [Listing] {
    var listings: [ShardKey: Listing] = [:]
    for name in try DurableFiles.names(in: path) {
      let copySuffix = ShardCopyTarget.unfinishedPath(Self.suffix)
      let isCopy = name.hasSuffix(copySuffix)
      let suffix = isCopy ? copySuffix : Self.suffix
      guard name.hasSuffix(suffix), let key = key(name.dropLast(suffix.count)) else { continue }
      var listing =
        listings[key]
        ?? Listing(key: key, isComplete: false, isBeingCopied: false, byteCount: 0)
      if isCopy { listing.isBeingCopied = true } else { listing.isComplete = true }
      listing.byteCount += FileStatus.byteCount(path + "/" + name)
      listings[key] = listing
    }
    return listings.values.sorted { $0.key < $1.key }
  }

  /// Makes an empty replica of a new shard, and opens it.
  ///
  /// - Throws: ``StoreError``: `exists`, `diskFull`, `io`.
  package func create(_ meta: ShardMeta) throws -> Shard {
    try withFiles(meta.key) { files in
      let file = file(meta.key)
      guard !FileStatus.exists(file) else {
        throw StoreError(.exists, "the shard \(meta.key) is here already", path: file)
      }
      let made = path + "/" + "\(meta.key.collection)-\(meta.key.number)" + Self.madeSuffix
      try removeFile(made)
      try Shard.create(path: made, meta: meta)
      try DurableFiles.rename(made, to: file)
      unlink(made + "-lock")
      return try open(meta.key, &files)
    }
  }

  /// A replica, opened; the same for all who ask.
  ///
  /// - Throws: ``StoreError``: `notFound` if there is no whole one; `corrupt`, `locked`, `io`.
  /// - Complexity: Reads every page of the trees of the file the first time.
  package func shard(_ key: ShardKey) throws -> Shard {
    try withFiles(key) { try open(key, &$0) }
  }

  /// Works on the files of one shard; others go on meanwhile.
  private func withFiles<R: Sendable>(
    _ key: ShardKey, _ body: (inout Replica.Files) throws -> R
  ) throws -> R {
    let replica = try state.withLock { state in
      try requireOpen(state)
      let replica = state.replicas[key] ?? Replica()
      state.replicas[key] = replica
      return replica
    }
    return try replica.files.withLock { files in
      if files.isClosed { throw StoreError(.closed, "is closed", path: path) }
      return try body(&files)
    }
  }

  private func open(_ key: ShardKey, _ files: inout Replica.Files) throws -> Shard {
    if let shard = files.shard { return shard }
    let file = file(key)
    guard FileStatus.exists(file) else {
      throw StoreError(.notFound, "the shard \(key) is not here", path: path)
    }
    let shard = try Shard.whenReleased {
      try Shard(path: file, readOnly: false, limits: limits, retention: retention)
    }
    guard try shard.meta.key == key else {
      throw StoreError.corrupt(
        path: file, "the shard", expected: key, found: try shard.meta.key)
    }
    files.shard = shard
    return shard
  }

  /// Removes a replica, whole or not, and gives its space back.
  package func drop(_ key: ShardKey) throws {
    try withFiles(key) { files in
      files.shard?.close()
      files.copy?.close()
      (files.shard, files.copy) = (nil, nil)
      let file = file(key)
      try removeFile(ShardCopyTarget.unfinishedPath(file))
      guard FileStatus.exists(file) else { return }
      let dropped = "\(path)/\(key.collection)-\(key.number)\(Self.droppedSuffix)"
      try DurableFiles.rename(file, to: dropped)
      unlink(file + "-lock")
      try removeFile(dropped)
    }
  }

  // MARK: Copies

  /// Begins to copy a shard here, or goes on with a copy begun earlier. A stale replica that is
  /// here is closed; what it has is not sent again.
  package func copy(of key: ShardKey) throws -> ShardCopyTarget {
    try withFiles(key) { files in
      if let copy = files.copy { return copy }
      let file = file(key)
      var promisedTerm = Term(0)
      if let stale = files.shard {
        promisedTerm = try stale.promisedTerm
        stale.close()
        files.shard = nil
      }
      let copy = try ShardCopyTarget(
        key: key, path: file, base: FileStatus.exists(file) ? file : nil,
        promisedTerm: promisedTerm)
      files.copy = copy
      return copy
    }
  }

  /// Ends a copy, of which all items are there, and opens the replica.
  ///
  /// - Throws: As ``ShardCopyTarget/finish()``; `notFound` if no copy was begun.
  package func finishCopy(of key: ShardKey) throws -> Shard {
    try withFiles(key) { files in
      guard let copy = files.copy else {
        throw StoreError(.notFound, "no copy of the shard \(key) was begun", path: path)
      }
      do {
        _ = try copy.finish()
      } catch let error as StoreError where error.code == .damagedTransfer {
        files.copy = nil
        throw error
      }
      files.copy = nil
      return try open(key, &files)
    }
  }

  /// Lets go of the files of a copy, which stay for ``copy(of:)`` to go on with. A stale replica
  /// can be opened again.
  package func pauseCopy(of key: ShardKey) {
    try? withFiles(key) { files in
      files.copy?.close()
      files.copy = nil
    }
  }

  /// Gives up a copy, and what it has received; a stale replica stays.
  package func abortCopy(of key: ShardKey) throws {
    try withFiles(key) { files in
      files.copy?.close()
      files.copy = nil
      try removeFile(ShardCopyTarget.unfinishedPath(file(key)))
    }
  }

  // MARK: Membership

  private static let clusterName = "thumbprint.cluster"

  /// The cluster to which the replicas belong; `nil` before ``adopt(_:)``.
  package func clusterID() throws -> ClusterID? {
    let file = path + "/" + Self.clusterName
    guard FileStatus.exists(file) else { return nil }
    let text = String(decoding: try DurableFiles.read(file, byteCountMax: 256), as: UTF8.self)
    guard text.hasSuffix("\n"), let id = ClusterID(String(text.dropLast())) else {
      throw StoreError.corrupt(
        path: file, "the cluster", expected: "32 hexadecimal digits", found: "something else")
    }
    return id
  }

  /// Writes down to which cluster the replicas belong; on disk on return.
  package func adopt(_ cluster: ClusterID) throws {
    try DurableFiles.write(Array("\(cluster)\n".utf8), to: path + "/" + Self.clusterName)
  }

  /// The bytes that the disk still takes.
  package var availableByteCount: Int { DiskSpace.availableByteCount(path) }

  /// Ends background work and lets go of all files once the last search on them is done.
  package func close() {
    let replicas = state.withLock { state in
      state.isClosed = true
      defer { state.replicas = [:] }
      return Array(state.replicas.values)
    }
    // Waits for what is being opened or finished.
    for replica in replicas { replica.close() }
    state.withLock { $0.lock = nil }
  }

  deinit { close() }

  private func requireOpen(_ state: State) throws {
    if state.isClosed { throw StoreError(.closed, "is closed", path: path) }
  }
}

extension Shard {
  private static let releaseAttemptCountMax = 1_000
  private static let releaseMicroseconds: UInt32 = 10_000

  /// Opens a file that this process has just closed, or its successor of the same name, once the
  /// searches that had begun on it have ended: ten seconds at most.
  static func whenReleased(_ open: () throws -> Shard) throws -> Shard {
    for _ in 1..<releaseAttemptCountMax {
      do {
        return try open()
      } catch let error as StoreError where error.code == .locked {
        usleep(releaseMicroseconds)
      }
    }
    return try open()
  }
}
