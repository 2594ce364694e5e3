enum DeadLayout {
  static let rowCount = FormatField("row count", 0, 4)
  static let deadCount = FormatField("dead count", 4, 4)
  static let bits = FormatField("bits", 8, 0)
  static let byteCount = 8
  static let fields = [rowCount, deadCount, bits]
}

enum RecentLayout {
  static let rowCount = FormatField("row count", 0, 4)
  static let reserved = FormatField("reserved", 4, 4)
  static let checksum = FormatField("checksum", 8, 8)
  static let byteCount = 16
  static let fields = [rowCount, reserved, checksum]

  static func encode(rowCount: Int, block: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(UInt32(rowCount))
    writer.append(UInt32(0))
    return writer.checked(seed: ShardDatabase.recent.seed(block))
  }

  /// The number of rows.
  static func decode(_ value: UnsafeRawBufferPointer, block: UInt64) throws -> Int {
    guard value.count == byteCount,
      let payload = value.unchecked(seed: ShardDatabase.recent.seed(block))
    else {
      throw FormatError(
        "the recent entry of block \(block)", expected: "\(byteCount) intact bytes",
        found: "\(value.count) others")
    }
    return Int(payload.integer(rowCount, as: UInt32.self))
  }
}

/// Which rows of a block are deleted or replaced, being changed.
struct DeadRows {
  let rowCount: Int
  private(set) var deadCount: Int
  private(set) var bits: [UInt8]

  init(rowCount: Int) {
    self.rowCount = rowCount
    deadCount = 0
    bits = [UInt8](repeating: 0, count: (rowCount + 7) / 8)
  }

  func contains(_ row: Int) -> Bool {
    bits[row >> 3] & (1 << UInt8(row & 7)) != 0
  }

  /// - Returns: Whether the row was alive.
  mutating func insert(_ row: Int) -> Bool {
    precondition(row >= 0 && row < rowCount, "no row \(row) in \(rowCount)")
    let mask: UInt8 = 1 << UInt8(row & 7)
    if bits[row >> 3] & mask != 0 { return false }
    bits[row >> 3] |= mask
    deadCount += 1
    return true
  }

  func encoded(block: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(UInt32(rowCount))
    writer.append(UInt32(deadCount))
    bits.withUnsafeBytes { writer.append($0) }
    return writer.checked(seed: ShardDatabase.dead.seed(block))
  }
}

/// The stored dead rows of a block, read in place.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
struct StoredDeadRows: @unchecked Sendable {
  let deadCount: Int
  let bits: UnsafeRawBufferPointer

  init(_ value: UnsafeRawBufferPointer, rowCount: Int, block: UInt64) throws {
    let place = "the dead rows of block \(block)"
    let bitByteCount = (rowCount + 7) / 8
    guard value.count == DeadLayout.byteCount + bitByteCount + 8,
      let payload = value.unchecked(seed: ShardDatabase.dead.seed(block)),
      Int(payload.integer(DeadLayout.rowCount, as: UInt32.self)) == rowCount
    else {
      throw FormatError(place, expected: "intact bits of \(rowCount) rows", found: "others")
    }
    bits = UnsafeRawBufferPointer(rebasing: payload[DeadLayout.byteCount...])
    deadCount = Int(payload.integer(DeadLayout.deadCount, as: UInt32.self))
    let counted = bits.reduce(0) { $0 + $1.nonzeroBitCount }
    guard counted == deadCount, deadCount <= rowCount else {
      throw FormatError(place, expected: "\(deadCount) bits set", found: counted)
    }
  }

  func copy(rowCount: Int) -> DeadRows {
    var rows = DeadRows(rowCount: rowCount)
    for row in 0..<rowCount where bits[row >> 3] & (1 << UInt8(row & 7)) != 0 {
      _ = rows.insert(row)
    }
    return rows
  }
}
