import Glibc
import ThumbprintCodes
import ThumbprintIndex

/// Rows ready to be stored as one block: in columns, permuted, ascending by id.
///
/// `@unchecked Sendable` is safe because threads that fill a batch write different rows of it, or
/// one fills it all; it is handed on when that is done, and from then on it is only read.
final class RowBatch: @unchecked Sendable {
  let rowCount: Int
  let columns: CodeColumns
  /// The columns, one after another, as a block holds them.
  let memory: UnsafeMutableRawBufferPointer
  /// The hash of every row.
  private let digests: UnsafeMutableBufferPointer<RecordDigest>
  private(set) var names = Texts()
  private(set) var tags = Texts()
  /// By ``BlockColumn``; empty until ``finish()``.
  private(set) var checksums: [UInt64] = []
  private(set) var filledCount = 0

  /// Room for exactly `rowCount` rows, `1...BlockHeader.rowCountMax`.
  init(rowCount: Int) {
    precondition((1...BlockHeader.rowCountMax).contains(rowCount), "\(rowCount) rows in a block")
    self.rowCount = rowCount
    memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: CodeColumns.rowByteCount * rowCount, alignment: 64)
    guard let start = memory.baseAddress else { preconditionFailure("memory has an address") }
    columns = CodeColumns(rowCount: rowCount, contiguous: UnsafeRawPointer(start))
    digests = .allocate(capacity: rowCount)
    digests.initialize(repeating: RecordDigest())
  }

  deinit {
    memory.deallocate()
    digests.deallocate()
  }

  func id(_ row: Int) -> ItemID { columns.id(ofRow: row) }

  /// Writes the codes of one row in its place. Different rows may be written by different
  /// threads at once; names and tags are then given by ``setTexts(names:tags:)``.
  func setCodes(
    _ row: Int, id: ItemID, permutedCode: UnsafeRawPointer, image: UnsafeRawPointer,
    digest: RecordDigest
  ) {
    precondition(row >= 0 && row < rowCount, "no row \(row) in \(rowCount)")
    guard let start = memory.baseAddress else { return }
    CodeColumns.write(
      permutedCode: permutedCode, image: image, id: id, atRow: row, ofRows: rowCount, in: start)
    digests[row] = digest
  }

  /// Ends what ``setCodes(_:id:permutedCode:image:digest:)`` began: the names and the tags of
  /// all rows, or none of any.
  func setTexts(names: Texts, tags: Texts) {
    precondition(
      (names.isEmpty || names.rowCount == rowCount) && (tags.isEmpty || tags.rowCount == rowCount),
      "texts of other rows than \(rowCount)")
    self.names = names
    self.tags = tags
    filledCount = rowCount
  }

  /// Adds the next row from a code as it came.
  func append(
    id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer, tags rowTags: UnsafeRawBufferPointer,
    permutation: BitPermutation
  ) {
    // Aligned to more than 16 bytes the code would not be on the stack.
    withUnsafeTemporaryAllocation(byteCount: FeatureCode.byteCount, alignment: 16) { code in
      guard let code = code.baseAddress else { return }
      permutation.permute(feature, to: code)
      setCodes(
        filledCount, id: id, permutedCode: code, image: image,
        digest: RecordDigest.of(
          id: id, feature: feature, image: image, name: name, tags: rowTags))
    }
    names.append(name)
    tags.append(rowTags)
    filledCount += 1
  }

  /// Adds a row of another batch.
  func append(row: Int, of other: RowBatch) {
    copyCodes(row: row, of: other.columns)
    other.names.withBytes(ofRow: row) { names.append($0) }
    other.tags.withBytes(ofRow: row) { tags.append($0) }
    digests[filledCount] = other.digests[row]
    filledCount += 1
  }

  /// Adds a stored row, whose digest nobody needs: it is part of the shard's already.
  func append(row: Int, of block: BlockView) {
    copyCodes(row: row, of: block.columns)
    names.append(block.nameBytes(row))
    tags.append(block.tagBytes(row))
    filledCount += 1
  }

  /// Takes all rows at once: columns as a block holds them, and texts. The digests of the rows
  /// are not known then.
  func fill(columns bytes: UnsafeRawBufferPointer, names: Texts, tags: Texts) {
    precondition(bytes.count == memory.count, "\(bytes.count) bytes for \(memory.count)")
    memory.copyMemory(from: bytes)
    setTexts(names: names, tags: tags)
  }

  private func copyCodes(row: Int, of source: CodeColumns) {
    let target = filledCount
    precondition(target < rowCount, "a batch of \(rowCount) rows is full")
    for column in BlockColumn.allCases {
      let count = column.byteCountPerRow
      UnsafeMutableRawPointer(mutating: column.start(in: columns) + count * target)
        .copyMemory(from: column.start(in: source) + count * row, byteCount: count)
    }
  }

  /// Computes the checksums; the batch is complete.
  func finish() {
    precondition(filledCount == rowCount, "\(filledCount) of \(rowCount) rows are there")
    checksums = BlockColumn.checksums(of: columns)
  }

  /// The batch of some of the rows, in the same order.
  func selecting(_ rows: [Int]) -> RowBatch {
    let result = RowBatch(rowCount: rows.count)
    for row in rows { result.append(row: row, of: self) }
    result.finish()
    return result
  }

  /// The digest of one row, computed.
  func digest(_ row: Int, permutation: BitPermutation) -> RecordDigest {
    names.withBytes(ofRow: row) { name in
      tags.withBytes(ofRow: row) { tags in
        columns.digest(row, name: name, tags: tags, permutation: permutation)
      }
    }
  }

  /// The sum over all rows.
  var digest: RecordDigest {
    digests.reduce(into: RecordDigest()) { $0.add($1) }
  }

  /// The bytes that storing the batch writes, without the pages of the trees.
  var storedByteCount: Int {
    BlockHeader.valueByteCount(rowCount: rowCount) + names.bytes.count + tags.bytes.count
      + (names.isEmpty ? 0 : 4 * rowCount) + (tags.isEmpty ? 0 : 4 * rowCount)
  }

  /// Whether a row and a stored row of the same id have the same content.
  func isSame(row: Int, as stored: BlockView, row storedRow: Int) -> Bool {
    for column in BlockColumn.allCases {
      let count = column.byteCountPerRow
      guard
        memcmp(
          column.start(in: columns) + count * row,
          column.start(in: stored.columns) + count * storedRow, count) == 0
      else { return false }
    }
    return names.withBytes(ofRow: row) { $0.elementsEqual(stored.nameBytes(storedRow)) }
      && tags.withBytes(ofRow: row) { $0.elementsEqual(stored.tagBytes(storedRow)) }
  }
}

extension RowBatch {
  /// The most bytes of the codes and texts of a batch that a write makes, unless one row alone has
  /// more: so that its entry of the log fits into one message to a follower, whatever names and
  /// tags the rows have. A block without texts has as many rows as it may and stays below.
  static let byteCountMax = 12 << 20

  /// The bytes that a row adds to ``storedByteCount``.
  static func byteCount(textByteCount: Int) -> Int {
    CodeColumns.rowByteCount + 8 + textByteCount
  }

  /// Cuts rows, given by what each adds, into runs that make batches of at most
  /// ``BlockHeader/rowCountMax`` rows and ``byteCountMax`` bytes.
  static func runs(of byteCounts: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    var sum = 0
    for (row, byteCount) in byteCounts.enumerated() {
      let isFull = row - start == BlockHeader.rowCountMax || sum + byteCount > byteCountMax
      if row > start, isFull {
        runs.append(start..<row)
        (start, sum) = (row, 0)
      }
      sum += byteCount
    }
    if start < byteCounts.count { runs.append(start..<byteCounts.count) }
    return runs
  }

  /// This batch, or several smaller ones in its place if its texts are long.
  func cut() -> [RowBatch] {
    if storedByteCount <= Self.byteCountMax { return [self] }
    return Self.runs(of: (0..<rowCount).map { Self.byteCount(textByteCount: textByteCount($0)) })
      .map { selecting(Array($0)) }
  }

  /// Bytes of the name and the tags of a row.
  func textByteCount(_ row: Int) -> Int {
    names.withBytes(ofRow: row) { $0.count } + tags.withBytes(ofRow: row) { $0.count }
  }

  /// The batches of records, sorted, at most ``BlockHeader/rowCountMax`` rows and about
  /// ``byteCountMax`` bytes each. Of several records with one id the last counts.
  /// Made one at a time, as they are asked for.
  static func batches(
    of records: [Record], permutation: BitPermutation
  ) -> some Sequence<RowBatch> {
    var last: [ItemID: Int] = [:]
    for (i, record) in records.enumerated() { last[record.id] = i }
    let order = last.values.sorted { records[$0].id < records[$1].id }
    let byteCounts = order.map { row in
      let tags = records[row].tags
      return byteCount(
        textByteCount: (records[row].name?.utf8.count ?? 0)
          + (tags.isEmpty ? 0 : TagsJSON.encode(tags).count))
    }
    return runs(of: byteCounts).lazy.map { run in
      let batch = RowBatch(rowCount: run.count)
      for i in order[run] { batch.append(records[i], permutation: permutation) }
      batch.finish()
      return batch
    }
  }

  private func append(_ record: Record, permutation: BitPermutation) {
    var name = record.name ?? ""
    let tags = TagsJSON.encode(record.tags)
    name.withUTF8 { name in
      tags.withUnsafeBytes { tags in
        record.feature.withUnsafeBytes { feature in
          record.image.withUnsafeBytes { image in
            guard let feature = feature.baseAddress, let image = image.baseAddress else { return }
            append(
              id: record.id, feature: feature, image: image, name: UnsafeRawBufferPointer(name),
              tags: tags, permutation: permutation)
          }
        }
      }
    }
  }
}
