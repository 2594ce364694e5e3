import ThumbprintCodes
import ThumbprintIndex

enum ManifestLayout {
  static let magic = FormatField("magic", 0, 8)
  static let version = FormatField("version", 8, 4)
  static let entryCount = FormatField("entry count", 12, 4)
  static let meta = FormatField("meta", 16, MetaLayout.byteCount)
  static let entries = FormatField("entries", 16 + MetaLayout.byteCount, 0)
  static let byteCount = 16 + MetaLayout.byteCount
  static let fields = [magic, version, entryCount, meta, entries]
  static let magicValue = UInt64(littleEndianBytes: "TPCPY\r\n\u{1A}")
  static let versionValue: UInt32 = 1

  static let entryDatabase = FormatField("database", 0, 4)
  static let entryByteCount = FormatField("byte count", 4, 4)
  static let entryNumber = FormatField("number", 8, 8)
  static let entryValue = FormatField("value", 16, 0)
  static let entryHeaderByteCount = 16
  static let entryFields = [entryDatabase, entryByteCount, entryNumber, entryValue]
}

/// One of the large values of a shard, which a copy moves as they are.
package struct ShardCopyItem: Sendable, Hashable {
  package enum Kind: UInt8, Sendable, Hashable {
    /// The columns of a block.
    case rows
    /// The offsets and texts of the names, or the tags, of a block.
    case names, tags
    /// A piece of the index of a segment.
    case piece
  }

  /// The place in ``ShardCopyManifest/items``: what items are called between two replicas.
  package var index: Int
  package var kind: Kind
  package var byteCount: Int
  /// Of the block or segment.
  var number: UInt64
  var piece: SegmentPieceKey
  /// Equal for equal bytes, wherever they are stored.
  var checksum: UInt64

  /// What two items share that have the same bytes.
  var content: Content { Content(kind: kind, byteCount: byteCount, checksum: checksum) }

  struct Content: Hashable {
    var kind: Kind
    var byteCount: Int
    var checksum: UInt64
  }
}

/// All that a copy of a shard needs beside its large values: the lists, and which values there are.
package struct ShardCopyManifest: Sendable {
  /// The most bytes of a manifest, and of an item.
  package static let byteCountMax = 256 << 20
  package static let itemByteCountMax = 256 << 20

  package let meta: ShardMeta
  package let items: [ShardCopyItem]
  /// By block.
  let headers: [UInt64: BlockHeader]
  /// Values that are stored as they are.
  let lists: [(database: ShardDatabase, number: UInt64, value: [UInt8])]

  /// The bytes that all items have together.
  package var itemByteCount: Int { items.reduce(0) { $0 + $1.byteCount } }

  // MARK: Writing

  /// The manifest of a view.
  static func encode(_ view: ShardView) throws -> [UInt8] {
    var entries = ByteWriter()
    var count: UInt32 = 0
    func add(_ database: ShardDatabase, _ number: UInt64, _ value: UnsafeRawBufferPointer) {
      entries.append(UInt32(database.rawValue))
      entries.append(UInt32(value.count))
      entries.append(number)
      entries.append(value)
      count += 1
    }
    for block in view.blocks {
      add(
        .blocks, block.number,
        UnsafeRawBufferPointer(rebasing: block.bytes[..<BlockLayout.byteCount]))
      for (database, texts) in [(ShardDatabase.names, block.names), (.tags, block.tags)] {
        guard let texts else { continue }
        var value = ByteWriter()
        value.append(UInt64(texts.byteCount))
        value.append(Checksum.of(texts.body))
        value.bytes.withUnsafeBytes { add(database, block.number, $0) }
      }
    }
    for database in [ShardDatabase.dead, .recent, .segments] {
      try view.transaction.forEach(numbered: database) { add(database, $0, $1) }
    }
    var writer = ByteWriter(byteCount: ManifestLayout.meta.offset)
    writer.set(ManifestLayout.magic, ManifestLayout.magicValue)
    writer.set(ManifestLayout.version, ManifestLayout.versionValue)
    writer.set(ManifestLayout.entryCount, count)
    view.meta.encoded().withUnsafeBytes { writer.append($0) }
    entries.bytes.withUnsafeBytes { writer.append($0) }
    let bytes = writer.checked(seed: view.meta.replicaSeed)
    guard bytes.count <= byteCountMax else {
      throw StoreError(
        .invalid,
        "the lists of the shard have \(bytes.count) bytes; a copy takes at most \(byteCountMax)",
        path: view.path, hint: "compact the collection, or give it more shards")
    }
    return bytes
  }

  // MARK: Reading

  /// Reads and checks a manifest; the bytes may come from anyone.
  ///
  /// - Throws: ``StoreError``: `damagedTransfer`, `unsupportedVersion`.
  package init(_ bytes: [UInt8]) throws {
    do {
      self = try bytes.withUnsafeBytes { try Self(checked: $0) }
    } catch let error as FormatError {
      throw Self.damaged("\(error.place): expected \(error.expected), found \(error.found)")
    }
  }

  private init(checked bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count >= ManifestLayout.byteCount + 8, bytes.count <= Self.byteCountMax,
      bytes.integer(ManifestLayout.magic, as: UInt64.self) == ManifestLayout.magicValue
    else { throw Self.damaged("no manifest in \(bytes.count) bytes") }
    let version: UInt32 = bytes.integer(ManifestLayout.version)
    guard version == ManifestLayout.versionValue else {
      throw StoreError(
        .unsupportedVersion,
        "a manifest has version \(version); this program reads version "
          + "\(ManifestLayout.versionValue)")
    }
    meta = try ShardMeta.decode(
      UnsafeRawBufferPointer(
        rebasing: bytes[ManifestLayout.meta.offset..<ManifestLayout.byteCount]))
    guard let payload = bytes.unchecked(seed: meta.replicaSeed) else {
      throw Self.damaged("another checksum")
    }
    var reader = Reader()
    var rest = payload[ManifestLayout.byteCount...]
    for _ in 0..<payload.integer(ManifestLayout.entryCount, as: UInt32.self) {
      let header = UnsafeRawBufferPointer(
        rebasing: rest.prefix(ManifestLayout.entryHeaderByteCount))
      guard header.count == ManifestLayout.entryHeaderByteCount else {
        throw Self.damaged("fewer entries than there are to be")
      }
      let count = Int(header.integer(ManifestLayout.entryByteCount, as: UInt32.self))
      rest = rest.dropFirst(header.count)
      guard count <= rest.count,
        let database = ShardDatabase(
          rawValue: Int(header.integer(ManifestLayout.entryDatabase, as: UInt32.self)))
      else { throw Self.damaged("an entry of \(count) bytes") }
      try reader.read(
        database, number: header.integer(ManifestLayout.entryNumber),
        UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    guard rest.isEmpty else { throw Self.damaged("\(rest.count) bytes behind the entries") }
    try reader.check(meta)
    headers = reader.headers
    lists = reader.lists
    items = reader.items
  }

  /// Takes the entries of a manifest, in any order but blocks first.
  private struct Reader {
    var headers: [UInt64: BlockHeader] = [:]
    var lists: [(database: ShardDatabase, number: UInt64, value: [UInt8])] = []
    var items: [ShardCopyItem] = []
    /// Rows by block, of all lists together.
    private var listed: [UInt64: Int] = [:]
    private var segmentNumberMax: UInt64 = 0
    private var seen: Set<[UInt64]> = []

    mutating func read(
      _ database: ShardDatabase, number: UInt64, _ value: UnsafeRawBufferPointer
    ) throws {
      guard seen.insert([UInt64(database.rawValue), number]).inserted else {
        throw damaged("two entries \(number) of '\(database.name)'")
      }
      switch database {
      case .blocks:
        let header = try BlockHeader.decode(header: value, number: number)
        headers[number] = header
        add(
          .rows, number, byteCount: CodeColumns.rowByteCount * header.rowCount,
          checksum: header.contentChecksum)
      case .names, .tags:
        let flag: BlockHeader.Flags = database == .names ? .names : .tags
        guard value.count == 16, headers[number]?.flags.contains(flag) == true else {
          throw damaged("texts of no block")
        }
        let byteCount: UInt64 = value.integer(0)
        try check(byteCount: byteCount)
        add(
          database == .names ? .names : .tags, number, byteCount: Int(byteCount),
          checksum: value.integer(8))
      case .recent:
        try list(number, rowCount: try RecentLayout.decode(value, block: number))
        lists.append((database, number, Array(value)))
      case .dead:
        guard let header = headers[number] else { throw damaged("dead rows of no block") }
        _ = try StoredDeadRows(value, rowCount: header.rowCount, block: number)
        lists.append((database, number, Array(value)))
      case .segments:
        try read(try SegmentDescriptor.decode(value, number: number))
        lists.append((database, number, Array(value)))
      case .meta, .log, .pieces: throw damaged("an entry of '\(database.name)'")
      }
    }

    private mutating func read(_ segment: SegmentDescriptor) throws {
      segmentNumberMax = max(segmentNumberMax, segment.number)
      for block in segment.blocks { try list(block.number, rowCount: block.rowCount) }
      for piece in segment.pieces {
        try check(byteCount: UInt64(bitPattern: Int64(piece.byteCount)))
        add(
          .piece, segment.number, piece: piece.key, byteCount: piece.byteCount,
          checksum: piece.checksum)
      }
      guard Set(segment.pieces.map(\.key)).count == segment.pieces.count else {
        throw damaged("a segment with two pieces of one key")
      }
    }

    private mutating func list(_ block: UInt64, rowCount: Int) throws {
      guard headers[block]?.rowCount == rowCount,
        listed.updateValue(rowCount, forKey: block) == nil
      else { throw damaged("block \(block) listed twice, or with other rows") }
    }

    private func check(byteCount: UInt64) throws {
      guard byteCount <= UInt64(itemByteCountMax) else {
        throw damaged("a value of \(byteCount) bytes")
      }
    }

    private mutating func add(
      _ kind: ShardCopyItem.Kind, _ number: UInt64,
      piece: SegmentPieceKey = SegmentPieceKey(rawValue: 0), byteCount: Int, checksum: UInt64
    ) {
      items.append(
        ShardCopyItem(
          index: items.count, kind: kind, byteCount: byteCount, number: number, piece: piece,
          checksum: checksum))
    }

    /// The lists against one another.
    func check(_ meta: ShardMeta) throws {
      let textCount = items.count { $0.kind == .names || $0.kind == .tags }
      let flagCount = headers.values.reduce(0) {
        $0 + ($1.flags.contains(.names) ? 1 : 0) + ($1.flags.contains(.tags) ? 1 : 0)
      }
      guard listed.count == headers.count, textCount == flagCount,
        headers.keys.allSatisfy({ $0 < meta.nextBlock }), segmentNumberMax < meta.nextSegment,
        meta.version == ShardMeta.formatVersion
      else { throw damaged("lists that do not fit one another") }
    }

    private func damaged(_ found: String) -> StoreError { ShardCopyManifest.damaged(found) }
  }

  fileprivate static func damaged(_ found: String) -> StoreError {
    StoreError(.damagedTransfer, "the manifest of a copy: expected intact lists, found \(found)")
  }
}

extension BlockHeader {
  /// Equal for blocks of the same rows, whatever their numbers.
  var contentChecksum: UInt64 {
    var writer = ByteWriter()
    writer.append(UInt64(rowCount))
    for checksum in checksums { writer.append(checksum) }
    return writer.bytes.withUnsafeBytes { Checksum.of($0) }
  }
}
