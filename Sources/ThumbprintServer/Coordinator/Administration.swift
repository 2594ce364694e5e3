import Glibc
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTransport
import ThumbprintWire

extension CoordinatorCore {
  func administer(_ admin: AdminRequest, _ request: ServerRequest) throws(ServiceError) {
    switch admin.operation {
    case .listCollections:
      let all = map.collections.map { describe($0.key, $0.value) }.sorted { $0.name < $1.name }
      request.answer(AdminReply(all, of: ListCollections.self))
    case .describeCollection:
      let name = try admin.arguments(as: DescribeCollection.self).collection
      let (id, entry) = try named(name)
      request.answer(AdminReply(describe(id, entry), of: DescribeCollection.self))
    case .createCollection: create(try admin.arguments(), request)
    case .dropCollection:
      let name = try admin.arguments(as: DropCollection.self).collection
      change(.dropCollection(name: name), DropCollection.self, request)
    case .setReplicas:
      let arguments = try admin.arguments(as: SetReplicas.self)
      change(
        .setReplicationFactor(name: arguments.collection, arguments.replicationFactor),
        SetReplicas.self, request)
    case .collectionStats:
      try stats(
        try admin.arguments(as: CollectionStatsOperation.self).collection, request,
        until: min(deadline(of: request), .now.advanced(by: settings.statsWait)))
    case .clusterStatus:
      request.answer(AdminReply(status(), of: ClusterStatusOperation.self))
    case .rebalance: try rebalance(try admin.arguments(), request)
    case .drain: drain(try admin.arguments(), request)
    case .undrain: undrain(try admin.arguments(), request)
    case .removeWorker:
      change(
        .removeWorker(try admin.arguments(as: RemoveWorker.self).worker), RemoveWorker.self,
        request)
    case .abortMove:
      let id = MoveID(try admin.arguments(as: AbortMove.self).move)
      change(.abortMove(id), AbortMove.self, request)
    case .setBandwidth:
      let rate = try admin.arguments(as: SetBandwidth.self).byteRate
      change(.setSettings(settings(byteRate: rate)), SetBandwidth.self, request)
    }
  }

  /// Carries out a change that has nothing to say but that it is done.
  private func change<Operation: AdminOperation>(
    _ change: ControllerRequest, _ operation: Operation.Type, _ request: ServerRequest
  ) where Operation.Result == NoResult {
    self.request(change) { result in
      switch result {
      case .success: request.answer(AdminReply(NoResult(), of: operation))
      case .failure(let error): request.fail(ServiceError(error))
      }
    }
  }

  private func settings(byteRate: Int) -> ClusterSettings {
    var settings = map.settings
    settings.copyByteRate = byteRate
    return settings
  }

  private func named(
    _ name: String
  ) throws(ServiceError) -> (id: CollectionID, entry: CollectionEntry) {
    guard let found = map.collection(named: name) else {
      throw ServiceError(
        .notFound, "there is no collection '\(name)'",
        hint: "the list of collections names those that there are")
    }
    return found
  }

  // MARK: Collections

  private func create(_ new: CreateCollection, _ request: ServerRequest) {
    let entry = CollectionEntry(
      name: new.collection, shardCount: new.shardCount ?? ControllerStateMachine.usualShardCount,
      replicationFactor: new.replicationFactor
        ?? controller.usualReplicationFactor(now: .now),
      tableCount: new.tableCount ?? IndexProfile.standard.tableCount, coder: new.coder,
      createdAt: Int64(time(nil)))
    guard (1...WireLimits.shardCountMax).contains(entry.shardCount) else {
      return request.fail(
        ServiceError(
          .invalid, "\(entry.shardCount) shards, not 1 to \(WireLimits.shardCountMax)"))
    }
    guard IndexProfile.tableCounts.contains(entry.tableCount) else {
      return request.fail(ServiceError(.invalid, "\(entry.tableCount) tables, not 0, 64 or 128"))
    }
    self.request(.createCollection(entry)) { result in
      switch result {
      case .success(.created(let id)): self.answerWhenReady(id, request)
      case .success: request.fail(ServiceError(.internalError, "no collection was made"))
      case .failure(let error): request.fail(ServiceError(error))
      }
    }
  }

  /// A collection can be written to once its primaries have said that its shards are there.
  private func answerWhenReady(_ id: CollectionID, _ request: ServerRequest) {
    whenMap(within: settings.creationWait) { map in
      map.shardKeys(of: id).allSatisfy { map.shards[$0]?.isEstablished == true }
    } _: { [self] isReady in
      guard let entry = map.collections[id] else {
        return request.fail(ServiceError(.notFound, "the collection was dropped at once"))
      }
      guard isReady else {
        return request.fail(
          ServiceError(
            .unavailable, "'\(entry.name)' is made, but not all of its shards are there yet",
            hint: "the state of the cluster shows its shards; it can be written to when they are"))
      }
      request.answer(AdminReply(describe(id, entry), of: CreateCollection.self))
    }
  }

  func describe(_ id: CollectionID, _ entry: CollectionEntry) -> CollectionDescription {
    let recordCount = map.shardKeys(of: id).reduce(0) { sum, key in
      guard let primary = map.shards[key]?.primary else { return sum }
      return sum + (controller.lastReport(key, primary)?.summary.recordCount ?? 0)
    }
    return CollectionDescription(
      name: entry.name, id: id, shardCount: entry.shardCount,
      replicationFactor: entry.replicationFactor, tableCount: entry.tableCount,
      coder: entry.coder, created: UInt64(max(0, entry.createdAt)), recordCount: recordCount)
  }

  /// What all primaries say of their shards. They are asked again while one that was lost is not
  /// replaced yet.
  private func stats(
    _ name: String, _ request: ServerRequest, until end: MonotonicInstant
  ) throws(ServiceError) {
    let (id, entry) = try named(name)
    let primaries = Set(map.shardKeys(of: id).compactMap { map.shards[$0]?.primary })
    let collector = StatsCollector(workerCount: primaries.count) { [self] result in
      let problem: ServiceError
      switch result {
      case .success(let shards) where shards.map(\.number) == Array(0..<entry.shardCount):
        return request.answer(
          AdminReply(
            CollectionStatsOperation.Result(collection: describe(id, entry), shards: shards),
            of: CollectionStatsOperation.self))
      case .success:
        problem = ServiceError(
          .unavailable, "not every shard of '\(name)' has a primary just now")
      case .failure(let error): problem = error
      }
      guard problem.isRetryable, !request.isCancelled, MonotonicInstant.now < end else {
        return request.fail(problem)
      }
      after(settings.retryPause) { core in
        do throws(ServiceError) {
          try core.stats(name, request, until: end)
        } catch {
          request.fail(error)
        }
      }
    }
    let left = MonotonicInstant.now.duration(to: end)
    let received = loopBound(collector) { collector, result in collector.add(result) }
    for primary in primaries {
      guard let address = address(of: primary) else {
        return collector.add(.failure(ServiceError(.unavailable, "'\(primary)' is gone")))
      }
      let question = ControlRequest(
        operation: RecordWork.shardReports, arguments: ShardReportsArguments(collection: id))
      network.start(
        OutgoingRequest(question, timeout: left.timeAmount) { result in
          received(
            result.flatMap { reply in
              Result { () throws(ServiceError) in try reply.result(as: [ShardReport].self) }
            })
        }, to: address)
    }
  }

  // MARK: Moves

  private func rebalance(_ rebalance: Rebalance, _ request: ServerRequest) throws(ServiceError) {
    func plan() {
      self.request(.rebalance(isDryRun: rebalance.isDryRun)) { [self] result in
        switch result {
        case .success(.plan(let plan)):
          let notes = plan.changes.map {
            "\($0.worker): \($0.byteCountBefore) bytes before, \($0.byteCountAfter) after"
          }
          request.answer(
            AdminReply(
              MovePlan(steps: plan.steps.map { step($0.move, $0.byteCount, $0.why) }, notes: notes),
              of: Rebalance.self))
        case .success: request.fail(ServiceError(.internalError, "no plan was made"))
        case .failure(let error): request.fail(ServiceError(error))
        }
      }
    }
    guard let rate = rebalance.byteRate, !rebalance.isDryRun else { return plan() }
    self.request(.setSettings(settings(byteRate: rate))) { result in
      if case .failure(let error) = result { return request.fail(ServiceError(error)) }
      plan()
    }
  }

  private func drain(_ drain: Drain, _ request: ServerRequest) {
    self.request(.drain(drain.worker, isDryRun: drain.isDryRun)) { [self] result in
      switch result {
      case .success(.plan(let plan)):
        let held = plan.changes.first { $0.worker == drain.worker }
        let count = plan.steps.count + plan.omissions.count
        let bytes = held.map { $0.byteCountBefore - $0.byteCountAfter } ?? 0
        let notes =
          ["\(drain.worker) holds \(count) replicas; \(plan.steps.count) move, \(bytes) bytes"]
          + plan.omissions.map { "shard \($0.shard.number) of \(name($0.shard)): \($0.why)" }
        request.answer(
          AdminReply(
            MovePlan(steps: plan.steps.map { step($0.move, $0.byteCount, $0.why) }, notes: notes),
            of: Drain.self))
      case .success: request.fail(ServiceError(.internalError, "no plan was made"))
      case .failure(let error): request.fail(ServiceError(error))
      }
    }
  }

  private func undrain(_ undrain: Undrain, _ request: ServerRequest) {
    self.request(.undrain(undrain.worker)) { [self] result in
      switch result {
      case .success(.undrained(let count)):
        let held = map.shards.values.count { $0.replicas[undrain.worker] != nil }
        request.answer(
          AdminReply(
            Undrain.Result(abortedMoveCount: count, replicaCount: held), of: Undrain.self))
      case .success: request.fail(ServiceError(.internalError, "the drain was not taken back"))
      case .failure(let error): request.fail(ServiceError(error))
      }
    }
  }

  private func step(_ move: MoveEntry, _ byteCount: Int, _ why: String) -> MovePlan.Step {
    MovePlan.Step(
      collection: name(move.shard), number: move.shard.number, source: move.source,
      target: move.target, byteCount: byteCount,
      why: why)
  }
}

/// Collects the reports of the shards of a collection, on the loop.
final class StatsCollector {
  private var reports: [ShardReport] = []
  private var missing: Int
  private var body: ((Result<[ShardReport], ServiceError>) -> Void)?

  init(workerCount: Int, _ body: @escaping (Result<[ShardReport], ServiceError>) -> Void) {
    missing = workerCount
    self.body = body
  }

  func add(_ result: Result<[ShardReport], ServiceError>) {
    switch result {
    case .success(let more):
      reports += more
      missing -= 1
      if missing == 0 { end(.success(reports.sorted { $0.number < $1.number })) }
    case .failure(let error): end(.failure(error))
    }
  }

  private func end(_ result: Result<[ShardReport], ServiceError>) {
    body?(result)
    body = nil
  }
}
