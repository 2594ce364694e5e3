import ThumbprintCodes
import ThumbprintIndex

extension Shard {
  package func stats() throws -> ShardStats {
    let view = try view()
    return ShardStats(
      number: view.meta.shardNumber, path: path, recordCount: Int(view.meta.recordCount),
      deadRowCount: view.deadCount, segmentCount: view.segments.count,
      recentRowCount: view.recentRowCount, blockCount: view.blocks.count,
      fileByteCount: FileStatus.byteCount(path), freeByteCount: try view.freeByteCount,
      indexByteCount: view.segments.reduce(0) { sum, segment in
        sum + segment.descriptor.pieces.reduce(0) { $0 + $1.byteCount }
      },
      logSequence: view.meta.sequence, logStart: view.meta.logStart, digest: view.meta.digest,
      maintenanceFailure: maintenance.failure)
  }

  /// Fills the fast memory, and maps what queries read.
  ///
  /// Costs about 100 bytes of memory a record for the fast memory; what is mapped is the file's
  /// cache, which the system takes back when it needs room.
  package func warm() throws {
    try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      _ = try view.index()
      for segment in view.segments {
        for piece in segment.pieces.values { MemoryAdvice.populate(piece) }
      }
      // Whole codes are read here and there: mapped one by one they cost a fault each. What would
      // not stay in memory anyway is left to be read when it is asked for.
      if view.blocks.reduce(0, { $0 + $1.bytes.count }) < MemoryAdvice.physicalByteCount / 2 {
        for block in view.blocks { MemoryAdvice.populate(block.bytes) }
      }
    }
  }

  func recordWalk() throws -> RecordWalk {
    RecordWalk(try view())
  }

  /// Visits the records whose ids are above `id`, or all, in ascending order of id, until `body`
  /// returns `false`.
  ///
  /// - Returns: Whether there are no more.
  package func scan(after id: ItemID?, _ body: (Record) throws -> Bool) throws -> Bool {
    if id?.rawValue == .max { return true }
    return try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      var walk = RecordWalk(view, from: id.map { $0.rawValue + 1 } ?? 0)
      while walk.nextID != nil {
        if try !body(try walk.next()) { return walk.nextID == nil }
      }
      return true
    }
  }
}

extension Shard {
  /// Calls `body` with the ids of the live records, ascending; many times faster than reading them.
  ///
  /// - Parameters:
  ///   - id: Only greater ids; `nil` for all.
  ///   - body: Says whether it wants more.
  /// - Returns: Whether there are no more after the last that `body` was given.
  package func scanIDs(after id: ItemID?, _ body: (ItemID) -> Bool) throws -> Bool {
    if id?.rawValue == .max { return true }
    return try noting {
      let view = try view()
      defer { withExtendedLifetime(view) {} }
      var walk = RecordWalk(view, from: id.map { $0.rawValue + 1 } ?? 0)
      while let next = walk.nextID {
        walk.advance()
        if !body(next) { return walk.nextID == nil }
      }
      return true
    }
  }
}

/// Goes through the live records of a view in ascending order of id.
struct RecordWalk {
  private let view: ShardView
  /// A sorted run of ids, where it stands, and how an entry of it is found.
  private struct Run {
    var ids: SortedIDs
    var next: Int
    var segment: Int?
    var block: Int
  }
  private var runs: [Run] = []
  /// Runs that have rows left, as a heap by their next id.
  private var heap: [Int] = []

  /// - Parameter start: The least id that is wanted.
  init(_ view: ShardView, from start: UInt64 = 0) {
    self.view = view
    for (i, segment) in view.segments.enumerated() {
      let ids = segment.placeIDs
      runs.append(Run(ids: ids, next: ids.lowerBound(start), segment: i, block: 0))
    }
    for number in view.recentRange {
      let ids = view.blocks[number].ids
      runs.append(Run(ids: ids, next: ids.lowerBound(start), segment: nil, block: number))
    }
    for run in runs.indices {
      skipDead(run)
      if runs[run].next < runs[run].ids.count {
        heap.append(run)
        siftUp(heap.count - 1)
      }
    }
  }

  var nextID: ItemID? { heap.first.map { ItemID(key($0)) } }

  /// The record of ``nextID``.
  mutating func next() throws -> Record {
    let run = heap[0]
    let record = try view.reading {
      let place = try place(run)
      let record = try view.blocks[place.block].record(place.row, permutation: view.permutation)
      guard record.id.rawValue == key(run) else {
        throw FormatError(
          "the places of the shard", expected: "the row of id \(key(run))", found: record.id)
      }
      return record
    }
    advance()
    return record
  }

  /// Passes over the record of ``nextID`` without reading it.
  mutating func advance() {
    let run = heap[0]
    runs[run].next += 1
    skipDead(run)
    if runs[run].next == runs[run].ids.count {
      heap[0] = heap[heap.count - 1]
      heap.removeLast()
    }
    siftDown(0)
  }

  private func key(_ run: Int) -> UInt64 { runs[run].ids[runs[run].next] }

  private func place(_ run: Int) throws -> Place {
    guard let segment = runs[run].segment else {
      return Place(block: runs[run].block, row: runs[run].next)
    }
    return try view.segments[segment].place(runs[run].next)
  }

  private mutating func skipDead(_ run: Int) {
    while runs[run].next < runs[run].ids.count {
      // A damaged place is reported when its record is read.
      guard let place = try? place(run) else { return }
      if !view.blocks[place.block].columns.isDead(row: place.row) { return }
      runs[run].next += 1
    }
  }

  private mutating func siftUp(_ start: Int) {
    var i = start
    while i > 0, key(heap[i]) < key(heap[(i - 1) / 2]) {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var i = start
    while true {
      var least = i
      for child in [2 * i + 1, 2 * i + 2]
      where child < heap.count && key(heap[child]) < key(heap[least]) {
        least = child
      }
      if least == i { return }
      heap.swapAt(i, least)
      i = least
    }
  }
}
