import ThumbprintCodes
import ThumbprintTestKit

/// Records of every kind: with and without names and tags, with text that needs escapes.
func sampleRecords(count: Int, seed: UInt64) -> [Record] {
  var codes = CodeGenerator(seed: seed)
  var random = SplitMix64(seed: seed &+ 1)
  let names: [String?] = [
    nil, "a.jpg", "päth/with é and 😀", #"back\slash"#, "two\nlines", "cr\r\n", #"\n"#, " ",
    String(repeating: "x", count: RecordLimits.nameByteCountMax),
    String(repeating: "\\", count: RecordLimits.nameByteCountMax),
  ]
  let tags: [[String: String]] = [
    [:], ["place": "Kyōto"], ["": ""], ["a": "1", "b": "line\nfeed", "c": "\"\\"],
    ["long": String(repeating: "y", count: 4000)],
  ]
  return (0..<count).map { row in
    Record(
      id: ItemID(random.next()), name: names[row % names.count], tags: tags[row % tags.count],
      feature: codes.feature(), image: codes.image())
  }
}

/// Writes records to a folder that must not be there yet.
@discardableResult
func writeDataset(
  _ records: [Record], to path: String, coder: CoderIdentity? = nil
) throws -> DatasetManifest {
  let writer = try CodedDatasetWriter(path: path, coder: coder, createdBy: "tests")
  for record in records { try writer.append(record) }
  return try writer.finish()
}

/// Reads everything that a dataset has, in every way there is.
///
/// - Returns: The records, by the walk in order.
func readAll(_ dataset: CodedDataset) throws -> [Record] {
  var records: [Record] = []
  try dataset.forEachRow(in: 0..<dataset.count) { row in
    records.append(
      Record(
        id: row.id, name: row.name.map { String(decoding: $0, as: UTF8.self) },
        tags: try TagsJSON.decode(row.tags),
        feature: FeatureCode(
          copying: UnsafeRawBufferPointer(start: row.feature, count: FeatureCode.byteCount)),
        image: ImageCode(
          copying: UnsafeRawBufferPointer(start: row.image, count: ImageCode.byteCount))))
  }
  return records
}
