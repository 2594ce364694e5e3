import ThumbprintCodes
import ThumbprintStorage

/// Records of an array, as a source to load from.
package struct MemorySource: RecordSource {
  package var records: [Record]
  package var coder: CoderIdentity?
  package var expectedDigest: RecordDigest?

  package init(
    records: [Record], coder: CoderIdentity? = nil, expectedDigest: RecordDigest? = nil
  ) {
    self.records = records
    self.coder = coder
    self.expectedDigest = expectedDigest
  }

  package var path: String { "memory" }
  package var count: Int { records.count }

  package func id(at row: Int) -> ItemID { records[row].id }

  package func forEachSourceRow(in rows: Range<Int>, _ body: (SourceRow) throws -> Void) throws {
    for row in rows {
      let record = records[row]
      let tags = TagsJSON.encode(record.tags)
      var name = record.name ?? ""
      try name.withUTF8 { name in
        try tags.withUnsafeBytes { tags in
          try record.feature.withUnsafeBytes { feature in
            try record.image.withUnsafeBytes { image in
              guard let feature = feature.baseAddress, let image = image.baseAddress else { return }
              try body(
                SourceRow(
                  index: row, id: record.id, feature: feature, image: image,
                  name: UnsafeRawBufferPointer(name), tags: tags))
            }
          }
        }
      }
    }
  }

  package func releaseMemory(of rows: Range<Int>) {}
}
