import ThumbprintCodes
import ThumbprintIndex

enum BlockLayout {
  static let magic = FormatField("magic", 0, 8)
  static let version = FormatField("version", 8, 2)
  static let flags = FormatField("flags", 10, 2)
  static let rowCount = FormatField("row count", 12, 4)
  static let number = FormatField("block number", 16, 8)
  static let sequence = FormatField("sequence", 24, 8)
  static let sketches = FormatField("checksum of sketches", 32, 8)
  static let seconds = FormatField("checksum of seconds", 40, 8)
  static let rests = FormatField("checksum of rests", 48, 8)
  static let images = FormatField("checksum of images", 56, 8)
  static let ids = FormatField("checksum of ids", 64, 8)
  static let idMin = FormatField("least id", 72, 8)
  static let idMax = FormatField("greatest id", 80, 8)
  static let reserved = FormatField("reserved", 88, 32)
  static let checksum = FormatField("header checksum", 120, 8)
  static let byteCount = 128
  static let fields = [
    magic, version, flags, rowCount, number, sequence, sketches, seconds, rests, images, ids,
    idMin, idMax, reserved, checksum,
  ]
  static let magicValue = UInt64(littleEndianBytes: "TPBLK\r\n\u{1A}")
  static let versionValue: UInt16 = 1
}

/// The columns of a block, each with its own checksum.
package enum BlockColumn: Int, CaseIterable, Sendable {
  case sketches, seconds, rests, images, ids

  var byteCountPerRow: Int {
    switch self {
    case .sketches: CodeColumns.sketchByteCount
    case .seconds: CodeColumns.secondByteCount
    case .rests: CodeColumns.restByteCount
    case .images: ImageCode.byteCount
    case .ids: 8
    }
  }

  func start(in columns: CodeColumns) -> UnsafeRawPointer {
    switch self {
    case .sketches: columns.sketches
    case .seconds: columns.seconds
    case .rests: columns.rests
    case .images: columns.images
    case .ids: columns.ids
    }
  }

  func checksum(in columns: CodeColumns) -> UInt64 {
    Checksum.of(start(in: columns), byteCount: byteCountPerRow * columns.rowCount)
  }

  static func checksums(of columns: CodeColumns) -> [UInt64] {
    allCases.map { $0.checksum(in: columns) }
  }
}

/// What stands before the columns of a block.
struct BlockHeader: Sendable, Hashable {
  /// The most rows of a block.
  static let rowCountMax = 16384

  struct Flags: OptionSet, Sendable, Hashable {
    let rawValue: UInt16
    static let names = Flags(rawValue: 1)
    static let tags = Flags(rawValue: 2)
    static let known: Flags = [.names, .tags]
  }

  var number: UInt64
  var rowCount: Int
  var flags: Flags
  /// The sequence of the log entry that names this block, 0 if none does.
  var sequence: UInt64
  /// By ``BlockColumn``.
  var checksums: [UInt64]
  var idMin: UInt64
  var idMax: UInt64

  static func valueByteCount(rowCount: Int) -> Int {
    BlockLayout.byteCount + CodeColumns.rowByteCount * rowCount
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter(byteCount: BlockLayout.checksum.offset)
    writer.set(BlockLayout.magic, BlockLayout.magicValue)
    writer.set(BlockLayout.version, BlockLayout.versionValue)
    writer.set(BlockLayout.flags, flags.rawValue)
    writer.set(BlockLayout.rowCount, UInt32(rowCount))
    writer.set(BlockLayout.number, number)
    writer.set(BlockLayout.sequence, sequence)
    for column in BlockColumn.allCases {
      let field = FormatField("checksum", BlockLayout.sketches.offset + 8 * column.rawValue, 8)
      writer.set(field, checksums[column.rawValue])
    }
    writer.set(BlockLayout.idMin, idMin)
    writer.set(BlockLayout.idMax, idMax)
    return writer.checked(seed: ShardDatabase.blocks.seed(number))
  }

  /// Reads the header of the value of block `number`.
  static func decode(_ value: UnsafeRawBufferPointer, number: UInt64) throws -> BlockHeader {
    let header = try decode(
      header: UnsafeRawBufferPointer(rebasing: value.prefix(BlockLayout.byteCount)),
      number: number)
    guard value.count == valueByteCount(rowCount: header.rowCount) else {
      throw FormatError(
        "block \(number)", expected: "\(valueByteCount(rowCount: header.rowCount)) bytes",
        found: value.count)
    }
    return header
  }

  /// Reads a header alone.
  static func decode(header bytes: UnsafeRawBufferPointer, number: UInt64) throws -> BlockHeader {
    let place = "block \(number)"
    guard bytes.count == BlockLayout.byteCount else {
      throw FormatError(
        place, expected: "at least \(BlockLayout.byteCount) bytes", found: bytes.count)
    }
    guard bytes.integer(BlockLayout.magic, as: UInt64.self) == BlockLayout.magicValue else {
      throw FormatError(place, expected: "the magic of a block", found: "other bytes")
    }
    guard let payload = bytes.unchecked(seed: ShardDatabase.blocks.seed(number)) else {
      throw FormatError(place, expected: "the checksum of its header", found: "another")
    }
    let version: UInt16 = payload.integer(BlockLayout.version)
    guard version == BlockLayout.versionValue else {
      throw FormatError(place, expected: "version \(BlockLayout.versionValue)", found: version)
    }
    let rowCount = Int(payload.integer(BlockLayout.rowCount, as: UInt32.self))
    let flags = Flags(rawValue: payload.integer(BlockLayout.flags))
    guard (1...rowCountMax).contains(rowCount), flags.isSubset(of: .known),
      payload.integer(BlockLayout.number, as: UInt64.self) == number,
      payload[BlockLayout.reserved.offset...].allSatisfy({ $0 == 0 })
    else {
      throw FormatError(place, expected: "a header of this format", found: "another")
    }
    return BlockHeader(
      number: number, rowCount: rowCount, flags: flags,
      sequence: payload.integer(BlockLayout.sequence),
      checksums: BlockColumn.allCases.map {
        payload.integer(BlockLayout.sketches.offset + 8 * $0.rawValue)
      },
      idMin: payload.integer(BlockLayout.idMin), idMax: payload.integer(BlockLayout.idMax))
  }
}
