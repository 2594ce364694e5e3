// The only file that talks to LMDB. The rules of its use, and what holds each of them:
//
// | rule | held by |
// |---|---|
// | a file is opened once in a process | `OpenFiles`, asked by `LMDBEnvironment.init` |
// | a read transaction may move between threads | `MDB_NOTLS`, always set |
// | a write transaction stays on its thread | `LMDBEnvironment.write` runs one synchronous closure; `LMDBWriteTransaction` cannot be copied or kept |
// | one writer at a time | LMDB's own lock, taken by `mdb_txn_begin` |
// | never `MDB_WRITEMAP`: a full disk would be SIGBUS | the flags of `LMDBEnvironment.init` |
// | the map never moves under a reader | its size is set before opening, never after |
// | no transaction outlives its environment | a transaction keeps its environment |
// | bytes are read only while their transaction lives | `ShardView`, `BlockView` and `IndexSnapshot` keep it; methods that take pointers out of them keep these |
// | slots of readers that died are freed | `mdb_reader_check` at opening and every 64 commits |
// | local disks only, no fork | documented in docs/formats/storage.md |

import CLMDB
import Glibc
import Synchronization

/// The files that this process has open, by their canonical path.
private let openFiles = Mutex<Set<String>>([])

/// One LMDB file, open.
///
/// `@unchecked Sendable` is safe because the pointers are set in `init` and then only read, and
/// LMDB serves any number of threads with one environment.
package final class LMDBEnvironment: @unchecked Sendable {
  package let path: String
  package let isReadOnly: Bool
  private let environment: OpaquePointer
  private let canonicalPath: String
  private var handles: [MDB_dbi] = []
  private let commitCount = Atomic<Int>(0)

  /// The map reserves address space, not memory or disk.
  package static let mapByteCountMax = 1 << 40
  private static let mapByteCountMin = 1 << 28
  private static let commitsPerReaderCheck = 64
  private static let openingAttemptCountMax = 100

  /// Opens `path`, and makes it when it is not there and may be written.
  ///
  /// - Parameters:
  ///   - databases: The names of the databases; later calls name one by its place in the list.
  ///   - afterOpening: Runs before any tree of the file is read, with a transaction begun: the
  ///     library trusts its pages, so whoever does not trust the file looks at them here. Asked
  ///     again with a new transaction when it says no.
  /// - Throws: ``StoreError``.
  package init(
    path: String, databases: [String], readOnly: Bool,
    mapByteCount: Int = LMDBEnvironment.mapByteCountMax,
    afterOpening: (_ transactionID: UInt64) throws -> Bool = { _ in true }
  ) throws {
    self.path = path
    isReadOnly = readOnly
    canonicalPath = try Self.canonical(path)
    let name = canonicalPath
    guard openFiles.withLock({ $0.insert(name).inserted }) else {
      throw StoreError(.locked, "is open already in this process", path: path)
    }
    do {
      environment = try Self.open(
        path, databaseCount: databases.count, readOnly: readOnly, mapByteCount: mapByteCount)
    } catch {
      openFiles.withLock { _ = $0.remove(name) }
      throw error
    }
    var dead: Int32 = 0
    mdb_reader_check(environment, &dead)
    // Should this throw, `deinit` closes the environment: every stored property is set.
    for _ in 0..<Self.openingAttemptCountMax {
      if let opened = try openDatabases(databases, afterOpening: afterOpening) {
        handles = opened
        return
      }
    }
    throw StoreError(
      .locked, "another process commits too fast to look at the file", path: path)
  }

  deinit {
    mdb_env_close(environment)
    openFiles.withLock { [canonicalPath] in _ = $0.remove(canonicalPath) }
  }

  private static func canonical(_ path: String) throws -> String {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
    guard let resolved = realpath(folder, nil) else {
      throw StoreError.system(errno, "cannot open the folder", path: folder)
    }
    defer { free(resolved) }
    return String(cString: resolved) + "/" + name
  }

  private static func open(
    _ path: String, databaseCount: Int, readOnly: Bool, mapByteCount: Int
  ) throws -> OpaquePointer {
    var mapByteCount = mapByteCount
    while true {
      var made: OpaquePointer?
      guard mdb_env_create(&made) == 0, let made else {
        throw StoreError(.io, "no memory for an LMDB environment", path: path)
      }
      mdb_env_set_mapsize(made, mapByteCount)
      mdb_env_set_maxdbs(made, UInt32(databaseCount))
      mdb_env_set_maxreaders(made, 512)
      let flags = UInt32(MDB_NOSUBDIR | MDB_NOTLS | (readOnly ? MDB_RDONLY : 0))
      // For the owner alone: a shard holds the order of bits that its certificates rest on.
      let status = mdb_env_open(made, path, flags, 0o600)
      if status == 0 { return made }
      mdb_env_close(made)
      // A limit on address space, or very many shards: a smaller map may still fit.
      guard status == ENOMEM || status == EINVAL, mapByteCount > mapByteCountMin else {
        throw error(status, "cannot open", path: path)
      }
      mapByteCount /= 2
    }
  }

  private func openDatabases(
    _ names: [String], afterOpening: (UInt64) throws -> Bool
  ) throws -> [MDB_dbi]? {
    var transaction: OpaquePointer?
    try check(
      mdb_txn_begin(environment, nil, isReadOnly ? UInt32(MDB_RDONLY) : 0, &transaction),
      "cannot begin a transaction")
    guard let transaction else { throw StoreError(.io, "no transaction", path: path) }
    var opened: [MDB_dbi] = []
    do {
      // A write transaction counts as the one after the snapshot that it begins from.
      guard try afterOpening(UInt64(mdb_txn_id(transaction)) - (isReadOnly ? 0 : 1)) else {
        mdb_txn_abort(transaction)
        return nil
      }
      for name in names {
        var handle: MDB_dbi = 0
        let status = mdb_dbi_open(
          transaction, name, isReadOnly ? 0 : UInt32(MDB_CREATE), &handle)
        if status == MDB_NOTFOUND {
          throw StoreError(.corrupt, "the database '\(name)' is missing", path: path)
        }
        try check(status, "cannot open the database '\(name)'")
        opened.append(handle)
      }
    } catch {
      mdb_txn_abort(transaction)
      throw error
    }
    try check(mdb_txn_commit(transaction), "cannot open the databases")
    return opened
  }

  /// The number of the last committed transaction, by whichever process.
  package var lastTransactionID: UInt64 {
    var info = MDB_envinfo()
    mdb_env_info(environment, &info)
    return UInt64(info.me_last_txnid)
  }

  /// A snapshot of the file, for as long as the value lives.
  package func read() throws -> LMDBReadTransaction {
    var transaction: OpaquePointer?
    try check(
      mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction),
      "cannot begin reading")
    guard let transaction else { throw StoreError(.io, "no transaction", path: path) }
    return LMDBReadTransaction(self, transaction)
  }

  /// Runs `body` in one transaction: all of it is on disk when this returns, or nothing is.
  ///
  /// Waits for other writers. The transaction is undone when `body` or the commit throws.
  package func write<R>(
    _ body: (borrowing LMDBWriteTransaction) throws -> R
  ) throws -> R {
    precondition(!isReadOnly, "\(path) is open for reading only")
    if commitCount.add(1, ordering: .relaxed).newValue % Self.commitsPerReaderCheck == 0 {
      var dead: Int32 = 0
      mdb_reader_check(environment, &dead)
    }
    var begun: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &begun), "cannot begin writing")
    guard let begun else { throw StoreError(.io, "no transaction", path: path) }
    let transaction = LMDBWriteTransaction(environment: self, begun)
    let result: R
    do {
      result = try body(transaction)
    } catch {
      mdb_txn_abort(begun)
      throw error
    }
    try check(mdb_txn_commit(begun), "cannot commit")
    return result
  }

  fileprivate func handle(_ database: Int) -> MDB_dbi { handles[database] }

  fileprivate func check(_ status: Int32, _ doing: String) throws {
    if status != 0 { throw Self.error(status, doing, path: path) }
  }

  private static func error(_ status: Int32, _ doing: String, path: String) -> StoreError {
    switch status {
    case MDB_MAP_FULL:
      return StoreError(.diskFull, "\(doing): the map of the file is full", path: path)
    case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_INCOMPATIBLE, MDB_BAD_VALSIZE:
      return StoreError(
        .corrupt, "\(doing): \(String(cString: mdb_strerror(status)))", path: path)
    case MDB_VERSION_MISMATCH:
      return StoreError(.unsupportedVersion, "is an LMDB file of another version", path: path)
    case MDB_PANIC:
      return StoreError(
        .io, "\(doing): an earlier write failed", path: path, hint: "open the store again")
    case MDB_READERS_FULL:
      return StoreError(.locked, "\(doing): more than 512 readers", path: path)
    case EIO where DiskSpace.isNearlyFull(path):
      // LMDB reports a write that the disk took a part of as EIO.
      return StoreError(.diskFull, "\(doing): the disk is full", path: path)
    case ENOSPC, EDQUOT, EFBIG:
      return StoreError(.diskFull, "\(doing): the disk is full", path: path)
    default:
      return StoreError(
        status == ENOENT ? .notFound : .io,
        "\(doing): \(String(cString: mdb_strerror(status)))", path: path)
    }
  }
}

/// A consistent snapshot of an LMDB file. The bytes it hands out stay in place while it lives.
///
/// `@unchecked Sendable` is safe because every use of the transaction is in one critical section
/// of `lock`; the bytes themselves are read-only.
package final class LMDBReadTransaction: @unchecked Sendable {
  private let environment: LMDBEnvironment
  private let transaction: OpaquePointer
  private let lock = Mutex<Void>(())
  package let id: UInt64

  fileprivate init(_ environment: LMDBEnvironment, _ transaction: OpaquePointer) {
    self.environment = environment
    self.transaction = transaction
    id = UInt64(mdb_txn_id(transaction))
  }

  deinit { mdb_txn_abort(transaction) }

  package func value(_ database: Int, _ key: [UInt8]) throws -> UnsafeRawBufferPointer? {
    let bytes = try lock.withLock { _ in
      SendableBytes(
        try lmdbValue(transaction, environment.handle(database), key, environment))
    }
    return bytes.buffer
  }

  /// Visits keys in ascending order from `start` on, until `body` returns false.
  package func forEach(
    _ database: Int, from start: [UInt8] = [],
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try lock.withLock { _ in
      try lmdbForEach(transaction, environment.handle(database), start, environment, body)
    }
  }

  /// Calls `body` with every page number that the file has in its free list.
  package func freePageCount() throws -> Int {
    var count = 0
    try lock.withLock { _ in
      try lmdbForEach(transaction, 0, [], environment) { _, value in
        if value.count >= 8 { count += Int(value.loadUnaligned(as: UInt.self)) }
        return true
      }
    }
    return count
  }
}

/// A transaction that writes; lives inside the closure of ``LMDBEnvironment/write(_:)``.
package struct LMDBWriteTransaction: ~Copyable {
  private let environment: LMDBEnvironment
  private let transaction: OpaquePointer

  fileprivate init(environment: LMDBEnvironment, _ transaction: OpaquePointer) {
    self.environment = environment
    self.transaction = transaction
  }

  /// The bytes are valid until the next change.
  package func value(_ database: Int, _ key: [UInt8]) throws -> UnsafeRawBufferPointer? {
    try lmdbValue(transaction, environment.handle(database), key, environment)
  }

  package func forEach(
    _ database: Int, from start: [UInt8] = [],
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try lmdbForEach(transaction, environment.handle(database), start, environment, body)
  }

  package func put(_ database: Int, _ key: [UInt8], _ value: UnsafeRawBufferPointer) throws {
    try reserve(database, key, byteCount: value.count) { $0.copyMemory(from: value) }
  }

  package func put(_ database: Int, _ key: [UInt8], _ value: [UInt8]) throws {
    try value.withUnsafeBytes { try put(database, key, $0) }
  }

  /// Lets `fill` write all `byteCount` bytes of a value in place.
  package func reserve(
    _ database: Int, _ key: [UInt8], byteCount: Int,
    fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    try key.withUnsafeBytes { key in
      var keyValue = MDB_val(
        mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
      var value = MDB_val(mv_size: byteCount, mv_data: nil)
      try environment.check(
        mdb_put(
          transaction, environment.handle(database), &keyValue, &value, UInt32(MDB_RESERVE)),
        "cannot write")
      try fill(UnsafeMutableRawBufferPointer(start: value.mv_data, count: byteCount))
    }
  }

  /// - Returns: Whether the key was there.
  @discardableResult
  package func remove(_ database: Int, _ key: [UInt8]) throws -> Bool {
    try key.withUnsafeBytes { key in
      var keyValue = MDB_val(
        mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
      let status = mdb_del(transaction, environment.handle(database), &keyValue, nil)
      if status == MDB_NOTFOUND { return false }
      try environment.check(status, "cannot remove")
      return true
    }
  }
}

/// Carries a pointer out of a critical section; safe because the bytes are read-only.
private struct SendableBytes: @unchecked Sendable {
  let buffer: UnsafeRawBufferPointer?
  init(_ buffer: UnsafeRawBufferPointer?) { self.buffer = buffer }
}

private func lmdbValue(
  _ transaction: OpaquePointer, _ handle: MDB_dbi, _ key: [UInt8],
  _ environment: LMDBEnvironment
) throws -> UnsafeRawBufferPointer? {
  try key.withUnsafeBytes { key in
    var keyValue = MDB_val(
      mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
    var value = MDB_val()
    let status = mdb_get(transaction, handle, &keyValue, &value)
    if status == MDB_NOTFOUND { return nil }
    try environment.check(status, "cannot read")
    return UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)
  }
}

private func lmdbForEach(
  _ transaction: OpaquePointer, _ handle: MDB_dbi, _ start: [UInt8],
  _ environment: LMDBEnvironment,
  _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
) throws {
  var cursor: OpaquePointer?
  try environment.check(mdb_cursor_open(transaction, handle, &cursor), "cannot read")
  defer { mdb_cursor_close(cursor) }
  var start = start
  try start.withUnsafeMutableBytes { bytes in
    var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
    var value = MDB_val()
    var status = mdb_cursor_get(
      cursor, &key, &value, bytes.isEmpty ? MDB_FIRST : MDB_SET_RANGE)
    while status == 0 {
      let more = try body(
        UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size),
        UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
      guard more else { return }
      status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
    }
    if status != MDB_NOTFOUND { try environment.check(status, "cannot read") }
  }
}
