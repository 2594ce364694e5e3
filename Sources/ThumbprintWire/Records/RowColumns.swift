import ThumbprintCodes

/// What is known of each of some rows.
public struct RowParts: OptionSet, Sendable, Hashable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let features = RowParts(rawValue: 1)
  public static let images = RowParts(rawValue: 2)
  public static let names = RowParts(rawValue: 4)
  public static let tags = RowParts(rawValue: 8)

  /// All there is of a record.
  public static let all: RowParts = [.features, .images, .names, .tags]
}

enum RowsLayout: WireLayout {
  static let name: StaticString = "rows"
  static let rowCount = WireField("row count", 0, 4)
  static let parts = WireField("parts", 4, 1)
  static let zero = WireField("reserved", 5, 3)
  static let nameByteCount = WireField("byte count of the names", 8, 4)
  static let tagsByteCount = WireField("byte count of the tags", 12, 4)
  static let byteCount = 16
  static var fields: [WireField] { [rowCount, parts, zero, nameByteCount, tagsByteCount] }
  static var reserved: [WireField] { [zero] }
}

/// Rows as they travel: columns of ids and of some of feature codes, image codes, names and tags.
///
/// The bytes are those of the message that brought them; nothing is copied until a row is asked
/// for. Texts are known to be UTF-8 within the limits of `RecordLimits`; that tags are in the
/// form of `TagsJSON` is found when they are read.
public struct RowColumns: Sendable {
  public let rowCount: Int
  public let parts: RowParts
  /// The message, or the columns alone.
  private let storage: [UInt8]
  /// Where this layout begins and ends.
  private let range: Range<Int>
  /// Where each column begins; those that are missing begin where they would.
  private let starts: Starts

  private struct Starts {
    var ids, features, images, nameOffsets, names, tagOffsets, tags, end: Int

    init(base: Int, rowCount: Int, parts: RowParts, nameByteCount: Int, tagsByteCount: Int) {
      let offsetsByteCount = 4 * (rowCount + 1)
      ids = base + RowsLayout.byteCount
      features = ids + 8 * rowCount
      images = features + (parts.contains(.features) ? FeatureCode.byteCount * rowCount : 0)
      nameOffsets = images + (parts.contains(.images) ? ImageCode.byteCount * rowCount : 0)
      names = nameOffsets + (parts.contains(.names) ? offsetsByteCount : 0)
      tagOffsets = names + nameByteCount
      tags = tagOffsets + (parts.contains(.tags) ? offsetsByteCount : 0)
      end = tags + tagsByteCount
    }
  }

  /// No rows.
  public static let empty = RowColumnsBuilder(parts: []).columns()

  /// The bytes of the layout and its columns.
  var bytes: ArraySlice<UInt8> { storage[range] }

  /// Whether each row can be appended to a ``RowColumnsBuilder`` of `wanted`. Names and tags that no
  /// row has need no column.
  public func has(_ wanted: RowParts) -> Bool {
    rowCount == 0 || parts.isSuperset(of: wanted.intersection([.features, .images]))
  }

  /// The bytes that the rows take in a message.
  public var byteCount: Int { range.count }

  // MARK: Rows

  public func id(_ row: Int) -> ItemID {
    ItemID(storage.littleEndianInteger(at: starts.ids + 8 * checked(row)))
  }

  /// The feature code of a row; the columns must have them.
  public func feature(_ row: Int) -> FeatureCode {
    precondition(parts.contains(.features), "these rows have no feature codes")
    let start = starts.features + FeatureCode.byteCount * checked(row)
    return storage.withUnsafeBytes {
      FeatureCode(copying: .init(rebasing: $0[start..<start + FeatureCode.byteCount]))
    }
  }

  /// The image code of a row; the columns must have them.
  public func image(_ row: Int) -> ImageCode {
    precondition(parts.contains(.images), "these rows have no image codes")
    let start = starts.images + ImageCode.byteCount * checked(row)
    return storage.withUnsafeBytes {
      ImageCode(copying: .init(rebasing: $0[start..<start + ImageCode.byteCount]))
    }
  }

  /// The name of a row; `nil` if it has none.
  public func name(_ row: Int) -> String? {
    let range = nameRange(row)
    return range.isEmpty ? nil : String(decoding: storage[range], as: UTF8.self)
  }

  /// The tags of a row.
  ///
  /// - Throws: `malformed` if they are not in the form of `TagsJSON`.
  public func tags(_ row: Int) throws(ServiceError) -> [String: String] {
    let range = tagsRange(row)
    if range.isEmpty { return [:] }
    do {
      return try storage.withUnsafeBytes {
        try TagsJSON.decode(UnsafeRawBufferPointer(rebasing: $0[range]))
      }
    } catch {
      throw .malformed("the tags of record \(id(row))", expected: "tags", found: "\(error)")
    }
  }

  /// All of a row; the columns must have codes of both kinds.
  public func record(_ row: Int) throws(ServiceError) -> Record {
    Record(
      id: id(row), name: name(row), tags: try tags(row), feature: feature(row),
      image: image(row))
  }

  /// Calls `body` with the memory of one row after another; it is valid only in the call. The
  /// columns must have codes of both kinds.
  package func forEachRow(
    in rows: Range<Int>, _ body: (BorrowedRow) throws -> Void
  ) rethrows {
    precondition(
      parts.isSuperset(of: [.features, .images]), "these rows have no codes of both kinds")
    try storage.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      for row in rows {
        try body(
          BorrowedRow(
            index: row, id: id(row),
            feature: base + starts.features + FeatureCode.byteCount * row,
            image: base + starts.images + ImageCode.byteCount * row,
            name: UnsafeRawBufferPointer(rebasing: bytes[nameRange(row)]),
            tags: UnsafeRawBufferPointer(rebasing: bytes[tagsRange(row)])))
      }
    }
  }

  /// Calls `body` with the UTF-8 of the name of a row; no bytes if it has none.
  func withName(_ row: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[nameRange(row)])) }
  }

  /// Calls `body` with the tags of a row as they came; no bytes if it has none.
  func withTags(_ row: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[tagsRange(row)])) }
  }

  private func nameRange(_ row: Int) -> Range<Int> {
    guard parts.contains(.names) else { return starts.names..<starts.names }
    return textRange(checked(row), offsets: starts.nameOffsets, texts: starts.names)
  }

  private func tagsRange(_ row: Int) -> Range<Int> {
    guard parts.contains(.tags) else { return starts.tags..<starts.tags }
    return textRange(checked(row), offsets: starts.tagOffsets, texts: starts.tags)
  }

  private func textRange(_ row: Int, offsets: Int, texts: Int) -> Range<Int> {
    let low = Int(storage.littleEndianInteger(at: offsets + 4 * row, as: UInt32.self))
    let high = Int(storage.littleEndianInteger(at: offsets + 4 * row + 4, as: UInt32.self))
    return texts + low..<texts + high
  }

  private func checked(_ row: Int) -> Int {
    precondition(row >= 0 && row < rowCount, "no row \(row) in \(rowCount)")
    return row
  }

  // MARK: Reading

  /// Reads the layout at the place of `reader` and moves over it.
  init(_ reader: inout WireReader, rowCountMax: Int) throws(ServiceError) {
    let base = reader.offset
    try reader.begin(RowsLayout.self)
    rowCount = Int(try reader.get(RowsLayout.rowCount, in: 0...UInt32(rowCountMax)))
    parts = try reader.get(RowsLayout.parts, flags: RowParts.self, known: .all)
    let nameByteCount = Int(reader.get(RowsLayout.nameByteCount, as: UInt32.self))
    let tagsByteCount = Int(reader.get(RowsLayout.tagsByteCount, as: UInt32.self))
    guard parts.contains(.names) || nameByteCount == 0 else {
      throw reader.wrong(RowsLayout.nameByteCount, "0 without names", found: nameByteCount)
    }
    guard parts.contains(.tags) || tagsByteCount == 0 else {
      throw reader.wrong(RowsLayout.tagsByteCount, "0 without tags", found: tagsByteCount)
    }
    starts = Starts(
      base: base, rowCount: rowCount, parts: parts, nameByteCount: nameByteCount,
      tagsByteCount: tagsByteCount)
    _ = try reader.take(starts.end - reader.offset, "columns")
    storage = reader.bytes
    range = base..<starts.end
    if parts.contains(.names) {
      try checkTexts(
        reader, "names", offsets: starts.nameOffsets, texts: starts.names..<starts.tagOffsets,
        byteCountMax: RecordLimits.nameByteCountMax)
    }
    if parts.contains(.tags) {
      try checkTexts(
        reader, "tags", offsets: starts.tagOffsets, texts: starts.tags..<starts.end,
        byteCountMax: RecordLimits.tagsByteCountMax)
    }
  }

  private func checkTexts(
    _ reader: WireReader, _ name: StaticString, offsets: Int, texts: Range<Int>,
    byteCountMax: Int
  ) throws(ServiceError) {
    let place = "\(reader.place): \(name)"
    var last = 0
    for row in 0...rowCount {
      let offset = Int(storage.littleEndianInteger(at: offsets + 4 * row, as: UInt32.self))
      let most = row == 0 ? 0 : min(texts.count, last + byteCountMax)
      guard offset >= last, offset <= most else {
        throw .malformed(
          place, expected: "an offset in \(last)...\(max(last, most))", found: offset)
      }
      // A text begins with a whole character, so that each is valid if all together are.
      if offset < texts.count, storage[texts.lowerBound + offset] & 0xC0 == 0x80 {
        throw .malformed(place, expected: "UTF-8", found: "a text that begins inside a character")
      }
      last = offset
    }
    guard last == texts.count else {
      throw .malformed(place, expected: "\(texts.count) bytes of texts", found: last)
    }
    guard String(validating: storage[texts], as: UTF8.self) != nil else {
      throw .malformed(place, expected: "UTF-8", found: "other bytes")
    }
  }

  /// Columns that ``RowColumnsBuilder`` wrote.
  init(_ bytes: [UInt8], rowCount: Int, parts: RowParts, names: Int, tags: Int) {
    self.rowCount = rowCount
    self.parts = parts
    storage = bytes
    range = bytes.indices
    starts = Starts(
      base: 0, rowCount: rowCount, parts: parts, nameByteCount: names, tagsByteCount: tags)
  }
}

extension RowColumns: Hashable {
  public static func == (a: RowColumns, b: RowColumns) -> Bool { a.bytes == b.bytes }

  public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// A row in memory that someone else keeps while a function runs.
package struct BorrowedRow {
  package var index: Int
  package var id: ItemID
  package var feature: UnsafeRawPointer
  package var image: UnsafeRawPointer
  /// No bytes if there is no name.
  package var name: UnsafeRawBufferPointer
  /// In the form of ``TagsJSON`` if the sender is honest; no bytes if there are none.
  package var tags: UnsafeRawBufferPointer
}
