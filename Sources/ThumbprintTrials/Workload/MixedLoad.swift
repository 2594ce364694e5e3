import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

/// Queries whose answers are known, and writes that a ledger keeps, at a steady pace, from several
/// connections, until it is told to end.
final class MixedLoad: Sendable {
  struct Settings: Sendable {
    var seed: UInt64
    var queryConnections = 4
    /// Pause of a connection between an answer and the next query.
    var queryPause: Duration = .milliseconds(8)
    var writeConnections = 3
    var writePause: Duration = .milliseconds(25)
    /// Records of a write: 1 to this.
    var writeRecordCountMax = 24
    /// A writer deletes instead of adding beyond so many records of its own.
    var presentCountMax = 4_000

    init(seed: UInt64) { self.seed = seed }
  }

  /// What happened so far.
  struct Tally: Sendable {
    var queryCount = 0
    var writeCount = 0
    /// Since the last time that they were taken.
    var queryMilliseconds: [Double] = []
    var writeMilliseconds: [Double] = []
    /// Queries that got no answer, or a wrong one; with the first reasons.
    var failedQueryCount = 0
    var wrongAnswerCount = 0
    /// Writes that were refused for good, which nothing here should be.
    var refusedWriteCount = 0
    var retriedWriteCount = 0
    /// Acknowledged writes that were not read back at once.
    var staleReadCount = 0
    var reasons: [String] = []

    mutating func note(_ reason: String) {
      if reasons.count < 12 { reasons.append(reason) }
    }
  }

  private let settings: Settings
  private let base: BaseRecords
  private let collection: CollectionDescription
  private let tally = Mutex(Tally())
  private let stopSign = StopSign()

  init(_ settings: Settings, base: BaseRecords, collection: CollectionDescription) {
    self.settings = settings
    self.base = base
    self.collection = collection
  }

  var current: Tally { tally.withLock { $0 } }

  /// The times of queries and of writes since this was last called.
  func takeTimes() -> (queries: Timings, writes: Timings) {
    tally.withLock { tally in
      defer {
        tally.queryMilliseconds = []
        tally.writeMilliseconds = []
      }
      return (Timings(tally.queryMilliseconds), Timings(tally.writeMilliseconds))
    }
  }

  /// Has all connections end after what they are at.
  func stop() { stopSign.putUp() }

  /// Runs on a cluster until ``stop()``.
  func run(on cluster: TrialCluster) async throws -> Ledger {
    try await run { try await cluster.client(timeout: $0) }
  }

  /// Runs until ``stop()``.
  ///
  /// - Parameter connect: Makes a connection whose calls take at most so long.
  /// - Returns: What the writers know.
  func run(_ connect: (Duration) async throws -> ClusterClient) async throws -> Ledger {
    try await withThrowingTaskGroup(of: Ledger?.self) { group in
      for number in 0..<settings.queryConnections {
        let client = try await connect(.seconds(10))
        group.addTask {
          await self.query(client, number)
          await client.close()
          return nil
        }
      }
      for number in 0..<settings.writeConnections {
        // Some give up early, so that there are writes whose outcome nobody knows.
        let client = try await connect(.milliseconds(number == 0 ? 900 : 20_000))
        group.addTask {
          let ledger = await self.write(client, number)
          await client.close()
          return ledger
        }
      }
      var ledger = Ledger(seed: settings.seed)
      for try await part in group { if let part { ledger.merge(part) } }
      return ledger
    }
  }

  // MARK: Queries

  private func query(_ client: ClusterClient, _ number: Int) async {
    let remote = RemoteCollection(client: client, description: collection)
    var index = number
    while !stopSign.isUp {
      let (feature, expected, images) = base.query(index)
      index += settings.queryConnections
      let watch = Stopwatch()
      do throws(ServiceError) {
        let reply = try await remote.search(base.request(feature, of: collection.id))
        let time = watch.milliseconds
        let fault = BaseRecords.fault(in: reply, expected: expected, images: images)
        tally.withLock { tally in
          tally.queryCount += 1
          tally.queryMilliseconds.append(time)
          if let fault {
            tally.wrongAnswerCount += 1
            tally.note("query \(index): \(fault)")
          }
        }
      } catch {
        tally.withLock { tally in
          tally.queryCount += 1
          // A coordinator that is down answers nothing; whoever kills it does not count these.
          tally.failedQueryCount += 1
          tally.note("query failed after \(Int(watch.milliseconds)) ms: \(error.message)")
        }
        try? await Task.sleep(for: .milliseconds(100))
      }
      try? await Task.sleep(for: settings.queryPause)
    }
  }

  // MARK: Writes

  /// Ids of writers are far above those of the base, each writer's apart.
  private func write(_ client: ClusterClient, _ number: Int) async -> Ledger {
    let remote = RemoteCollection(client: client, description: collection)
    var random = SplitMix64(seed: settings.seed ^ UInt64(number + 1) << 48)
    var ledger = Ledger(seed: settings.seed)
    var lastID: UInt64 = 1 << 40 | UInt64(number) << 32
    var lastVersion: UInt32 = UInt32(number) << 26
    while !stopSign.isUp {
      let count = Int.random(in: 1...settings.writeRecordCountMax, using: &random)
      let choice = Int.random(in: 0..<10, using: &random)
      var ids: Set<ItemID> = []
      let isFull = ledger.present.count > settings.presentCountMax
      if isFull || choice < 5, !ledger.present.isEmpty {
        for _ in 0..<count {
          if let id = ledger.present.randomElement(using: &random) { ids.insert(id) }
        }
      } else {
        for _ in 0..<count {
          lastID += 1
          ids.insert(ItemID(lastID))
        }
      }
      var states: [ItemID: Ledger.State] = [:]
      if isFull || choice < 2, !ledger.present.isEmpty {
        for id in ids { states[id] = .absent }
      } else {
        for id in ids {
          lastVersion += 1
          states[id] = .version(lastVersion)
        }
      }
      await write(states, remote, &ledger, &random)
      try? await Task.sleep(for: settings.writePause)
    }
    return ledger
  }

  private func write(
    _ states: [ItemID: Ledger.State], _ remote: RemoteCollection, _ ledger: inout Ledger,
    _ random: inout SplitMix64
  ) async {
    let ids = states.keys.sorted()
    var records: [Record] = []
    for id in ids {
      if case .version(let version)? = states[id] {
        records.append(ledger.record(id, version: version))
      }
    }
    let watch = Stopwatch()
    while true {
      do throws(ServiceError) {
        if records.isEmpty {
          _ = try await remote.delete(ids)
        } else {
          _ = try await remote.upsert(records)
        }
        let time = watch.milliseconds
        tally.withLock { tally in
          tally.writeCount += 1
          tally.writeMilliseconds.append(time)
        }
        for id in ids { ledger.acknowledged(id, states[id] ?? .absent) }
        if Int.random(in: 0..<8, using: &random) == 0 { await readBack(states, remote, ledger) }
        return
      } catch {
        let isRetryable = error.isRetryable
        tally.withLock { tally in
          tally.retriedWriteCount += 1
          if !isRetryable {
            tally.refusedWriteCount += 1
            tally.note("write refused: \(error.message)")
          }
        }
        // Either sent again until it is answered, or left as it is, not known.
        if !isRetryable || stopSign.isUp || Bool.random(using: &random) {
          for id in ids { ledger.unanswered(id, states[id] ?? .absent) }
          return
        }
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// Whoever was told that a write is done, reads it.
  private func readBack(
    _ states: [ItemID: Ledger.State], _ remote: RemoteCollection, _ ledger: Ledger
  ) async {
    guard let found = try? await remote.records(states.keys.sorted()) else { return }
    for (id, state) in states {
      let expected: Record? =
        switch state {
        case .absent: nil
        case .version(let version): ledger.record(id, version: version)
        }
      if found[id] != expected {
        tally.withLock { tally in
          tally.staleReadCount += 1
          tally.note("record \(id) was acknowledged and read back as something else")
        }
      }
    }
  }
}

extension Timings {
  init(_ milliseconds: [Double]) {
    self.init()
    for time in milliseconds { append(milliseconds: time) }
  }

  var count: Int { milliseconds.count }
  var maximum: Double { milliseconds.max() ?? 0 }
}
