import ThumbprintCluster
import ThumbprintCodes

/// What must hold in every history, after every step.
struct InvariantChecker {
  /// The first thing that did not hold.
  private(set) var violation: String?
  private(set) var acknowledgedWriteCount = 0

  /// Hashes of logs up to each position that was ever seen.
  private var chains: [ShardKey: [LogPosition: UInt64]] = [:]
  private var committed: [ShardKey: (count: Int, chain: UInt64)] = [:]
  private var acknowledgers: [ShardKey: [Term: Int]] = [:]
  private var version = MapVersion(0)
  private var terms: [ShardKey: Term] = [:]
  /// Of every collection that ever had one.
  private var coders: [CollectionID: CoderIdentity] = [:]
  private var members: Set<WorkerName> = []
  /// Processes that were removed from the cluster.
  private var removed: [WorkerName: SessionID] = [:]
  /// Workers that were removed at some time, whatever became of them.
  private(set) var everRemoved: Set<WorkerName> = []
  /// Workers whose disks were taken away, and from which shards.
  private var wiped: [Int: Set<ShardKey>] = [:]

  mutating func fail(_ text: String) {
    if violation == nil { violation = text }
  }

  /// An entry was appended: logs with an entry at one position are equal up to there.
  mutating func appended(_ shard: ModelShard, _ key: ShardKey, on worker: WorkerName) {
    let position = shard.position
    let hash = shard.chain[shard.chain.count - 1]
    if let known = chains[key]?[position] {
      if known != hash { fail("\(worker): another entry at \(position) of \(short(key))") }
    } else {
      chains[key, default: [:]][position] = hash
    }
  }

  /// A primary acknowledged a write at `position`, with `log` on its own disk.
  mutating func acknowledged(
    _ key: ShardKey, _ position: LogPosition, by worker: Int, log: ModelShard?
  ) {
    acknowledgedWriteCount += 1
    let other = acknowledgers[key]?[position.term]
    if let other, other != worker {
      fail("w\(worker) and w\(other) acknowledge in term \(position.term) of \(short(key))")
    }
    acknowledgers[key, default: [:]][position.term] = worker
    let count = Int(position.sequence.rawValue)
    guard let log, log.entries.count >= count, log.entries[count - 1].term == position.term else {
      fail("w\(worker) acknowledges \(position) of \(short(key)) without having it")
      return
    }
    let before = committed[key] ?? (0, 0)
    if log.entries.count >= before.count, log.chain[before.count] != before.chain {
      fail("w\(worker) acknowledges \(position) of \(short(key)) on a log without what was")
    }
    if count > before.count { committed[key] = (count, log.chain[count]) }
  }

  /// Everyone in sync has every acknowledged write.
  ///
  /// - Parameter isDeep: Whether counts and digests are added up anew too.
  mutating func check(
    _ key: ShardKey, _ shard: ShardEntry, workers: [SimulatedWorker], isDeep: Bool
  ) {
    guard let committed = committed[key] else { return }
    for name in shard.inSync {
      guard let worker = workers.first(where: { $0.name == name }),
        wiped[worker.index]?.contains(key) != true
      else { continue }
      guard let log = worker.disk[key] else {
        fail("\(name) is in sync for \(short(key)) and has nothing")
        continue
      }
      if log.entries.count < committed.count || log.chain[committed.count] != committed.chain {
        fail(
          "\(name) is in sync for \(short(key)) at \(log.position) and lacks one of "
            + "\(committed.count) acknowledged entries")
      }
      if isDeep, !log.isConsistent { fail("\(name): count or digest of \(short(key)) is wrong") }
    }
  }

  /// The map in the store was replaced: versions and terms only grow, a coder stays, and who was
  /// removed is not there again by itself.
  ///
  /// - Parameter session: The life of a worker's process.
  mutating func mapStored(_ map: ClusterMap, session: (WorkerName) -> SessionID?) {
    if map.version <= version { fail("map version \(map.version) after \(version)") }
    version = map.version
    do {
      try map.validate()
    } catch {
      fail("stored map: \(error)")
    }
    for (id, collection) in map.collections {
      if let old = coders[id], collection.coder != old {
        fail("codes of '\(old)' were written to \(id), now they are of another coder")
      }
      coders[id] = collection.coder
    }
    for name in members.subtracting(map.workers.keys) {
      everRemoved.insert(name)
      if let gone = map.removed[name]?.session { removed[name] = gone }
    }
    for name in map.workers.keys where !members.contains(name) {
      if let gone = removed[name], gone == session(name) {
        fail("\(name) was removed, and is back")
      }
    }
    members = Set(map.workers.keys)
    for (key, shard) in map.shards {
      if let old = terms[key], shard.term < old { fail("term \(shard.term) after \(old)") }
      terms[key] = shard.term
      for (worker, keys) in wiped where keys.contains(key) {
        let isMember = shard.replicas[WorkerName("w\(worker)")!]?.isInSync == true
        if !isMember { wiped[worker]?.remove(key) }
      }
    }
  }

  /// Someone was told that codes of a coder may be written.
  mutating func pinned(_ coder: CoderIdentity, _ collection: CollectionID) {
    if coders[collection] != coder {
      fail("codes of '\(coder)' may be written to \(collection), which is of another coder")
    }
  }

  /// The disk of a worker was replaced by an empty one.
  mutating func diskWiped(_ worker: SimulatedWorker) {
    wiped[worker.index, default: []].formUnion(worker.disk.keys)
  }

  /// Workers that the map may call in sync although their disks are gone.
  func isWiped(_ worker: Int, _ key: ShardKey) -> Bool { wiped[worker]?.contains(key) == true }

  func short(_ key: ShardKey) -> String { "shard \(key.number)" }
}
