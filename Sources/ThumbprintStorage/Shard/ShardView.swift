import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// One consistent state of a shard: everything that queries need, resolved to memory.
///
/// Queries on a view touch memory only. A view keeps its transaction, so the pages it shows
/// cannot be used again while it lives: views are short.
final class ShardView: Sendable {
  let path: String
  let meta: ShardMeta
  let permutation: BitPermutation
  /// The blocks of all segments, then the recent ones.
  let blocks: [BlockView]
  let segments: [SegmentView]
  let recentRange: Range<Int>
  let transactionID: UInt64
  let transaction: LMDBReadTransaction
  private let cache: SegmentCache
  private let snapshot = Mutex<IndexSnapshot?>(nil)

  /// - Throws: ``StoreError``; damaged bytes are `corrupt`.
  init(
    _ transaction: LMDBReadTransaction, path: String, permutation: BitPermutation?,
    cache: SegmentCache
  ) throws {
    self.path = path
    self.transaction = transaction
    self.cache = cache
    transactionID = transaction.id
    do {
      let reader = ShardReader(transaction)
      meta = try reader.meta()
      self.permutation =
        permutation?.seed == meta.permutationSeed
        ? permutation ?? BitPermutation(seed: meta.permutationSeed)
        : BitPermutation(seed: meta.permutationSeed)
      let contents = try reader.contents(meta)
      blocks = contents.blocks
      segments = contents.segments
      recentRange = contents.recentRange
      try cache.verifyForLookups(blocks, segments)
    } catch let error as FormatError {
      throw StoreError.corrupt(
        path: path, error.place, expected: error.expected, found: error.found)
    } catch var error as StoreError {
      error.path = error.path ?? path
      throw error
    }
  }

  var recent: ArraySlice<BlockView> { blocks[recentRange] }
  var recentRowCount: Int { recent.reduce(0) { $0 + $1.rowCount } }
  var deadCount: Int { blocks.reduce(0) { $0 + $1.deadCount } }
  var freeByteCount: Int { get throws { try transaction.freePageCount() * 4096 } }

  /// Runs `body`, turning what is wrong with stored bytes into an error that names the file.
  func reading<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as FormatError {
      throw StoreError.corrupt(
        path: path, error.place, expected: error.expected, found: error.found)
    }
  }

  /// What a search sees, which keeps this view. Made once per view; the parts in fast memory once
  /// per segment.
  func index() throws -> IndexSnapshot {
    let made = try snapshot.withLock { made in
      if let made { return made }
      let new = try reading {
        IndexSnapshot(
          segments: try segments.map { try cache.segment($0, in: self) },
          recent: try cache.verifiedForSearch(recent).map(\.columns), permutation: permutation)
      }
      cache.prune(to: self)
      made = new
      return new
    }
    return made.owned(by: self)
  }

  /// A stored block, whether a list names it or not: a rewriting has made it, or the log keeps it.
  func storedBlock(_ number: UInt64, rowCount: Int) throws -> BlockView {
    try reading { try ShardReader(transaction).block(number, rowCount: rowCount) }
  }

  /// The names and tags of a block against their checksums.
  func verifyTexts(of block: BlockView) throws {
    for (database, flag) in [(ShardDatabase.names, BlockHeader.Flags.names), (.tags, .tags)]
    where block.header.flags.contains(flag) {
      let value = try transaction.value(database.rawValue, ValueKey.number(block.number))
      guard let value, TextColumn.isIntact(value, seed: database.seed(block.number)) else {
        throw FormatError(
          "the \(database.name) of block \(block.number)", expected: "their checksum",
          found: "another")
      }
    }
  }

  // MARK: Finding rows

  /// The live row of an id.
  func place(of id: ItemID) throws -> Place? {
    try places(ofSorted: [id.rawValue]).first?.place
  }

  /// The live rows of ids, which ascend: pairs of the place in `ids` and the row, in the
  /// order of `ids`. Costs one merge of `ids` with each segment and recent block.
  func places(ofSorted ids: [UInt64]) throws -> [(index: Int, place: Place)] {
    try ids.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return [] }
      return try places(of: SortedIDs(start: start, count: ids.count))
    }
  }

  func places(of ids: SortedIDs) throws -> [(index: Int, place: Place)] {
    var found: [(index: Int, place: Place)] = []
    guard ids.count > 0 else { return found }
    try reading {
      for segment in segments {
        try forEachCommon(ids, segment.placeIDs) { index, entry in
          let place = try segment.place(entry)
          let block = blocks[place.block]
          guard block.columns.id(ofRow: place.row).rawValue == ids[index] else {
            throw FormatError(
              "the places of segment \(segment.descriptor.number)",
              expected: "the row of id \(ids[index])", found: "another row")
          }
          if !block.columns.isDead(row: place.row) { found.append((index, place)) }
        }
      }
      for number in recentRange {
        let block = blocks[number]
        forEachCommon(ids, block.ids) { index, row in
          if !block.columns.isDead(row: row) {
            found.append((index, Place(block: number, row: row)))
          }
        }
      }
    }
    if segments.count + recentRange.count > 1 { found.sort { $0.index < $1.index } }
    for i in found.indices.dropFirst() where found[i].index == found[i - 1].index {
      throw StoreError.corrupt(
        path: path, "id \(ids[found[i].index])", expected: "one row", found: "two")
    }
    return found
  }

  private func forEachCommon(
    _ a: SortedIDs, _ b: SortedIDs, _ body: (Int, Int) throws -> Void
  ) rethrows {
    guard a.count > 0, b.count > 0, a[0] <= b[b.count - 1], b[0] <= a[a.count - 1] else { return }
    var j = 0
    var i = a.lowerBound(b[0])
    while i < a.count {
      j = b.lowerBound(a[i], from: j)
      if j == b.count { return }
      if b[j] == a[i] {
        try body(i, j)
        i += 1
      } else {
        i = a.lowerBound(b[j], from: i)
      }
    }
  }
}

/// Resolves the values of a snapshot and holds them against one another.
private struct ShardReader {
  let transaction: LMDBReadTransaction

  init(_ transaction: LMDBReadTransaction) {
    self.transaction = transaction
  }

  func meta() throws -> ShardMeta {
    guard let value = try transaction.value(ShardDatabase.meta.rawValue, ValueKey.meta) else {
      throw FormatError("the shard", expected: "a meta value", found: "none")
    }
    return try ShardMeta.decode(value)
  }

  func contents(_ meta: ShardMeta) throws -> (
    blocks: [BlockView], segments: [SegmentView], recentRange: Range<Int>
  ) {
    var blocks: [BlockView] = []
    var segments: [SegmentView] = []
    try transaction.forEach(numbered: .segments) { number, value in
      let descriptor = try SegmentDescriptor.decode(value, number: number)
      segments.append(
        try SegmentView(
          descriptor: descriptor,
          blockRange: blocks.count..<(blocks.count + descriptor.blocks.count),
          pieces: try pieces(descriptor)))
      for block in descriptor.blocks {
        blocks.append(try self.block(block.number, rowCount: block.rowCount))
      }
    }
    let sealedCount = blocks.count
    try transaction.forEach(numbered: .recent) { number, value in
      blocks.append(
        try block(number, rowCount: try RecentLayout.decode(value, block: number)))
    }
    try check(meta, blocks, segments)
    return (blocks, segments, sealedCount..<blocks.count)
  }

  private func check(
    _ meta: ShardMeta, _ blocks: [BlockView], _ segments: [SegmentView]
  ) throws {
    guard Set(blocks.map(\.number)).count == blocks.count,
      blocks.allSatisfy({ $0.number < meta.nextBlock }),
      segments.allSatisfy({ $0.descriptor.number < meta.nextSegment })
    else {
      throw FormatError("the lists of blocks", expected: "every block once", found: "others")
    }
    let liveCount = blocks.reduce(0) { $0 + $1.liveCount }
    guard UInt64(liveCount) == meta.recordCount else {
      throw FormatError(
        "the blocks", expected: "\(meta.recordCount) records", found: liveCount)
    }
    guard meta.logStart >= 1, meta.logStart <= meta.sequence &+ 1 else {
      throw FormatError(
        "the log", expected: "a start up to \(meta.sequence &+ 1)", found: meta.logStart)
    }
  }

  func block(_ number: UInt64, rowCount: Int) throws -> BlockView {
    let key = ValueKey.number(number)
    guard let value = try transaction.value(ShardDatabase.blocks.rawValue, key) else {
      throw FormatError("block \(number)", expected: "\(rowCount) rows", found: "none")
    }
    let header = try BlockHeader.decode(value, number: number)
    guard header.rowCount == rowCount else {
      throw FormatError("block \(number)", expected: "\(rowCount) rows", found: header.rowCount)
    }
    let dead = try transaction.value(ShardDatabase.dead.rawValue, key).map {
      try StoredDeadRows($0, rowCount: rowCount, block: number)
    }
    return BlockView(
      header: header, value: value, dead: dead,
      names: try texts(.names, header.flags.contains(.names), number, rowCount),
      tags: try texts(.tags, header.flags.contains(.tags), number, rowCount),
      owner: transaction)
  }

  private func texts(
    _ database: ShardDatabase, _ isThere: Bool, _ number: UInt64, _ rowCount: Int
  ) throws -> TextColumn? {
    guard isThere else { return nil }
    let place = "the \(database.name) of block \(number)"
    guard let value = try transaction.value(database.rawValue, ValueKey.number(number)) else {
      throw FormatError(place, expected: "\(rowCount) rows", found: "none")
    }
    return try TextColumn(value, rowCount: rowCount, place: place)
  }

  private func pieces(
    _ descriptor: SegmentDescriptor
  ) throws -> [SegmentPieceKey: UnsafeRawBufferPointer] {
    var pieces: [SegmentPieceKey: UnsafeRawBufferPointer] = [:]
    try transaction.forEach(
      ShardDatabase.pieces.rawValue, from: ValueKey.piece(descriptor.number, 0)
    ) { key, value in
      guard let (segment, piece) = ValueKey.piece(of: key), segment == descriptor.number else {
        return false
      }
      pieces[SegmentPieceKey(rawValue: piece)] = value
      return true
    }
    for piece in descriptor.pieces where pieces[piece.key]?.count != piece.byteCount {
      throw FormatError(
        "piece \(piece.key.rawValue) of segment \(descriptor.number)",
        expected: "\(piece.byteCount) bytes",
        found: pieces[piece.key].map { "\($0.count)" } ?? "none")
    }
    guard pieces.count == descriptor.pieces.count else {
      throw FormatError(
        "segment \(descriptor.number)", expected: "\(descriptor.pieces.count) pieces",
        found: pieces.count)
    }
    return pieces
  }
}

extension LMDBReadTransaction {
  func forEach(
    numbered database: ShardDatabase,
    _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    // The values are collected first: `body` reads through the same transaction.
    var values: [(UInt64, UnsafeRawBufferPointer)] = []
    try forEach(database.rawValue) { key, value in
      guard let number = ValueKey.number(of: key) else {
        throw FormatError(
          "the database '\(database.name)'", expected: "keys of 8 bytes", found: key.count)
      }
      values.append((number, value))
      return true
    }
    for (number, value) in values { try body(number, value) }
  }
}
