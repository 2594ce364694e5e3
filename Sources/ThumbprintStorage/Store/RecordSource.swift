import ThumbprintCodes

/// Records to be loaded, read in order and more than once, by several threads.
package protocol RecordSource: Sendable {
  /// The file or folder, for messages.
  var path: String { get }
  var count: Int { get }
  var coder: CoderIdentity? { get }
  /// What the sum over all records must be; `nil` if nobody said.
  var expectedDigest: RecordDigest? { get }
  func id(at row: Int) -> ItemID
  /// Calls `body` with one row after another.
  func forEachSourceRow(in rows: Range<Int>, _ body: (SourceRow) throws -> Void) throws
  /// These rows will not be read again soon.
  func releaseMemory(of rows: Range<Int>)
}

/// A row in borrowed memory, valid only while the function that was given it runs.
package struct SourceRow {
  package var index: Int
  package var id: ItemID
  package var feature: UnsafeRawPointer
  package var image: UnsafeRawPointer
  /// No bytes if there is no name.
  package var name: UnsafeRawBufferPointer
  /// In the form of ``TagsJSON``; no bytes if there are none.
  package var tags: UnsafeRawBufferPointer

  package init(
    index: Int, id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer
  ) {
    self.index = index
    self.id = id
    self.feature = feature
    self.image = image
    self.name = name
    self.tags = tags
  }
}

extension CodedDataset: RecordSource {
  package var expectedDigest: RecordDigest? { manifest?.digest }

  package func forEachSourceRow(
    in rows: Range<Int>, _ body: (SourceRow) throws -> Void
  ) throws {
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    try forEachRow(in: rows) { row in
      try body(
        SourceRow(
          index: row.index, id: row.id, feature: row.feature, image: row.image,
          name: row.name ?? none, tags: row.tags))
    }
  }
}
