import Glibc
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// A copy of a shard being made, in a file of its own until it is whole.
///
/// Items come in any order, the bytes of each in order. What is stored survives a crash: begun
/// again, the copy asks for what it still lacks. Items that a stale replica on this disk has are
/// taken from there. Everything is checked against the manifest before it is stored, and the whole
/// once more at the end. Any thread may call.
package final class ShardCopyTarget: Sendable {
  /// How far a copy is.
  package struct Progress: Sendable, Hashable {
    package var itemCount = 0
    package var doneItemCount = 0
    package var byteCount = 0
    /// Those of items that are not whole yet included.
    package var doneByteCount = 0
    /// Bytes that were not sent, since they were on this disk already.
    package var reusedByteCount = 0
  }

  /// Bytes of items that are not whole yet, all together.
  package static let partialByteCountMax = 2 * ShardCopyManifest.itemByteCountMax
  /// Whole items gathered before they are stored in one transaction.
  private static let batchByteCountMax = 16 << 20
  /// Where the file keeps the manifest until it is a shard.
  private static let manifestKey = Array("copy".utf8)

  package let key: ShardKey
  /// Where the shard will be.
  package let path: String
  private let base: String?
  private let state: Mutex<State>

  private struct State {
    var environment: LMDBEnvironment?
    var manifest: ShardCopyManifest?
    var done: Set<Int> = []
    var partial: [Int: [UInt8]] = [:]
    var partialByteCount = 0
    /// Whole and checked items that are not stored yet.
    var waiting: [(item: ShardCopyItem, value: [UInt8])] = []
    var waitingByteCount = 0
    var progress = Progress()
    /// By the stale replica.
    var promisedTerm = Term(0)
  }

  static func unfinishedPath(_ path: String) -> String { path + ".copy" }

  /// - Parameters:
  ///   - base: The file of a stale replica of the shard, closed, to take items from.
  ///   - promisedTerm: What the stale replica has promised, as far as the caller knows; the new
  ///     one keeps the promise.
  package init(key: ShardKey, path: String, base: String?, promisedTerm: Term) throws {
    self.key = key
    self.path = path
    self.base = base
    state = Mutex(
      State(
        environment: try Self.open(Self.unfinishedPath(path)), promisedTerm: promisedTerm))
  }

  /// Opens the unfinished file; one that is damaged is begun anew.
  private static func open(_ path: String) throws -> LMDBEnvironment {
    let databases = ShardDatabase.allCases.map(\.name)
    if FileStatus.exists(path) {
      do {
        try LMDBFileCheck.checkHeader(path)
        return try LMDBEnvironment(path: path, databases: databases, readOnly: false) {
          try LMDBFileCheck.checkSnapshot(path, transactionID: $0) != nil
        }
      } catch let error as StoreError where error.code == .corrupt {
        try removeFile(path)
      }
    }
    return try LMDBEnvironment(path: path, databases: databases, readOnly: false)
  }

  package var progress: Progress {
    state.withLock { state in
      var progress = state.progress
      progress.doneByteCount += state.partialByteCount
      return progress
    }
  }

  /// Begins, or goes on with, the copy that a manifest describes.
  ///
  /// - Returns: The items still needed, in an order that is good to send.
  /// - Throws: ``StoreError``: `damagedTransfer`, `unsupportedVersion`, `diskFull`, `io`.
  package func begin(_ bytes: [UInt8]) throws -> [ShardCopyItem] {
    let manifest = try ShardCopyManifest(bytes)
    guard manifest.meta.key == key else {
      throw StoreError(
        .damagedTransfer, "the manifest of a copy of \(key) is of \(manifest.meta.key)")
    }
    return try state.withLock { state in
      let environment = try Self.require(state.environment, path)
      let done = try Self.stored(in: environment, of: manifest, path: path)
      try environment.write { transaction in
        try Self.removeAll(but: done.map { manifest.items[$0] }, in: transaction)
        try transaction.put(ShardDatabase.meta.rawValue, Self.manifestKey, bytes)
      }
      state.manifest = manifest
      state.done = done
      (state.partial, state.partialByteCount) = ([:], 0)
      (state.waiting, state.waitingByteCount) = ([], 0)
      state.progress = Progress(
        itemCount: manifest.items.count, doneItemCount: done.count,
        byteCount: manifest.itemByteCount,
        doneByteCount: done.reduce(0) { $0 + manifest.items[$1].byteCount })
      try reuse(&state, manifest)
      for item in manifest.items where item.byteCount == 0 && !state.done.contains(item.index) {
        try take(item, [], &state, manifest)
      }
      return manifest.items.filter { !state.done.contains($0.index) }
    }
  }

  /// Takes the next bytes of an item. Bytes of an item that is whole already are ignored.
  ///
  /// - Throws: ``StoreError``: `outOfOrder` if bytes before these are missing; `damagedTransfer` if
  ///   the item is whole and wrong, and has to be sent again; `invalid`, `diskFull`, `io`.
  package func put(item index: Int, offset: Int, _ bytes: [UInt8]) throws {
    try state.withLock { state in
      guard let manifest = state.manifest else {
        throw StoreError(.invalid, "a copy got bytes before its manifest", path: path)
      }
      guard manifest.items.indices.contains(index) else {
        throw StoreError(
          .invalid, "a copy of \(manifest.items.count) items has no item \(index)", path: path)
      }
      if state.done.contains(index) { return }
      let item = manifest.items[index]
      let count = state.partial[index]?.count ?? 0
      guard offset == count else {
        throw StoreError(
          .outOfOrder, "item \(index) of a copy goes on at byte \(count), not \(offset)",
          path: path)
      }
      guard bytes.count <= item.byteCount - count,
        state.partialByteCount + bytes.count <= Self.partialByteCountMax
      else {
        throw StoreError(
          .invalid,
          "\(bytes.count) bytes at \(offset) of item \(index), which has \(item.byteCount)",
          path: path)
      }
      state.partial[index, default: []].append(contentsOf: bytes)
      state.partialByteCount += bytes.count
      guard count + bytes.count == item.byteCount else { return }
      let whole = state.partial.removeValue(forKey: index) ?? []
      state.partialByteCount -= whole.count
      try take(item, whole, &state, manifest)
    }
  }

  /// Puts the whole items that wait on disk, where a crash cannot reach them. Done by itself every
  /// 16 MiB.
  package func flush() throws {
    try state.withLock { state in
      if state.manifest != nil { try flush(&state) }
    }
  }

  /// Ends the copy: stores the lists, reads everything once more, and gives the file its name, in
  /// place of any that was there.
  ///
  /// - Returns: What the shard is.
  /// - Throws: ``StoreError``: `outOfOrder` if items are missing; `damagedTransfer` if the whole
  ///   is not what the manifest says, and the copy must begin anew; `diskFull`, `io`.
  package func finish() throws -> ShardMeta {
    try state.withLock { state in
      guard let manifest = state.manifest, state.done.count == manifest.items.count else {
        throw StoreError(
          .outOfOrder,
          "\(state.done.count) of \(state.manifest?.items.count ?? 0) items of a copy are there",
          path: path)
      }
      try flush(&state)
      var meta = manifest.meta
      meta.logStart = meta.sequence + 1
      meta.logStartTerm = meta.term
      meta.promisedTerm = max(meta.promisedTerm, state.promisedTerm)
      try Self.require(state.environment, path).write { transaction in
        for (database, number, value) in manifest.lists {
          try transaction.put(database.rawValue, ValueKey.number(number), value)
        }
        try transaction.put(ShardDatabase.meta.rawValue, ValueKey.meta, meta.encoded())
      }
      state = State()
      let unfinished = Self.unfinishedPath(path)
      do {
        try verify(unfinished, meta)
      } catch let error as StoreError where error.code == .corrupt {
        try removeFile(unfinished)
        throw StoreError(.damagedTransfer, "a copy is not sound: \(error)", path: path)
      }
      // Until here a crash leaves an unfinished copy that is gone on with.
      try Self.open(unfinished).write { transaction in
        _ = try transaction.remove(ShardDatabase.meta.rawValue, Self.manifestKey)
      }
      try DurableFiles.rename(unfinished, to: path)
      // The tables of readers of both files; LMDB makes them anew.
      unlink(unfinished + "-lock")
      unlink(path + "-lock")
      return meta
    }
  }

  /// Lets go of the file, which stays, to be gone on with.
  package func close() {
    state.withLock { $0 = State() }
  }

  private func verify(_ file: String, _ meta: ShardMeta) throws {
    let shard = try Shard(path: file, readOnly: true)
    defer { shard.close() }
    let report = try shard.check()
    _ = try shard.index()
    if let problem = report.problems.first {
      throw StoreError(.corrupt, problem.message, path: file)
    }
    guard report.digest == meta.digest, UInt64(report.recordCount) == meta.recordCount else {
      throw StoreError.corrupt(
        path: file, "the records", expected: "\(meta.recordCount) of digest \(meta.digest)",
        found: "\(report.recordCount) of digest \(report.digest)")
    }
  }

  // MARK: Items

  /// Checks a whole item and lets it wait to be stored.
  private func take(
    _ item: ShardCopyItem, _ bytes: [UInt8], _ state: inout State, _ manifest: ShardCopyManifest
  ) throws {
    let value = try bytes.withUnsafeBytes { bytes in
      guard let value = item.value(bytes, header: manifest.headers[item.number]) else {
        throw StoreError(
          .damagedTransfer, "item \(item.index) of a copy has another checksum", path: path)
      }
      return value
    }
    state.waiting.append((item, value))
    state.waitingByteCount += value.count
    state.done.insert(item.index)
    state.progress.doneItemCount += 1
    state.progress.doneByteCount += item.byteCount
    if state.waitingByteCount >= Self.batchByteCountMax { try flush(&state) }
  }

  private func flush(_ state: inout State) throws {
    if state.waiting.isEmpty { return }
    let file = Self.unfinishedPath(path)
    let available = DiskSpace.availableByteCount(file)
    guard available >= state.waitingByteCount + DiskSpace.marginByteCount else {
      throw StoreError(
        .diskFull,
        "the disk has \(available) bytes left; the next items of a copy have "
          + "\(state.waitingByteCount)", path: file)
    }
    try Self.require(state.environment, path).write { [waiting = state.waiting] transaction in
      for (item, value) in waiting {
        try transaction.put(item.database.rawValue, item.key, value)
      }
    }
    (state.waiting, state.waitingByteCount) = ([], 0)
  }

  /// Takes what a stale replica has. One that is damaged has nothing.
  private func reuse(_ state: inout State, _ manifest: ShardCopyManifest) throws {
    guard let base, FileStatus.exists(base),
      let shard = try? Shard.whenReleased({ try Shard(path: base, readOnly: true) })
    else { return }
    defer { shard.close() }
    let view = try shard.view()
    defer { withExtendedLifetime(view) {} }
    state.promisedTerm = max(state.promisedTerm, view.meta.promisedTerm)
    guard view.meta.replicaSeed == manifest.meta.replicaSeed else { return }
    let contents = view.copyContents()
    for item in manifest.items where !state.done.contains(item.index) {
      guard let bytes = contents[item.content],
        item.value(bytes, header: manifest.headers[item.number]) != nil
      else { continue }
      try take(item, Array(bytes), &state, manifest)
      state.progress.reusedByteCount += item.byteCount
    }
    try flush(&state)
  }

  // MARK: The file

  private static func require(
    _ environment: LMDBEnvironment?, _ path: String
  ) throws -> LMDBEnvironment {
    guard let environment else {
      throw StoreError(.closed, "the copy has ended", path: path)
    }
    return environment
  }

  /// The items of a manifest that the file has from an earlier attempt.
  private static func stored(
    in environment: LMDBEnvironment, of manifest: ShardCopyManifest, path: String
  ) throws -> Set<Int> {
    let transaction = try environment.read()
    defer { withExtendedLifetime(transaction) {} }
    // Items are stored once they were checked, under the manifest that they were checked with.
    guard let bytes = try transaction.value(ShardDatabase.meta.rawValue, manifestKey),
      let earlier = try? ShardCopyManifest(Array(bytes))
    else { return [] }
    var known: [[UInt8]: ShardCopyItem] = [:]
    for item in earlier.items { known[item.place] = item }
    var stored: Set<Int> = []
    for item in manifest.items {
      guard known[item.place]?.content == item.content,
        try transaction.value(item.database.rawValue, item.key) != nil,
        item.kind != .rows || earlier.headers[item.number] == manifest.headers[item.number]
      else { continue }
      stored.insert(item.index)
    }
    return stored
  }

  /// Removes what an earlier attempt stored and this one has no use for.
  private static func removeAll(
    but items: [ShardCopyItem], in transaction: borrowing LMDBWriteTransaction
  ) throws {
    let kept = Set(items.map(\.place))
    for database in ShardDatabase.allCases {
      var removed: [[UInt8]] = []
      try transaction.forEach(database.rawValue) { key, _ in
        if !kept.contains([UInt8(database.rawValue)] + key) { removed.append(Array(key)) }
        return true
      }
      for key in removed { try transaction.remove(database.rawValue, key) }
    }
  }
}

extension ShardCopyItem {
  var database: ShardDatabase {
    switch kind {
    case .rows: .blocks
    case .names: .names
    case .tags: .tags
    case .piece: .pieces
    }
  }

  var key: [UInt8] {
    kind == .piece ? ValueKey.piece(number, piece.rawValue) : ValueKey.number(number)
  }

  /// Database and key: where the item is stored.
  fileprivate var place: [UInt8] { [UInt8(database.rawValue)] + key }

  /// What is stored for the bytes of the item; `nil` if they are not the item's.
  fileprivate func value(_ bytes: UnsafeRawBufferPointer, header: BlockHeader?) -> [UInt8]? {
    guard bytes.count == byteCount else { return nil }
    switch kind {
    case .rows:
      guard let header, let start = bytes.baseAddress else { return nil }
      let columns = CodeColumns(rowCount: header.rowCount, contiguous: start)
      guard BlockColumn.checksums(of: columns) == header.checksums else { return nil }
      return header.encoded() + bytes
    case .names, .tags:
      guard let header, Checksum.of(bytes) == checksum,
        let texts = Texts(body: bytes, rowCount: header.rowCount),
        kind == .names ? texts.areNames : texts.areTags
      else { return nil }
      return TextColumn.encode(texts, seed: database.seed(number))
    case .piece: return Checksum.of(bytes) == checksum ? Array(bytes) : nil
    }
  }
}

extension ShardView {
  /// The bytes of everything that a copy could take from here.
  fileprivate func copyContents() -> [ShardCopyItem.Content: UnsafeRawBufferPointer] {
    var contents: [ShardCopyItem.Content: UnsafeRawBufferPointer] = [:]
    func add(
      _ kind: ShardCopyItem.Kind, _ bytes: UnsafeRawBufferPointer, _ checksum: UInt64
    ) {
      contents[.init(kind: kind, byteCount: bytes.count, checksum: checksum)] = bytes
    }
    for block in blocks {
      add(.rows, block.columnBytes, block.header.contentChecksum)
      if let names = block.names { add(.names, names.body, Checksum.of(names.body)) }
      if let tags = block.tags { add(.tags, tags.body, Checksum.of(tags.body)) }
    }
    for segment in segments {
      for piece in segment.descriptor.pieces {
        if let bytes = segment.pieces[piece.key] { add(.piece, bytes, piece.checksum) }
      }
    }
    return contents
  }
}

/// Removes the file of a shard, or of an unfinished copy, and LMDB's table of its readers.
func removeFile(_ path: String) throws {
  unlink(path + "-lock")
  guard unlink(path) == 0 || errno == ENOENT else {
    throw StoreError.system(errno, "cannot remove", path: path)
  }
}
