import ThumbprintCodes
import ThumbprintStorage

/// Records of an array, as a source to load from.
struct MemorySource: RecordSource {
  var records: [Record]
  var coder: CoderIdentity?
  var expectedDigest: RecordDigest?

  var path: String { "memory" }
  var count: Int { records.count }

  func id(at row: Int) -> ItemID { records[row].id }

  func forEachSourceRow(in rows: Range<Int>, _ body: (SourceRow) throws -> Void) throws {
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

  func releaseMemory(of rows: Range<Int>) {}
}
