import Dispatch
import Foundation
import Logging
import Synchronization
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintStorage
import ThumbprintTestKit
import ThumbprintWire

/// Workers on folders of their own, a coordinator, and a network, all in this process.
final class TestCluster {
  let network = MemoryNetwork()
  let coordinator: TestCoordinator
  let folder: String
  private(set) var workers: [WorkerName: WorkerService] = [:]
  private let change: (inout WorkerSettings) -> Void

  init(
    settings: ClusterSettings = ClusterSettings(),
    change: @escaping (inout WorkerSettings) -> Void = { _ in }
  ) throws {
    coordinator = TestCoordinator(settings: settings)
    folder = FileManager.default.temporaryDirectory.appending(path: "thumbprint-\(UUID())").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    self.change = change
  }

  deinit {
    for name in workers.keys { halt(name) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  static func name(_ number: Int) -> WorkerName { WorkerName("w\(number)")! }

  static func address(_ name: WorkerName) -> WorkerAddress {
    WorkerAddress(host: name.text, port: 1)!
  }

  func path(_ name: WorkerName) -> String { "\(folder)/\(name)" }

  /// Starts a worker, on what an earlier one of its name has left.
  func start(_ name: WorkerName) throws {
    var settings = WorkerSettings(
      name: name, address: Self.address(name), path: path(name), capacityByteCount: 1 << 30)
    settings.searchThreadCount = 2
    settings.maintenance = .tiny
    settings.copyStepByteCount = 1 << 16
    change(&settings)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let worker = try WorkerService(
      settings: settings, peers: network.view(of: name), coordinator: coordinator.network,
      logger: logger)
    workers[name] = worker
    network.attach(worker, at: Self.address(name))
  }

  /// Ends a worker as a crash does.
  func halt(_ name: WorkerName) {
    network.detach(Self.address(name), name: name)
    workers.removeValue(forKey: name)?.halt()
    coordinator.disconnect(name)
  }

  /// Makes a collection, and waits until all of its replicas are in sync.
  func create(
    shardCount: Int, replicationFactor: Int, coder: CoderIdentity? = nil
  ) throws -> CollectionID {
    try eventually("workers") { coordinator.map.workers.count == workers.count }
    let entry = CollectionEntry(
      name: "c", shardCount: shardCount, replicationFactor: replicationFactor, tableCount: 64,
      coder: coder)
    guard case .created(let id) = try coordinator.request(.createCollection(entry)) else {
      throw ServiceError(.internalError, "no collection was made")
    }
    try waitForSync(id, count: replicationFactor)
    return id
  }

  func shards(_ id: CollectionID) -> [ShardKey: ShardEntry] {
    coordinator.map.shards.filter { $0.key.collection == id }
  }

  func primary(_ key: ShardKey) throws -> WorkerName {
    try #require(coordinator.map.shards[key]).primary
  }

  func waitForSync(
    _ id: CollectionID, count: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try eventually("\(count) replicas in sync", sourceLocation: sourceLocation) {
      let shards = shards(id)
      return !shards.isEmpty
        && shards.values.allSatisfy {
          $0.isEstablished && $0.inSync.count == count && $0.syncing.isEmpty
        }
    }
  }

  // MARK: Requests

  /// Asks a worker, and waits for the answer.
  func ask<Request: WireRequest>(
    _ request: Request, _ name: WorkerName, timeout: Duration = .seconds(20)
  ) throws -> Request.Reply {
    let result = Mutex<Result<Request.Reply, ServiceError>?>(nil)
    let done = DispatchSemaphore(value: 0)
    network.view(of: nil).send(request, to: Self.address(name), timeout: timeout) { answer in
      result.withLock { $0 = answer }
      done.signal()
    }
    done.wait()
    return try #require(result.withLock { $0 }).get()
  }

  /// Writes to the primary, whoever it is by then, until it is acknowledged.
  @discardableResult
  func append(_ key: ShardKey, _ operation: AppendRequest.Operation) throws -> AppendReply {
    var reply: AppendReply?
    try eventually("a write to \(key)") {
      do {
        reply = try ask(
          AppendRequest(shard: key, operation: operation), try primary(key), timeout: .seconds(3))
      } catch let error as ServiceError where error.isRetryable {
        return false
      }
      return true
    }
    return try #require(reply)
  }

  func upsert(_ records: [Record], to id: CollectionID) throws {
    let count = shards(id).count
    let parts = Dictionary(grouping: records) { ShardHash.shard(of: $0.id, count: count) }
    for (number, part) in parts {
      var rows = RowColumnsBuilder(parts: .all)
      for record in part { rows.append(record) }
      try append(ShardKey(collection: id, number: number), .upsert(rows.columns()))
    }
  }

  func delete(_ ids: [ItemID], from id: CollectionID) throws {
    let count = shards(id).count
    let parts = Dictionary(grouping: ids) { ShardHash.shard(of: $0, count: count) }
    for (number, part) in parts {
      try append(ShardKey(collection: id, number: number), .delete(part))
    }
  }

  /// All records of a worker's replica, once it answers.
  func records(_ key: ShardKey, on name: WorkerName) throws -> [Record] {
    var records: [Record] = []
    while true {
      let reply = try ask(
        ScanRequest(shard: key, after: records.last?.id, rowCountMax: 77), name)
      for row in 0..<reply.rows.rowCount { records.append(try reply.rows.record(row)) }
      if reply.isLast { return records }
    }
  }

  /// All ids of a worker's replica, asked for without anything else.
  func ids(_ key: ShardKey, on name: WorkerName) throws -> [ItemID] {
    var ids: [ItemID] = []
    while true {
      let reply = try ask(
        ScanRequest(shard: key, after: ids.last, rowCountMax: 53, parts: []), name)
      for row in 0..<reply.rows.rowCount { ids.append(reply.rows.id(row)) }
      if reply.isLast { return ids }
    }
  }

  /// Each replica in sync holds these records of its shard, and no others.
  func expectEverywhere(
    _ expected: [ItemID: Record], _ id: CollectionID,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let shards = shards(id)
    for (key, shard) in shards {
      let own = expected.values.filter {
        ShardHash.shard(of: $0.id, count: shards.count) == key.number
      }.sorted { $0.id < $1.id }
      for name in shard.inSync {
        // A worker hears of the map a moment after it was stored, and answers nothing before.
        try eventually("\(name) knows that it is in sync", sourceLocation: sourceLocation) {
          (try? ids(key, on: name)) != nil
        }
        let found = try records(key, on: name)
        #expect(try ids(key, on: name) == own.map(\.id), sourceLocation: sourceLocation)
        #expect(found == own, "\(key) on \(name)", sourceLocation: sourceLocation)
      }
    }
  }
}
