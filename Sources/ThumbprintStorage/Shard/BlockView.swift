import ThumbprintCodes
import ThumbprintIndex

/// A stored block, read in place.
///
/// Keeps the transaction in which its memory stays in place. Pointers taken out of a block do not:
/// whoever reads through them keeps the block, or the view, until the reading is done.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
struct BlockView: @unchecked Sendable {
  let header: BlockHeader
  /// With the dead rows of the view.
  let columns: CodeColumns
  let dead: StoredDeadRows?
  let names: TextColumn?
  let tags: TextColumn?
  private let owner: LMDBReadTransaction

  init(
    header: BlockHeader, value: UnsafeRawBufferPointer, dead: StoredDeadRows?,
    names: TextColumn?, tags: TextColumn?, owner: LMDBReadTransaction
  ) {
    guard let start = value.baseAddress else { preconditionFailure("a block has bytes") }
    self.header = header
    var columns = CodeColumns(
      rowCount: header.rowCount, contiguous: start + BlockLayout.byteCount)
    columns.deadRows = dead?.bits.baseAddress
    self.columns = columns
    self.dead = dead
    self.names = names
    self.owner = owner
    self.tags = tags
  }

  var number: UInt64 { header.number }
  var rowCount: Int { header.rowCount }
  var deadCount: Int { dead?.deadCount ?? 0 }
  var liveCount: Int { rowCount - deadCount }
  var ids: SortedIDs { SortedIDs(start: columns.ids, count: rowCount) }

  /// The whole value, header included.
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: columns.sketches - BlockLayout.byteCount,
      count: BlockHeader.valueByteCount(rowCount: rowCount))
  }

  /// What the block takes on disk, without the pages of the trees.
  var storedByteCount: Int {
    bytes.count + (names?.byteCount ?? 0) + (tags?.byteCount ?? 0)
  }

  func nameBytes(_ row: Int) -> UnsafeRawBufferPointer {
    names?.bytes(ofRow: row) ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  func tagBytes(_ row: Int) -> UnsafeRawBufferPointer {
    tags?.bytes(ofRow: row) ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  func feature(_ row: Int, permutation: BitPermutation) -> FeatureCode {
    var code = FeatureCode()
    code.withUnsafeMutableBytes { bytes in
      guard let bytes = bytes.baseAddress else { return }
      columns.copyPermutedCode(ofRow: row, to: bytes)
    }
    return permutation.restored(code)
  }

  func record(_ row: Int, permutation: BitPermutation) throws -> Record {
    let name = nameBytes(row)
    let tags: [String: String]
    do {
      tags = try TagsJSON.decode(tagBytes(row))
    } catch {
      throw FormatError(
        "the tags of row \(row) of block \(number)", expected: "an object of texts",
        found: error)
    }
    return Record(
      id: columns.id(ofRow: row), name: name.isEmpty ? nil : String(decoding: name, as: UTF8.self),
      tags: tags, feature: feature(row, permutation: permutation),
      image: columns.image(ofRow: row))
  }

  func digest(_ row: Int, permutation: BitPermutation) -> RecordDigest {
    columns.digest(row, name: nameBytes(row), tags: tagBytes(row), permutation: permutation)
  }

  /// - Throws: ``FormatError`` naming the first of `checked` whose checksum is another.
  func verify(_ checked: [BlockColumn]) throws {
    for column in checked {
      let found = column.checksum(in: columns)
      let expected = header.checksums[column.rawValue]
      guard found == expected else {
        throw FormatError(
          "the \(column) of block \(number)", expected: "checksum \(hexadecimal(expected))",
          found: hexadecimal(found))
      }
    }
  }
}

extension CodeColumns {
  /// The digest of the record of a row.
  func digest(
    _ row: Int, name: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer,
    permutation: BitPermutation
  ) -> RecordDigest {
    withUnsafeTemporaryAllocation(byteCount: 2 * FeatureCode.byteCount, alignment: 16) { codes in
      guard let permuted = codes.baseAddress else { return RecordDigest() }
      let code = permuted + FeatureCode.byteCount
      copyPermutedCode(ofRow: row, to: permuted)
      permutation.restore(permuted, to: code)
      return RecordDigest.of(
        id: id(ofRow: row), feature: code, image: images + ImageCode.byteCount * row, name: name,
        tags: tags)
    }
  }
}

func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }

/// Ids in ascending order, little-endian, at any alignment.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
struct SortedIDs: @unchecked Sendable {
  let start: UnsafeRawPointer
  let count: Int

  subscript(_ i: Int) -> UInt64 {
    UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self))
  }

  /// The first place at or behind `from` whose id is not below `id`, found by steps that
  /// double: cheap when asked for ascending ids.
  func lowerBound(_ id: UInt64, from: Int = 0) -> Int {
    var low = from
    var step = 1
    while low + step <= count, self[low + step - 1] < id {
      low += step
      step *= 2
    }
    var high = min(count, low + step)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
