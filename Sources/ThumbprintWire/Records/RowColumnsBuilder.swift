import ThumbprintCodes

/// Collects rows into columns.
public struct RowColumnsBuilder: Sendable {
  public let parts: RowParts
  public private(set) var rowCount = 0
  private var ids: [UInt8] = []
  private var features: [UInt8] = []
  private var images: [UInt8] = []
  private var names = TextsBuilder()
  private var tags = TextsBuilder()

  /// - Parameters:
  ///   - parts: What the columns will have of each row. Columns of names or tags are left out
  ///     when no row has any.
  ///   - capacity: The number of rows to make room for.
  public init(parts: RowParts, capacity: Int = 0) {
    self.parts = parts
    ids.reserveCapacity(8 * capacity)
    if parts.contains(.features) { features.reserveCapacity(FeatureCode.byteCount * capacity) }
    if parts.contains(.images) { images.reserveCapacity(ImageCode.byteCount * capacity) }
  }

  /// The bytes that the rows added so far take in a message, about.
  public var byteCount: Int {
    RowsLayout.byteCount + ids.count + features.count + images.count + names.byteCount
      + tags.byteCount
  }

  /// Adds what ``parts`` names of a record.
  public mutating func append(_ record: Record) {
    begin(record.id)
    if parts.contains(.features) {
      record.feature.withUnsafeBytes { features.append(contentsOf: $0) }
    }
    if parts.contains(.images) {
      record.image.withUnsafeBytes { images.append(contentsOf: $0) }
    }
    if parts.contains(.names) { names.append(Array((record.name ?? "").utf8)) }
    if parts.contains(.tags) {
      tags.append(record.tags.isEmpty ? [] : TagsJSON.encode(record.tags))
    }
  }

  /// Adds a row from memory: feature code, image code, name and tags as far as ``parts`` has them.
  ///
  /// - Parameters:
  ///   - feature: `FeatureCode.byteCount` readable bytes.
  ///   - image: `ImageCode.byteCount` readable bytes.
  ///   - name: UTF-8; no bytes for none.
  ///   - tags: In the form of `TagsJSON`; no bytes for none.
  public mutating func append(
    id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer
  ) {
    begin(id)
    if parts.contains(.features) {
      features.append(
        contentsOf: UnsafeRawBufferPointer(start: feature, count: FeatureCode.byteCount))
    }
    if parts.contains(.images) {
      images.append(contentsOf: UnsafeRawBufferPointer(start: image, count: ImageCode.byteCount))
    }
    if parts.contains(.names) { names.append(name) }
    if parts.contains(.tags) { self.tags.append(tags) }
  }

  /// Adds a row of which only the id is wanted; ``parts`` must be empty.
  public mutating func append(id: ItemID) {
    precondition(parts.isEmpty, "these rows have more than ids")
    begin(id)
  }

  private mutating func begin(_ id: ItemID) {
    rowCount += 1
    withUnsafeBytes(of: id.rawValue.littleEndian) { ids.append(contentsOf: $0) }
  }

  /// Adds a row of other columns that have ``parts``.
  public mutating func append(row: Int, of other: RowColumns) {
    begin(other.id(row))
    if parts.contains(.features) {
      other.feature(row).withUnsafeBytes { features.append(contentsOf: $0) }
    }
    if parts.contains(.images) {
      other.image(row).withUnsafeBytes { images.append(contentsOf: $0) }
    }
    if parts.contains(.names) { other.withName(row) { names.append($0) } }
    if parts.contains(.tags) { other.withTags(row) { tags.append($0) } }
  }

  /// The columns of all rows that were added.
  public func columns() -> RowColumns {
    var parts = parts
    if names.bytes.isEmpty { parts.remove(.names) }
    if tags.bytes.isEmpty { parts.remove(.tags) }
    var writer = WireWriter(capacity: byteCount)
    writer.begin(RowsLayout.self)
    writer.set(RowsLayout.rowCount, UInt32(rowCount))
    writer.set(RowsLayout.parts, parts.rawValue)
    writer.set(RowsLayout.nameByteCount, UInt32(names.bytes.count))
    writer.set(RowsLayout.tagsByteCount, UInt32(tags.bytes.count))
    writer.append(ids)
    writer.append(features)
    writer.append(images)
    if parts.contains(.names) { names.write(to: &writer) }
    if parts.contains(.tags) { tags.write(to: &writer) }
    return RowColumns(
      writer.bytes, rowCount: rowCount, parts: parts, names: names.bytes.count,
      tags: tags.bytes.count)
  }
}

/// One text a row, one after another.
private struct TextsBuilder: Sendable {
  private(set) var bytes: [UInt8] = []
  private var offsets: [UInt32] = [0]

  var byteCount: Int { 4 * offsets.count + bytes.count }

  mutating func append(_ text: some Collection<UInt8>) {
    bytes.append(contentsOf: text)
    offsets.append(UInt32(bytes.count))
  }

  func write(to writer: inout WireWriter) {
    for offset in offsets { writer.append(offset) }
    writer.append(bytes)
  }
}
