import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

/// What one writer knows of the records that it alone writes.
///
/// A version stands for the whole content of a record, and is used once. An id whose write was
/// never answered is not written again: what was sent may still be carried out, so both outcomes
/// are right from then on.
struct Ledger: Sendable {
  enum State: Hashable, Sendable {
    case absent
    case version(UInt32)
  }

  private let codes: PlantedCodes
  /// Ids that were acknowledged, and as what.
  private(set) var known: [ItemID: State] = [:]
  /// Ids of unanswered writes: any of these.
  private(set) var unknown: [ItemID: Set<State>] = [:]
  /// Ids that are there and may be written, in no order.
  private(set) var present: [ItemID] = []
  private var place: [ItemID: Int] = [:]
  private(set) var acknowledgedCount = 0

  init(seed: UInt64) { codes = PlantedCodes(seed: seed ^ 0x1ED6E4) }

  /// The content that a version of an id has, far from all other records.
  func record(_ id: ItemID, version: UInt32) -> Record {
    var record = codes.record(Int(version) * codes.groupSize + Int(id.rawValue % 4))
    record.id = id
    record.name = "written/\(id)/\(version)"
    record.tags = ["version": "\(version)"]
    return record
  }

  mutating func acknowledged(_ id: ItemID, _ state: State) {
    acknowledgedCount += 1
    known[id] = state
    switch state {
    case .version:
      guard place[id] == nil else { return }
      place[id] = present.count
      present.append(id)
    case .absent: forget(id)
    }
  }

  mutating func unanswered(_ id: ItemID, _ state: State) {
    unknown[id] = [known.removeValue(forKey: id) ?? .absent, state]
    forget(id)
  }

  private mutating func forget(_ id: ItemID) {
    guard let index = place.removeValue(forKey: id), let last = present.popLast(), last != id
    else { return }
    present[index] = last
    place[last] = index
  }

  /// What another writer knows of other ids.
  mutating func merge(_ other: Ledger) {
    known.merge(other.known) { mine, _ in mine }
    unknown.merge(other.unknown) { mine, _ in mine }
    acknowledgedCount += other.acknowledgedCount
  }
}

/// What was found when everything was read and compared.
struct Audit: Sendable {
  var recordCount = 0
  var digest = RecordDigest()
  /// Records that were acknowledged and are not there, or are there though their deletion was.
  var lost: [ItemID] = []
  /// Ids that came twice.
  var doubled: [ItemID] = []
  /// Records that are there with another content than the ledger has.
  var changed: [ItemID] = []
  /// Records that nobody wrote.
  var foreign: [ItemID] = []
  /// Unanswered writes that were carried out, and those that were not.
  var unknownDone = 0
  var unknownNotDone = 0

  /// Reads all records and holds them against what was loaded and what was acknowledged.
  static func run(
    _ collection: RemoteCollection, _ base: BaseRecords, _ ledger: Ledger
  ) async throws -> Audit {
    var audit = Audit()
    var seen: Set<ItemID> = []
    for shard in 0..<collection.description.shardCount {
      try await collection.forEachRecord(ofShard: shard) { record in
        audit.see(record, base, ledger, &seen)
      }
    }
    for id in 0..<UInt64(base.count) where !seen.contains(ItemID(id)) {
      audit.lost.append(ItemID(id))
    }
    for (id, state) in ledger.known {
      if case .version = state, !seen.contains(id) { audit.lost.append(id) }
    }
    for (id, states) in ledger.unknown where !seen.contains(id) {
      if states.contains(.absent) { audit.unknownNotDone += 1 } else { audit.lost.append(id) }
    }
    return audit
  }

  private mutating func see(
    _ record: Record, _ base: BaseRecords, _ ledger: Ledger, _ seen: inout Set<ItemID>
  ) {
    recordCount += 1
    digest.add(.of(record))
    if !seen.insert(record.id).inserted { doubled.append(record.id) }
    if record.id.rawValue < UInt64(base.count) {
      if record != base.codes.record(Int(record.id.rawValue)) { changed.append(record.id) }
    } else if let state = ledger.known[record.id] {
      switch state {
      case .absent: lost.append(record.id)
      case .version(let version):
        if record != ledger.record(record.id, version: version) { changed.append(record.id) }
      }
    } else if let states = ledger.unknown[record.id] {
      let version = record.tags["version"].flatMap { UInt32($0) }
      guard let version, states.contains(.version(version)),
        record == ledger.record(record.id, version: version)
      else { return changed.append(record.id) }
      unknownDone += 1
    } else {
      foreign.append(record.id)
    }
  }

  /// Puts the counts of what must not be into a report.
  func ask(of report: inout TrialReport) {
    report.tell("records at the end", "\(recordCount)", Double(recordCount))
    report.askNone("acknowledged writes lost", lost.count)
    report.askNone("records doubled", doubled.count)
    report.askNone("records with another content", changed.count)
    report.askNone("records that nobody wrote", foreign.count)
    report.tell(
      "unanswered writes, done / not done", "\(unknownDone) / \(unknownNotDone)")
    for (what, ids) in [("lost", lost), ("doubled", doubled), ("changed", changed)]
    where !ids.isEmpty {
      report.notes.append("\(what): \(ids.prefix(8).map { "\($0)" }.joined(separator: " "))")
    }
  }
}
