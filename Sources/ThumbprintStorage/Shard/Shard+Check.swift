import ThumbprintCodes
import ThumbprintIndex

/// What a check found.
public struct CheckReport: Sendable, Hashable {
  /// One fault: where it is and what is wrong.
  public struct Problem: Sendable, Hashable, CustomStringConvertible {
    public var path: String
    public var message: String

    public var description: String { "\(path): \(message)" }
  }

  public var shardCount = 0
  public var recordCount = 0
  /// Bytes whose checksums were computed.
  public var byteCount = 0
  /// The digest of the records as they are.
  public var digest = RecordDigest()
  public var problems: [Problem] = []

  public var isSound: Bool { problems.isEmpty }
}

/// How far a check has come.
public struct CheckProgress: Sendable, Hashable {
  public var doneByteCount: Int
  public var totalByteCount: Int
}

extension LocalCollection {
  /// Reads everything and holds it against its checksums, counts and digests.
  ///
  /// A fault is a problem of the report, not an error; the shard that has it refuses writes from
  /// then on. Searches and writes go on meanwhile; the check is of the state when it began.
  /// Cost: reads all files once, and about 1 µs of one thread a record.
  public func check(progress: (CheckProgress) -> Void = { _ in }) throws -> CheckReport {
    var report = CheckReport()
    var done = 0
    let total = try shards.reduce(0) { try $0 + $1.view().checkedByteCount }
    progress(CheckProgress(doneByteCount: 0, totalByteCount: total))
    for shard in shards {
      try shard.check(shardCount: shards.count, into: &report) { byteCount in
        done += byteCount
        progress(CheckProgress(doneByteCount: min(done, total), totalByteCount: total))
      }
    }
    return report
  }
}

extension Shard {
  /// Reads everything and holds it against its checksums, counts and digest.
  package func check() throws -> CheckReport {
    var report = CheckReport()
    try check(shardCount: meta.shardCount, into: &report) { _ in }
    return report
  }

  fileprivate func check(
    shardCount: Int, into report: inout CheckReport, progress: (Int) -> Void
  ) throws {
    report.shardCount += 1
    func note(_ error: StoreError) {
      if damage == nil { self.note(damage: error) }
      report.problems.append(.init(path: error.path ?? path, message: error.message))
    }
    func attempt(_ body: () throws -> Void) throws {
      do {
        try body()
      } catch let error as StoreError where error.code == .corrupt {
        note(error)
      } catch let error as FormatError {
        note(
          .corrupt(
            path: path, error.place, expected: error.expected, found: error.found))
      }
    }
    var view = try view()
    defer { withExtendedLifetime(view) {} }
    try attempt {
      while try LMDBFileCheck.checkSnapshot(path, transactionID: view.transactionID) == nil {
        view = try self.view()
      }
    }
    var digest = RecordDigest()
    for block in view.blocks {
      try attempt { try block.verify(BlockColumn.allCases) }
      try attempt { try view.verifyTexts(of: block) }
      try attempt { try block.checkRows(shard: view.meta.shardNumber, of: shardCount) }
      for row in 0..<block.rowCount where !block.columns.isDead(row: row) {
        digest.add(block.digest(row, permutation: permutation))
      }
      report.byteCount += block.bytes.count
      MemoryAdvice.release(block.bytes)
      progress(block.bytes.count)
    }
    try attempt {
      guard digest == view.meta.digest else {
        throw FormatError("the records", expected: "digest \(view.meta.digest)", found: digest)
      }
    }
    for segment in view.segments {
      try attempt { try segment.verify() }
      try attempt { try segment.checkPlaces(in: view) }
      let byteCount = segment.pieces.values.reduce(0) { $0 + $1.count }
      report.byteCount += byteCount
      progress(byteCount)
    }
    try attempt { try view.checkUniqueness() }
    try attempt { try view.checkLog() }
    report.recordCount += Int(view.meta.recordCount)
    report.digest.add(digest)
  }
}

extension BlockView {
  /// Ids ascend, the header tells the first and the last, and all belong to the shard.
  fileprivate func checkRows(shard: Int, of shardCount: Int) throws {
    guard ids[0] == header.idMin, ids[rowCount - 1] == header.idMax else {
      throw FormatError(
        "the ids of block \(number)", expected: "\(header.idMin) to \(header.idMax)",
        found: "\(ids[0]) to \(ids[rowCount - 1])")
    }
    for row in 0..<rowCount {
      if row > 0, ids[row - 1] >= ids[row] {
        throw FormatError(
          "the ids of block \(number)", expected: "an ascending order",
          found: "\(ids[row - 1]) before \(ids[row])")
      }
      guard ShardHash.shard(of: ItemID(ids[row]), count: shardCount) == shard else {
        throw FormatError(
          "block \(number)", expected: "ids of shard \(shard)", found: "id \(ids[row])")
      }
    }
  }
}

extension SegmentView {
  /// Every live row of the segment is found by its place, and nothing else is.
  fileprivate func checkPlaces(in view: ShardView) throws {
    var foundCount = 0
    for entry in 0..<placeIDs.count {
      let place = try place(entry)
      let block = view.blocks[place.block]
      guard block.ids[place.row] == placeIDs[entry],
        entry == 0 || placeIDs[entry - 1] < placeIDs[entry]
      else {
        throw FormatError(
          "the places of segment \(descriptor.number)",
          expected: "the row of id \(placeIDs[entry])", found: "another")
      }
      if !block.columns.isDead(row: place.row) { foundCount += 1 }
    }
    let liveCount = view.blocks[blockRange].reduce(0) { $0 + $1.liveCount }
    guard foundCount == liveCount else {
      throw FormatError(
        "the places of segment \(descriptor.number)", expected: "\(liveCount) live rows",
        found: foundCount)
    }
  }
}

extension ShardView {
  fileprivate var checkedByteCount: Int {
    blocks.reduce(0) { $0 + $1.bytes.count }
      + segments.reduce(0) { $0 + $1.pieces.values.reduce(0) { $0 + $1.count } }
  }

  /// No id is alive twice.
  fileprivate func checkUniqueness() throws {
    var ids: [UInt64] = []
    ids.reserveCapacity(Int(meta.recordCount))
    for block in blocks {
      for row in 0..<block.rowCount where !block.columns.isDead(row: row) {
        ids.append(block.ids[row])
      }
    }
    ids.sort()
    for i in ids.indices.dropFirst() where ids[i] == ids[i - 1] {
      throw FormatError("id \(ids[i])", expected: "one row", found: "two")
    }
  }
}
