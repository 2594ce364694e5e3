import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// The part of a collection whose ids hash to one number: one LMDB file, open.
///
/// Any thread may search, read and write. Reads see the last acknowledged write; writes are on
/// disk when they return. Once damage is found the shard refuses writes.
package final class Shard: Sendable {
  package let path: String
  package let isReadOnly: Bool
  let permutation: BitPermutation
  private let cache = SegmentCache()
  private let views: Mutex<Views>
  /// Held by whoever has a write transaction, in this process.
  private let writer: Mutex<RetainedLog>
  let queue = WriteQueue()
  let maintenance: Maintenance

  private struct Views {
    /// `nil` once the shard is closed; open views and writes keep it until they end.
    var environment: LMDBEnvironment?
    var current: ShardView?
    var damage: StoreError?
  }

  /// Opens a shard.
  ///
  /// Every page of the trees of the file is checked before LMDB, which trusts them, reads one.
  ///
  /// - Parameter retention: How much is kept for replicas that follow the log; `nil` keeps
  ///   entries only as long as their blocks are there anyway.
  /// - Throws: ``StoreError``: `corrupt`, `unsupportedVersion`, `locked`, `notFound`, `io`.
  package convenience init(
    path: String, readOnly: Bool, limits: MaintenanceLimits = .standard,
    retention: LogRetention? = nil
  ) throws {
    guard FileStatus.exists(path) else {
      throw StoreError(.notFound, "there is no shard here", path: path)
    }
    try LMDBFileCheck.checkHeader(path)
    try self.init(opening: path, readOnly: readOnly, limits: limits, retention: retention)
    if !readOnly { try maintenance.running { try sweep() } }
  }

  /// Makes the file of a new, empty shard; it is closed again.
  package static func create(path: String, meta: ShardMeta) throws {
    guard !FileStatus.exists(path) else {
      throw StoreError(.exists, "there is a file already", path: path)
    }
    let environment = try LMDBEnvironment(
      path: path, databases: ShardDatabase.allCases.map(\.name), readOnly: false)
    try environment.write {
      try $0.put(ShardDatabase.meta.rawValue, ValueKey.meta, meta.encoded())
    }
  }

  private init(
    opening path: String, readOnly: Bool, limits: MaintenanceLimits, retention: LogRetention?
  ) throws {
    self.path = path
    isReadOnly = readOnly
    maintenance = Maintenance(limits: limits)
    let environment = try LMDBEnvironment(
      path: path, databases: ShardDatabase.allCases.map(\.name), readOnly: readOnly
    ) { transactionID in
      try LMDBFileCheck.checkSnapshot(path, transactionID: transactionID) != nil
    }
    let view = try ShardView(
      try environment.read(), path: path, permutation: nil, cache: cache)
    permutation = view.permutation
    writer = Mutex(
      RetainedLog(
        retention: retention,
        blocks: retention == nil ? [] : try view.reading { try view.blocksKeptForLog() }))
    views = Mutex(Views(environment: environment, current: view))
  }

  /// Ends background work and lets go of the file once the last reader is done.
  package func close() {
    maintenance.stop()
    views.withLock { views in
      views.environment = nil
      views.current = nil
    }
  }

  private static func open(_ environment: LMDBEnvironment?, _ path: String) throws
    -> LMDBEnvironment
  {
    guard let environment else { throw StoreError(.closed, "is closed", path: path) }
    return environment
  }

  // MARK: Reading

  /// The last committed state. Shared by all who ask until the next commit.
  func view() throws -> ShardView {
    do {
      return try views.withLock { views in
        let environment = try Self.open(views.environment, path)
        if let current = views.current,
          current.transactionID == environment.lastTransactionID
        {
          return current
        }
        views.current = nil
        let view = try ShardView(
          try environment.read(), path: path, permutation: permutation, cache: cache)
        views.current = view
        return view
      }
    } catch {
      throw noting(error)
    }
  }

  package var meta: ShardMeta { get throws { try view().meta } }

  /// What a search of the last committed state reads; it stays readable while the snapshot does.
  package func index() throws -> IndexSnapshot {
    try noting { try view().index() }
  }

  /// The slow twin of a search of ``index()``.
  package func fullScan(_ query: SearchQuery) throws -> [SearchMatch] {
    let view = try view()
    return withExtendedLifetime(view) {
      FullScan.search(query, in: view.blocks.map(\.columns), permutation: permutation)
    }
  }

  /// The records of ids, `nil` where there is none.
  package func records(_ ids: [ItemID]) throws -> [Record?] {
    try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      let order = ids.indices.sorted { ids[$0] < ids[$1] }
      var result = [Record?](repeating: nil, count: ids.count)
      // An id may be asked for twice, and a merge wants each once.
      var unique: [UInt64] = []
      for i in order where unique.last != ids[i].rawValue { unique.append(ids[i].rawValue) }
      var found: [UInt64: Record] = [:]
      for (index, place) in try view.places(ofSorted: unique) {
        found[unique[index]] = try view.reading {
          try view.blocks[place.block].record(place.row, permutation: permutation)
        }
      }
      for (i, id) in ids.enumerated() { result[i] = found[id.rawValue] }
      return result
    }
  }

  // MARK: Writing

  /// Runs one write transaction; see ``ShardWriter``. Its changes are on disk on return, and
  /// the next view shows them; nothing happened if it throws.
  func transact<R: Sendable>(
    _ body: (inout ShardWriter, borrowing LMDBWriteTransaction) throws -> R
  ) throws -> R {
    try noting {
      if isReadOnly { throw StoreError(.invalid, "is open for reading only", path: path) }
      if let damage = views.withLock({ $0.damage }) { throw damage }
      return try writer.withLock { log in
        defer { views.withLock { $0.current = nil } }
        let view = try view()
        let environment = try Self.open(views.withLock { $0.environment }, path)
        let (result, newLog) = try environment.write { [log] transaction in
          var changes = ShardWriter(view: view, log: log)
          let result = try view.reading {
            let result = try body(&changes, transaction)
            try changes.finish(in: transaction)
            return result
          }
          return (result, changes.log)
        }
        log = newLog
        return result
      }
    }
  }

  /// The blocks that are kept for the log alone.
  var blocksKeptForLog: Set<UInt64> {
    writer.withLock { Set($0.blocks.map(\.block)) }
  }

  /// Fails when the disk has less room than `byteCount` and a margin.
  ///
  /// Asked before every batch, since a batch cut short by the disk costs its writing. Pages that
  /// the file has free count half: LMDB can use them where they lie side by side.
  func requireSpace(_ byteCount: Int) throws {
    let available = DiskSpace.availableByteCount(path)
    let needed = byteCount + byteCount / 32 + DiskSpace.marginByteCount
    if available >= needed { return }
    let free = try view().freeByteCount
    if available >= DiskSpace.marginByteCount / 2, available + free / 2 >= needed { return }
    throw StoreError(
      .diskFull,
      "the disk has \(available) bytes left; the next step may need \(needed)", path: path,
      hint: "free some space and go on: nothing that was acknowledged is lost")
  }

  // MARK: Damage

  /// Runs `body`; damage that it finds keeps later writes out.
  func noting<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw noting(error) }
  }

  private func noting(_ error: any Error) -> any Error {
    if let error = error as? StoreError, error.code == .corrupt {
      views.withLock { if $0.damage == nil { $0.damage = error } }
    }
    return error
  }

  /// The first damage found since the shard was opened.
  package var damage: StoreError? { views.withLock { $0.damage } }

  func note(damage: StoreError) { _ = noting(damage) }
}
