import ThumbprintIndex

enum SegmentLayout {
  static let version = FormatField("version", 0, 4)
  static let tableCount = FormatField("table count", 4, 4)
  static let rowCount = FormatField("row count", 8, 4)
  static let blockCount = FormatField("block count", 12, 4)
  static let pieceCount = FormatField("piece count", 16, 4)
  static let reserved = FormatField("reserved", 20, 4)
  static let byteCount = 24
  static let fields = [version, tableCount, rowCount, blockCount, pieceCount, reserved]

  static let blockNumber = FormatField("block number", 0, 8)
  static let blockRowCount = FormatField("row count", 8, 4)
  static let blockReserved = FormatField("reserved", 12, 4)
  static let blockByteCount = 16
  static let blockFields = [blockNumber, blockRowCount, blockReserved]

  static let pieceKey = FormatField("piece key", 0, 4)
  static let pieceReserved = FormatField("reserved", 4, 4)
  static let pieceLength = FormatField("byte count", 8, 8)
  static let pieceChecksum = FormatField("checksum", 16, 8)
  static let pieceByteCount = 24
  static let pieceFields = [pieceKey, pieceReserved, pieceLength, pieceChecksum]

  static let versionValue: UInt32 = 1
}

extension SegmentPieceKey {
  /// The ids of the rows alive at sealing, ascending; kept by the storage, not by the index.
  static let placeIDs = SegmentPieceKey(rawValue: 8)
  /// The row of each of them.
  static let placeRows = SegmentPieceKey(rawValue: 9)
}

/// What a segment is made of.
struct SegmentDescriptor: Sendable, Hashable {
  struct Block: Sendable, Hashable {
    var number: UInt64
    var rowCount: Int
  }

  struct Piece: Sendable, Hashable {
    var key: SegmentPieceKey
    var byteCount: Int
    var checksum: UInt64
  }

  var number: UInt64
  var tableCount: Int
  var blocks: [Block]
  /// Ascending by key.
  var pieces: [Piece]

  var rowCount: Int { blocks.reduce(0) { $0 + $1.rowCount } }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.append(SegmentLayout.versionValue)
    writer.append(UInt32(tableCount))
    writer.append(UInt32(rowCount))
    writer.append(UInt32(blocks.count))
    writer.append(UInt32(pieces.count))
    writer.append(UInt32(0))
    for block in blocks {
      writer.append(block.number)
      writer.append(UInt32(block.rowCount))
      writer.append(UInt32(0))
    }
    for piece in pieces {
      writer.append(piece.key.rawValue)
      writer.append(UInt32(0))
      writer.append(UInt64(piece.byteCount))
      writer.append(piece.checksum)
    }
    return writer.checked(seed: ShardDatabase.segments.seed(number))
  }

  static func decode(_ value: UnsafeRawBufferPointer, number: UInt64) throws
    -> SegmentDescriptor
  {
    let place = "segment \(number)"
    guard let payload = value.unchecked(seed: ShardDatabase.segments.seed(number)),
      payload.count >= SegmentLayout.byteCount
    else { throw FormatError(place, expected: "its checksum", found: "another") }
    let version: UInt32 = payload.integer(SegmentLayout.version)
    guard version == SegmentLayout.versionValue else {
      throw FormatError(
        place, expected: "version \(SegmentLayout.versionValue)", found: version)
    }
    let blockCount = Int(payload.integer(SegmentLayout.blockCount, as: UInt32.self))
    let pieceCount = Int(payload.integer(SegmentLayout.pieceCount, as: UInt32.self))
    let piecesStart = SegmentLayout.byteCount + SegmentLayout.blockByteCount * blockCount
    guard payload.count == piecesStart + SegmentLayout.pieceByteCount * pieceCount else {
      throw FormatError(
        place, expected: "\(blockCount) blocks and \(pieceCount) pieces",
        found: "\(payload.count) bytes")
    }
    let blocks = (0..<blockCount).map { i in
      let start = SegmentLayout.byteCount + SegmentLayout.blockByteCount * i
      return Block(
        number: payload.integer(start),
        rowCount: Int(
          payload.integer(start + SegmentLayout.blockRowCount.offset, as: UInt32.self)))
    }
    let pieces = (0..<pieceCount).map { i in
      let start = piecesStart + SegmentLayout.pieceByteCount * i
      return Piece(
        key: SegmentPieceKey(rawValue: payload.integer(start)),
        byteCount: Int(
          truncatingIfNeeded: payload.integer(
            start + SegmentLayout.pieceLength.offset, as: UInt64.self)),
        checksum: payload.integer(start + SegmentLayout.pieceChecksum.offset))
    }
    let descriptor = SegmentDescriptor(
      number: number,
      tableCount: Int(payload.integer(SegmentLayout.tableCount, as: UInt32.self)),
      blocks: blocks, pieces: pieces)
    guard
      descriptor.rowCount == Int(payload.integer(SegmentLayout.rowCount, as: UInt32.self)),
      (1...IndexProfile.rowCountMax).contains(descriptor.rowCount)
    else {
      throw FormatError(
        place, expected: "1 to \(IndexProfile.rowCountMax) rows", found: descriptor.rowCount)
    }
    return descriptor
  }
}
