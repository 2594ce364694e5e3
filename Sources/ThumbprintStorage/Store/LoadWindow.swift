import Dispatch
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// A run of rows of a source, made ready for its shards: sorted, permuted, hashed, summed.
///
/// Rows of one window are prepared by all cores, while the window before it is being stored.
struct LoadWindow: Sendable {
  /// Six whole blocks: 57 MB, about what one transaction may hold.
  static let rowCountMax = 6 * BlockHeader.rowCountMax
  private static let chunkRowCount = 2_048

  let rows: Range<Int>
  /// By shard.
  let batches: [[RowBatch]]
  let duplicateCount: Int
  /// The sum over all rows, those left out as well.
  let digest: RecordDigest

  init(
    _ source: some RecordSource, rows: Range<Int>, shards: [Shard], threadCount: Int
  ) throws {
    self.rows = rows
    let plan = Plan(source, rows: rows, shardCount: shards.count)
    duplicateCount = plan.duplicateCount
    let filling = Filling(plan, permutations: shards.map(\.permutation))
    let chunks = stride(from: rows.lowerBound, to: rows.upperBound, by: Self.chunkRowCount).map {
      $0..<min($0 + Self.chunkRowCount, rows.upperBound)
    }
    LoadWindow.forEach(chunks.count, threadCount: threadCount) { i in
      filling.fill(source, chunks[i], base: rows.lowerBound)
    }
    digest = try filling.finish()
    let all = plan.batches.flatMap(\.self)
    LoadWindow.forEach(all.count, threadCount: threadCount) { all[$0].finish() }
    batches = plan.batches.map { $0.flatMap { $0.cut() } }
    source.releaseMemory(of: rows)
  }

  private static func forEach(
    _ count: Int, threadCount: Int, _ body: @Sendable (Int) -> Void
  ) {
    if threadCount == 1 || count < 2 {
      for i in 0..<count { body(i) }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(threadCount, count)) { _ in
      while true {
        let i = next.add(1, ordering: .relaxed).oldValue
        if i >= count { return }
        body(i)
      }
    }
  }
}

/// Which row of the source goes where.
private struct Plan: Sendable {
  struct Target: Sendable {
    /// The shard, or -1 for a row that a later one replaces.
    var shard: Int32
    var batch: Int32
    var row: Int32
  }

  private(set) var batches: [[RowBatch]]
  /// By row of the window.
  private(set) var targets: [Target]
  private(set) var duplicateCount = 0

  init(_ source: some RecordSource, rows: Range<Int>, shardCount: Int) {
    var parts = [[(id: UInt64, row: Int)]](repeating: [], count: shardCount)
    for row in rows {
      let id = source.id(at: row)
      parts[ShardHash.shard(of: id, count: shardCount)]
        .append((id.rawValue, row - rows.lowerBound))
    }
    targets = Array(repeating: Target(shard: -1, batch: 0, row: 0), count: rows.count)
    batches = Array(repeating: [], count: shardCount)
    for shard in 0..<shardCount where !parts[shard].isEmpty {
      parts[shard].sort { $0.id != $1.id ? $0.id < $1.id : $0.row < $1.row }
      var kept: [Int] = []
      for (i, entry) in parts[shard].enumerated() {
        let isLast = i + 1 == parts[shard].count || parts[shard][i + 1].id != entry.id
        if isLast { kept.append(entry.row) } else { duplicateCount += 1 }
      }
      for start in stride(from: 0, to: kept.count, by: BlockHeader.rowCountMax) {
        let count = min(BlockHeader.rowCountMax, kept.count - start)
        for row in 0..<count {
          targets[kept[start + row]] = Target(
            shard: Int32(shard), batch: Int32(batches[shard].count), row: Int32(row))
        }
        batches[shard].append(RowBatch(rowCount: count))
      }
    }
  }
}

/// The state that the threads which fill a window share.
private final class Filling: Sendable {
  private struct Shared {
    var digest = RecordDigest()
    /// By shard, batch and row: only for rows that have any.
    var names: [[[Int: [UInt8]]]]
    var tags: [[[Int: [UInt8]]]]
    var failure: (row: Int, error: any Error)?
  }

  private let plan: Plan
  private let permutations: [BitPermutation]
  private let shared: Mutex<Shared>

  init(_ plan: Plan, permutations: [BitPermutation]) {
    self.plan = plan
    self.permutations = permutations
    let empty = plan.batches.map { $0.map { _ in [Int: [UInt8]]() } }
    shared = Mutex(Shared(names: empty, tags: empty))
  }

  func fill(_ source: some RecordSource, _ rows: Range<Int>, base: Int) {
    var digest = RecordDigest()
    var names: [(Plan.Target, [UInt8])] = []
    var tags: [(Plan.Target, [UInt8])] = []
    let groups = permutations.map { _ in RowGroup() }
    do {
      try source.forEachSourceRow(in: rows) { row in
        let hash = RecordDigest.of(
          id: row.id, feature: row.feature, image: row.image, name: row.name, tags: row.tags)
        digest.add(hash)
        let target = plan.targets[row.index - base]
        guard target.shard >= 0 else { return }
        let shard = Int(target.shard)
        groups[shard].append(row, target, hash)
        if groups[shard].isFull { empty(groups[shard], shard) }
        if !row.name.isEmpty { names.append((target, Array(row.name))) }
        if !row.tags.isEmpty { tags.append((target, Array(row.tags))) }
      }
      for shard in groups.indices { empty(groups[shard], shard) }
    } catch {
      shared.withLock { shared in
        // Of several faults the first in the source is the one to tell.
        if shared.failure.map({ rows.lowerBound < $0.row }) ?? true {
          shared.failure = (rows.lowerBound, error)
        }
      }
    }
    shared.withLock { [digest, names, tags] shared in
      shared.digest.add(digest)
      for (target, text) in names {
        shared.names[Int(target.shard)][Int(target.batch)][Int(target.row)] = text
      }
      for (target, text) in tags {
        shared.tags[Int(target.shard)][Int(target.batch)][Int(target.row)] = text
      }
    }
  }

  private func empty(_ group: RowGroup, _ shard: Int) {
    group.empty(permutations[shard]) { target, id, code, image, digest in
      plan.batches[shard][Int(target.batch)].setCodes(
        Int(target.row), id: id, permutedCode: code, image: image, digest: digest)
    }
  }

  /// Gives the batches their texts.
  ///
  /// - Returns: The sum over all rows.
  func finish() throws -> RecordDigest {
    try shared.withLock { shared in
      if let failure = shared.failure { throw failure.error }
      for (shard, batches) in plan.batches.enumerated() {
        for (i, batch) in batches.enumerated() {
          batch.setTexts(
            names: Self.texts(shared.names[shard][i], rowCount: batch.rowCount),
            tags: Self.texts(shared.tags[shard][i], rowCount: batch.rowCount))
        }
      }
      return shared.digest
    }
  }

  private static func texts(_ rows: [Int: [UInt8]], rowCount: Int) -> Texts {
    var texts = Texts()
    if rows.isEmpty { return texts }
    for row in 0..<rowCount { (rows[row] ?? []).withUnsafeBytes { texts.append($0) } }
    return texts
  }
}

/// Rows of one shard that wait to be permuted together.
private final class RowGroup {
  private struct Row {
    var target: Plan.Target
    var id: ItemID
    var image: ImageCode
    var digest: RecordDigest
  }

  /// The codes as they came, then the permuted ones.
  private let codes: UnsafeMutableRawPointer
  private var rows: [Row] = []

  private static let byteCount = BitPermutation.groupCount * FeatureCode.byteCount

  init() {
    codes = .allocate(byteCount: 2 * Self.byteCount, alignment: 64)
    codes.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * Self.byteCount)
    rows.reserveCapacity(BitPermutation.groupCount)
  }

  deinit { codes.deallocate() }

  var isFull: Bool { rows.count == BitPermutation.groupCount }

  func append(_ row: SourceRow, _ target: Plan.Target, _ digest: RecordDigest) {
    (codes + FeatureCode.byteCount * rows.count).copyMemory(
      from: row.feature, byteCount: FeatureCode.byteCount)
    let image = ImageCode(
      copying: UnsafeRawBufferPointer(start: row.image, count: ImageCode.byteCount))
    rows.append(Row(target: target, id: row.id, image: image, digest: digest))
  }

  /// Hands on every row with its permuted code.
  func empty(
    _ permutation: BitPermutation,
    _ body: (Plan.Target, ItemID, UnsafeRawPointer, UnsafeRawPointer, RecordDigest) -> Void
  ) {
    let permuted = codes + Self.byteCount
    if !rows.isEmpty { permutation.permuteGroup(codes, to: permuted) }
    for (i, row) in rows.enumerated() {
      row.image.withUnsafeBytes { image in
        guard let image = image.baseAddress else { return }
        body(row.target, row.id, permuted + FeatureCode.byteCount * i, image, row.digest)
      }
    }
    rows.removeAll(keepingCapacity: true)
  }
}
