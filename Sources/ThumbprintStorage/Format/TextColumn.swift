import ThumbprintCodes

enum TextLayout {
  static let rowCount = FormatField("row count", 0, 4)
  static let byteCountField = FormatField("byte count of the texts", 4, 4)
  static let checksum = FormatField("checksum of what follows", 8, 8)
  static let byteCount = 16
  static let fields = [rowCount, byteCountField, checksum]
}

/// The names, or the tags, of the rows of one block: one value, written once.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
struct TextColumn: @unchecked Sendable {
  let rowCount: Int
  private let offsets: UnsafeRawPointer
  private let texts: UnsafeRawBufferPointer

  /// The offsets and the texts, one after the other.
  var body: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: offsets, count: byteCount)
  }

  var byteCount: Int { 4 * (rowCount + 1) + texts.count }

  /// The text of a row; no bytes if it has none. Bounds are checked, whatever the offsets say.
  func bytes(ofRow row: Int) -> UnsafeRawBufferPointer {
    precondition(row >= 0 && row < rowCount, "no row \(row) in \(rowCount)")
    let start = Int(offset(row))
    let end = Int(offset(row + 1))
    guard start <= end, end <= texts.count else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(rebasing: texts[start..<end])
  }

  private func offset(_ row: Int) -> UInt32 {
    UInt32(littleEndian: offsets.loadUnaligned(fromByteOffset: 4 * row, as: UInt32.self))
  }

  /// - Parameter seed: Of ``ShardDatabase/seed(_:)``.
  static func encode(_ texts: Texts, seed: UInt64) -> [UInt8] {
    var body = ByteWriter()
    for offset in texts.offsets { body.append(offset) }
    texts.bytes.withUnsafeBytes { body.append($0) }
    var value = ByteWriter()
    value.append(UInt32(texts.rowCount))
    value.append(UInt32(texts.bytes.count))
    value.append(body.bytes.withUnsafeBytes { Checksum.of($0, seed: seed) })
    body.bytes.withUnsafeBytes { value.append($0) }
    return value.bytes
  }

  /// Checks sizes only; ``isIntact(_:seed:)`` reads it all.
  init(_ value: UnsafeRawBufferPointer, rowCount: Int, place: String) throws {
    let offsetsByteCount = 4 * (rowCount + 1)
    guard value.count >= TextLayout.byteCount + offsetsByteCount,
      Int(value.integer(TextLayout.rowCount, as: UInt32.self)) == rowCount,
      Int(value.integer(TextLayout.byteCountField, as: UInt32.self))
        == value.count - TextLayout.byteCount - offsetsByteCount,
      let start = value.baseAddress
    else {
      throw FormatError(
        place, expected: "texts for \(rowCount) rows", found: "\(value.count) other bytes")
    }
    self.rowCount = rowCount
    offsets = start + TextLayout.byteCount
    texts = UnsafeRawBufferPointer(
      rebasing: value[(TextLayout.byteCount + offsetsByteCount)...])
  }

  static func isIntact(_ value: UnsafeRawBufferPointer, seed: UInt64) -> Bool {
    guard value.count >= TextLayout.byteCount else { return false }
    return Checksum.of(
      UnsafeRawBufferPointer(rebasing: value[TextLayout.byteCount...]), seed: seed)
      == value.integer(TextLayout.checksum, as: UInt64.self)
  }
}

/// The names, or the tags, of the rows of a block to be written.
struct Texts: Sendable {
  private(set) var bytes: [UInt8] = []
  private(set) var offsets: [UInt32] = [0]

  var rowCount: Int { offsets.count - 1 }
  /// Whether no row has a text.
  var isEmpty: Bool { bytes.isEmpty }

  /// Reads the body of a ``TextColumn`` for `rowCount` rows; `nil` if it is none.
  init?(body: UnsafeRawBufferPointer, rowCount: Int) {
    let textStart = 4 * (rowCount + 1)
    guard body.count >= textStart else { return nil }
    offsets = (0...rowCount).map { body.integer(4 * $0) }
    bytes = Array(body[textStart...])
    guard offsets[0] == 0, Int(offsets[rowCount]) == bytes.count,
      zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
    else { return nil }
  }

  init() {}

  /// Adds the text of the next row; no bytes for none.
  mutating func append(_ text: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: text)
    offsets.append(UInt32(bytes.count))
  }

  func withBytes<R>(ofRow row: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    if isEmpty { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    return try bytes.withUnsafeBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[Int(offsets[row])..<Int(offsets[row + 1])]))
    }
  }
}

extension Texts {
  /// Whether every text may be the name of a record.
  var areNames: Bool {
    allTexts {
      $0.count <= RecordLimits.nameByteCountMax && String(validating: $0, as: UTF8.self) != nil
    }
  }

  /// Whether every text may be the tags of a record, in the form in which they are hashed.
  var areTags: Bool {
    allTexts { text in
      guard text.count <= RecordLimits.tagsByteCountMax, let tags = try? TagsJSON.decode(text)
      else { return false }
      return TagsJSON.encode(tags).elementsEqual(text)
    }
  }

  private func allTexts(_ isValid: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    isEmpty || (0..<rowCount).allSatisfy { withBytes(ofRow: $0) { $0.isEmpty || isValid($0) } }
  }
}
