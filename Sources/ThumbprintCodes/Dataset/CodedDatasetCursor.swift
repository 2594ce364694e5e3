extension CodedDataset {
  /// A row in borrowed memory, valid only while the function that was given it runs.
  public struct Row {
    /// The number of the row in its dataset.
    public let index: Int
    public let id: ItemID
    /// ``FeatureCode/byteCount`` bytes, at no promised alignment.
    public let feature: UnsafeRawPointer
    /// ``ImageCode/byteCount`` bytes, at no promised alignment.
    public let image: UnsafeRawPointer
    /// UTF-8 of at most ``RecordLimits/nameByteCountMax`` bytes; `nil` if there is no name.
    public let name: UnsafeRawBufferPointer?
    /// The tags in the canonical form of ``TagsJSON``; no bytes if there are none.
    public let tags: UnsafeRawBufferPointer

    /// The hash of this record.
    public var digest: RecordDigest {
      .of(id: id, feature: feature, image: image, name: name, tags: tags)
    }
  }
}

/// A walk over rows of a dataset in ascending order.
///
/// A row points into the dataset and into this object, and is valid until the next call.
final class CodedDatasetCursor {
  private let dataset: CodedDataset
  private let end: Int
  private var index: Int
  private var nameOffset = 0
  private var tagsOffset = 0
  private let nameScratch: UnsafeMutableRawBufferPointer
  private let tagsScratch: UnsafeMutableRawBufferPointer

  init(_ dataset: CodedDataset, rows: Range<Int>) throws(CodedDatasetError) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= dataset.count,
      "no rows \(rows) among \(dataset.count)")
    self.dataset = dataset
    index = rows.lowerBound
    end = rows.upperBound
    nameScratch = .allocate(byteCount: NameLine.byteCountMax, alignment: 8)
    tagsScratch = .allocate(byteCount: RecordLimits.tagsByteCountMax, alignment: 8)
    if let names = dataset.names { nameOffset = try names.start(ofLine: index) }
    if let tags = dataset.tags { tagsOffset = try tags.start(ofLine: index) }
  }

  deinit {
    nameScratch.deallocate()
    tagsScratch.deallocate()
  }

  /// The next row, or `nil` after the last.
  ///
  /// - Throws: ``CodedDatasetError/Code/invalidName`` or ``CodedDatasetError/Code/invalidTags``,
  ///   naming the line; the cursor then stands where it stood.
  func next() throws(CodedDatasetError) -> CodedDataset.Row? {
    guard index < end else { return nil }
    var name: UnsafeRawBufferPointer?
    var nextNameOffset = 0
    if let names = dataset.names {
      (name, nextNameOffset) = try dataset.readName(
        in: names, at: nameOffset, row: index, scratch: nameScratch)
    }
    var tagsByteCount = 0
    if let tags = dataset.tags {
      let found = try dataset.readTags(in: tags, at: tagsOffset, row: index)
      tagsScratch.copyBytes(from: found.canonical)
      tagsByteCount = found.canonical.count
      tagsOffset = found.next
    }
    nameOffset = nextNameOffset
    let row = CodedDataset.Row(
      index: index, id: dataset.id(at: index), feature: dataset.columns.features[index],
      image: dataset.columns.images.map { $0[index] } ?? dataset.zeroImage.bytes, name: name,
      tags: UnsafeRawBufferPointer(rebasing: tagsScratch[..<tagsByteCount]))
    index += 1
    return row
  }
}
