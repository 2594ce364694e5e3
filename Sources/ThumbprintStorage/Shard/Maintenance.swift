import Dispatch
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// When blocks and segments of a shard are made anew.
///
/// Named limits, with the reason for each; tests make them small.
package struct MaintenanceLimits: Sendable, Hashable {
  /// Recent rows are searched by their sketches alone: beyond this many they are sealed.
  package var recentRowCountMax = 65_536
  /// A load makes segments of about this many rows, and larger ones are never merged by
  /// themselves: so every row of a load is indexed once.
  package var bulkRowCount = 1 << 20
  /// Fewer live rows than this are not worth a segment.
  package var segmentRowCountMin = IndexProfile.rowCountMin
  /// A search looks into every recent block, and every view resolves it: as many of one size
  /// become one.
  package var coalescedBlockCount = 16
  /// A search pays for every segment: merging so many of one size keeps their number logarithmic.
  package var mergedSegmentCount = 4
  /// Dead rows are searched and skipped: with a greater share of them a segment is rewritten.
  package var deadShareMax = 0.25
  /// About the most that one transaction writes: the longest that a writer waits.
  package var transactionByteCountMax = 64 << 20
  /// Whether writes start work in the background.
  package var isAutomatic = true

  package init() {}

  package static let standard = MaintenanceLimits()
}

/// Who makes blocks and segments of a shard anew: one piece of work at a time, in the background
/// or by a caller that waits.
final class Maintenance: Sendable {
  let limits: MaintenanceLimits

  init(limits: MaintenanceLimits) {
    self.limits = limits
  }

  private struct State {
    var isScheduled = false
    var isStopped = false
    /// Loads under way, by number: whether each is asked to end.
    var bulks: [Int: @Sendable () -> Bool] = [:]
    var bulkCount = 0
    var failure: StoreError?
  }

  private let state = Mutex(State())
  /// Held while blocks or segments are made anew: one such work at a time in a shard.
  private let work = Mutex<Void>(())
  private let background = DispatchQueue(label: "thumbprint.maintenance", qos: .utility)
  /// Building an index takes all cores and a good deal of memory: one at a time in a process.
  static let buildGate = DispatchSemaphore(value: 1)

  /// Runs `body` while nothing else makes blocks or segments.
  func running<R>(_ body: () throws -> R) throws -> R {
    try work.withLock { _ in try body() }
  }

  /// Whether work must end soon, since the shard is being closed.
  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Whether work must end soon, since the load that it is for was asked to end.
  var isCancelled: Bool {
    let bulks = state.withLock { $0.bulks }
    return !bulks.isEmpty && bulks.values.allSatisfy { $0() }
  }

  /// Asked between steps of long work.
  ///
  /// - Throws: ``StoreError``: `closed`, `cancelled`.
  func requireRunning(_ path: String) throws {
    if isStopped { throw StoreError(.closed, "is being closed", path: path) }
    if isCancelled { throw StoreError(.cancelled, "was asked to stop", path: path) }
  }

  /// Rows beyond which recent blocks are sealed.
  var sealedRowCount: Int {
    state.withLock { !$0.bulks.isEmpty } ? limits.bulkRowCount : limits.recentRowCountMax
  }

  /// Notes that a load begins. While it goes on, larger segments are made; and once `isCancelled`
  /// says so, for every load there is, none.
  ///
  /// - Returns: Its number, for ``endBulk(_:)``.
  func beginBulk(isCancelled: @escaping @Sendable () -> Bool) -> Int {
    state.withLock { state in
      state.bulkCount += 1
      state.bulks[state.bulkCount] = isCancelled
      return state.bulkCount
    }
  }

  func endBulk(_ number: Int) { state.withLock { $0.bulks[number] = nil } }

  /// Why the last work in the background ended early; it is tried again after the next write.
  var failure: StoreError? { state.withLock { $0.failure } }

  /// Sees to it that a thread looks for work soon.
  func wake(_ shard: Shard) {
    guard limits.isAutomatic else { return }
    let starts = state.withLock { state in
      if state.isScheduled || state.isStopped { return false }
      state.isScheduled = true
      return true
    }
    guard starts else { return }
    background.async {
      self.state.withLock { $0.isScheduled = false }
      do {
        while try shard.maintainOnce() {}
        self.state.withLock { $0.failure = nil }
      } catch {
        let failure = error as? StoreError ?? StoreError(.io, "\(error)", path: shard.path)
        self.state.withLock {
          if failure.code != .closed && failure.code != .cancelled { $0.failure = failure }
        }
      }
    }
  }

  /// Ends the work in the background and waits for it.
  func stop() {
    state.withLock { $0.isStopped = true }
    background.sync {}
  }
}

/// One piece of work.
enum MaintenanceStep {
  /// Small recent blocks become one.
  case coalesce([BlockView])
  /// The oldest recent blocks become a segment.
  case seal
  /// Segments become one.
  case merge([SegmentView])
  /// The blocks of a segment are written anew without their dead rows.
  case rewrite(SegmentView)
}

extension MaintenanceStep {
  /// The next piece of work that the limits of ``Maintenance`` ask for.
  static func next(
    in view: ShardView, sealedRowCount: Int, limits: MaintenanceLimits
  ) -> MaintenanceStep? {
    if let blocks = coalescible(view, limits) { return .coalesce(blocks) }
    if view.recentRowCount >= sealedRowCount {
      return .seal
    }
    if let segments = mergeable(view, limits) { return .merge(segments) }
    for segment in view.segments {
      let deadCount = view.blocks[segment.blockRange].reduce(0) { $0 + $1.deadCount }
      if Double(deadCount) > limits.deadShareMax * Double(segment.descriptor.rowCount) {
        return .rewrite(segment)
      }
    }
    return nil
  }

  /// The oldest recent blocks, together about ``MaintenanceLimits/bulkRowCount`` rows.
  static func sealable(
    _ view: ShardView, _ limits: MaintenanceLimits
  ) -> ArraySlice<BlockView> {
    var rowCount = 0
    var end = view.recentRange.lowerBound
    while end < view.recentRange.upperBound, rowCount < limits.bulkRowCount {
      rowCount += view.blocks[end].rowCount
      end += 1
    }
    return view.blocks[view.recentRange.lowerBound..<end]
  }

  /// Blocks of one size that fit one block together: a row is copied once per factor of 16 by
  /// which its block grows.
  private static func coalescible(
    _ view: ShardView, _ limits: MaintenanceLimits
  ) -> [BlockView]? {
    var tiers: [Int: [BlockView]] = [:]
    for block in view.recent {
      // Half dead is as good as half the size.
      let tier = (Int.bitWidth - 1 - max(1, block.liveCount).leadingZeroBitCount) / 4
      tiers[tier, default: []].append(block)
    }
    for (_, blocks) in tiers.sorted(by: { $0.key < $1.key })
    where blocks.count >= limits.coalescedBlockCount {
      var rowCount = 0
      let taken = blocks.sorted { $0.liveCount < $1.liveCount }.prefix { block in
        rowCount += block.liveCount
        return rowCount <= BlockHeader.rowCountMax
      }
      if taken.count > 1 { return Array(taken) }
    }
    return nil
  }

  private static func mergeable(
    _ view: ShardView, _ limits: MaintenanceLimits
  ) -> [SegmentView]? {
    var tiers: [Int: [SegmentView]] = [:]
    for segment in view.segments where segment.descriptor.rowCount < limits.bulkRowCount {
      let rowCount = segment.descriptor.rowCount
      tiers[(Int.bitWidth - 1 - rowCount.leadingZeroBitCount) / 2, default: []].append(segment)
    }
    for (_, segments) in tiers.sorted(by: { $0.key < $1.key })
    where segments.count >= limits.mergedSegmentCount {
      return Array(segments.prefix(limits.mergedSegmentCount))
    }
    return nil
  }
}

extension Shard {
  /// Does the next piece of work, and says whether there was one.
  func maintainOnce() throws -> Bool {
    try maintenance.running {
      if maintenance.isStopped || maintenance.isCancelled { return false }
      if isReadOnly || damage != nil { return false }
      let view = try view()
      guard
        let step = MaintenanceStep.next(
          in: view, sealedRowCount: maintenance.sealedRowCount, limits: maintenance.limits)
      else { return false }
      try perform(step)
      return true
    }
  }

  /// Seals what is recent, if it is enough for a segment, and does all other work there is.
  ///
  /// - Throws: ``StoreError``: `cancelled` if the load that it is for was asked to end; then it may
  ///   have done a part, and garbage is swept later.
  package func settle() throws {
    try noting {
      try maintenance.running {
        while true {
          let liveCount = MaintenanceStep.sealable(try view(), maintenance.limits)
            .reduce(0) { $0 + $1.liveCount }
          if liveCount < maintenance.limits.segmentRowCountMin { break }
          try maintenance.requireRunning(path)
          try perform(.seal)
        }
      }
      while try maintainOnce() {}
    }
  }

  /// Drops all dead rows, and makes as few segments as their greatest size allows.
  package func compact() throws {
    try settle()
    try noting {
      try maintenance.running {
        let numbers = try view().segments.map(\.descriptor.number)
        for number in numbers {
          let view = try view()
          let segment = view.segments.first { $0.descriptor.number == number }
          if let segment, view.blocks[segment.blockRange].contains(where: { $0.deadCount > 0 }) {
            try perform(.rewrite(segment))
          }
        }
        for block in try view().recent where block.deadCount > 0 {
          try perform(.coalesce([block]))
        }
        var group: [SegmentView] = []
        var rowCount = 0
        for segment in try view().segments {
          if rowCount + segment.descriptor.rowCount > IndexProfile.rowCountMax {
            if group.count > 1 { try perform(.merge(group)) }
            (group, rowCount) = ([], 0)
          }
          group.append(segment)
          rowCount += segment.descriptor.rowCount
        }
        if group.count > 1 { try perform(.merge(group)) }
      }
    }
  }

  private func perform(_ step: MaintenanceStep) throws {
    switch step {
    case .coalesce(let blocks): try coalesce(blocks)
    case .seal:
      try packSmallBlocks()
      try SegmentSealer(self).seal(MaintenanceStep.sealable(try view(), maintenance.limits))
    case .merge(let segments): try SegmentSealer(self).merge(segments)
    case .rewrite(let segment): try SegmentSealer(self).rewrite(segment)
    }
  }

  /// Joins small recent blocks, whatever their sizes, before a segment keeps them for good.
  private func packSmallBlocks() throws {
    while true {
      var rowCount = 0
      let small = try view().recent.filter { $0.liveCount < BlockHeader.rowCountMax / 2 }
        .prefix { block in
          rowCount += block.liveCount
          return rowCount <= BlockHeader.rowCountMax
        }
      if small.count < 2 { return }
      try coalesce(Array(small))
    }
  }

  /// Joins recent blocks to one, without their dead rows. At most
  /// ``BlockHeader/rowCountMax`` rows, so it is done within one write transaction.
  private func coalesce(_ blocks: [BlockView]) throws {
    try requireSpace(blocks.reduce(0) { $0 + $1.bytes.count })
    let numbers = Set(blocks.map(\.number))
    try transact { changes, transaction in
      // Deletions since the blocks were chosen are in the view of the transaction.
      let blocks = changes.view.recent.filter { numbers.contains($0.number) }
      for block in blocks {
        try changes.removeRecent(block.number, in: transaction)
        try changes.retire(block, removes: true, in: transaction)
      }
      if let batch = RowBatch.live(of: blocks.map { (block: $0, rows: 0..<$0.rowCount) }) {
        _ = try changes.store(batch, sequence: 0, isRecent: true, in: transaction)
      }
    }
  }

  /// Removes the values that no list names: those of retired blocks and segments, and what work
  /// that was cut short left behind. In transactions of bounded size.
  ///
  /// Only maintenance retires blocks, so none is retired between the two looks at the state.
  func sweep() throws {
    while !maintenance.isStopped {
      let garbage = try view().garbage(
        byteCountMax: maintenance.limits.transactionByteCountMax, keeping: blocksKeptForLog)
      if garbage.isEmpty { return }
      try transact { changes, transaction in
        for item in garbage {
          // The log was kept when the shard was last open, and is not now.
          changes.forgetLog(through: item.sequence)
          try transaction.remove(item.database.rawValue, item.key)
        }
      }
    }
  }
}

extension RowBatch {
  /// The live rows among some rows of blocks, sorted; `nil` if there are none.
  static func live(of parts: [(block: BlockView, rows: Range<Int>)]) -> RowBatch? {
    var rows: [(id: UInt64, block: Int, row: Int)] = []
    for (i, part) in parts.enumerated() {
      for row in part.rows where !part.block.columns.isDead(row: row) {
        rows.append((part.block.columns.id(ofRow: row).rawValue, i, row))
      }
    }
    if rows.isEmpty { return nil }
    rows.sort { $0.id < $1.id }
    let batch = RowBatch(rowCount: rows.count)
    for row in rows { batch.append(row: row.row, of: parts[row.block].block) }
    batch.finish()
    return batch
  }
}
