import ThumbprintCluster
import ThumbprintCodes

/// The coordinator's router, and what is known of whom it could have asked.
struct SimulatedRouter {
  var machine = QueryRouterStateMachine<Int, UInt64>()
  var timerAt: Int64?
  /// Queries that are open: whose, and when they came.
  var open: [QueryID: (client: Int, number: UInt64, began: Int64)] = [:]
  /// Since when the map has called replicas in sync.
  var inSyncSince: [ShardKey: [WorkerName: Int64]] = [:]
}

extension Simulation {
  private typealias Router = QueryRouterStateMachine<Int, UInt64>

  /// Within this time the router knows of a connection that is there again, and of a map.
  private static let noticeTime: Int64 = 500_000_000
  private static let queryTime: Duration = .seconds(5)

  func startRouter() {
    coordinator.router = SimulatedRouter()
    mapChanged(store)
  }

  func mapChanged(_ map: ClusterMap) {
    var since: [ShardKey: [WorkerName: Int64]] = [:]
    for (key, shard) in map.shards where shard.isEstablished {
      for name in shard.inSync {
        since[key, default: [:]][name] = coordinator.router.inSyncSince[key]?[name] ?? time
      }
    }
    coordinator.router.inSyncSince = since
    route { $0.mapChanged(map, now: $1) }
  }

  /// A connection is made again where there can be one.
  func reconnectRouter() {
    for name in coordinator.router.machine.disconnectedWorkers {
      guard let worker = workers.first(where: { $0.name == name }), isReachable(worker) else {
        continue
      }
      route { $0.connectionChanged(name, isConnected: true, now: $1) }
    }
  }

  private func isReachable(_ worker: SimulatedWorker) -> Bool {
    let own = network.worker(worker.index)
    return worker.isUp && network.isOpen(from: own, to: SimulatedNetwork.coordinator)
      && network.isOpen(from: SimulatedNetwork.coordinator, to: own)
  }

  /// Lets the router know of an event, and does what it wants.
  func route(
    _ event: (inout QueryRouterStateMachine<Int, UInt64>, MonotonicInstant)
      -> [RouterAction<Int, UInt64>]
  ) {
    var pending = event(&coordinator.router.machine, coordinatorNow)
    while !pending.isEmpty {
      switch pending.removeFirst() {
      case .search(let attempt, _, on: let name, let shards):
        guard let worker = workers.first(where: { $0.name == name }) else { continue }
        if worker.isUp {
          send(
            .search(worker.index, coordinatorLife: coordinator.life, attempt, shards),
            from: SimulatedNetwork.coordinator, to: network.worker(worker.index))
        } else if isOpenBothWays(worker) {
          // Nobody listens there.
          queue.insert(
            .searchReply(attempt, nil, coordinatorLife: coordinator.life),
            at: time + random.microseconds(100...900))
        }
      case .answer(let id, let answer): answered(id, answer)
      case .fail(let id, let failure): failed(id, failure)
      case .fetch, .cancel: break
      }
    }
    scheduleRouter()
  }

  private func isOpenBothWays(_ worker: SimulatedWorker) -> Bool {
    let own = network.worker(worker.index)
    return network.isOpen(from: own, to: SimulatedNetwork.coordinator)
      && network.isOpen(from: SimulatedNetwork.coordinator, to: own)
  }

  private func scheduleRouter() {
    guard let deadline = coordinator.router.machine.nextDeadline else { return }
    let at = max(deadline.nanoseconds - coordinator.clockOffset, time)
    if let old = coordinator.router.timerAt, old <= at { return }
    coordinator.router.timerAt = at
    queue.insert(.routerTimer(life: coordinator.life), at: at)
  }

  // MARK: Queries

  /// A client asks for all records of a collection.
  func ask(_ client: SimulatedClient, _ number: UInt64, _ collection: CollectionID) {
    let id = QueryID(number)
    coordinator.router.open[id] = (client.index, number, time)
    trace(60, number, "client \(client.index) asks")
    let query = RoutedQuery(
      collection: collection, matchCountMax: 10_000,
      deadline: coordinatorNow.advanced(by: Self.queryTime))
    route { $0.queryReceived(id, query, now: $1) }
  }

  func handleQueries(_ event: Event) {
    switch event {
    case .routerTimer(let life):
      guard coordinator.isUp, coordinator.life == life else { return }
      coordinator.router.timerAt = nil
      route { $0.deadlineFired(now: $1) }
    case .search(let index, let life, let attempt, let shards):
      search(workers[index], life, attempt, shards)
    case .searchReply(let attempt, let reply, let life):
      guard coordinator.isUp, coordinator.life == life else { return }
      trace(61, attempt.rawValue, "an answer to attempt \(attempt)")
      route { router, now in
        if let reply { return router.searchReplied(attempt, reply, now: now) }
        return router.attemptFailed(attempt, now: now)
      }
    default: break
    }
  }

  /// A worker searches the shards that it holds in sync.
  private func search(
    _ worker: SimulatedWorker, _ life: Int, _ attempt: AttemptID, _ shards: [ShardKey]
  ) {
    guard worker.isUp else { return }
    var reply = SearchReply<Int>(matches: [[]], searched: [])
    var matches: [RoutedMatch] = []
    for key in shards {
      let refusal = worker.replicas[key].map { $0.machine.queryRefusal } ?? .notInSync
      if let refusal {
        reply.refused[key] = refusal
        continue
      }
      reply.searched.append(key)
      for (id, value) in worker.disk[key]?.records ?? [:] {
        matches.append(RoutedMatch(distance: Int(value), id: itemID(key, id)))
      }
    }
    reply.matches = [matches.sorted()]
    send(
      .searchReply(attempt, reply, coordinatorLife: life), from: network.worker(worker.index),
      to: SimulatedNetwork.coordinator)
  }

  /// An id of a record of a shard, which the hash of ids puts there.
  private func itemID(_ key: ShardKey, _ record: Int) -> ItemID {
    let count = shardCounts[key.collection] ?? key.number + 1
    var id = UInt64(record) << 32
    while ShardHash.shard(of: ItemID(id), count: count) != key.number { id += 1 }
    return ItemID(id)
  }

  // MARK: Answers

  private func answered(_ id: QueryID, _ answer: RoutedAnswer<Int, UInt64>) {
    guard let open = coordinator.router.open.removeValue(forKey: id) else { return }
    let client = clients[open.client]
    guard client.waiting?.number == open.number, case .query(let collection) = client.waiting?.kind
    else { return }
    result.queryCount += 1
    if !answer.isComplete { checker.fail("client \(client.index): an answer is not complete") }
    var values: [ItemID: UInt64] = [:]
    for match in answer.matches[0] {
      if values.updateValue(UInt64(match.distance), forKey: match.id) != nil {
        checker.fail("client \(client.index): record \(match.id) is twice in an answer")
      }
    }
    for status in answer.shards {
      for number in 0..<Self.recordsPerClient {
        let own = client.index * Self.recordsPerClient + number
        let record = SimulatedClient.Record(shard: status.shard, id: own)
        let value = values[itemID(status.shard, own)]
        let expected = client.ledger[record] ?? nil
        guard value != expected, client.ghosts[record]?.contains(value) != true,
          store.collections[collection] != nil
        else { continue }
        checker.fail(
          "client \(client.index) is answered \(text(value)) for record \(own) of shard "
            + "\(status.shard.number), and acknowledged was \(text(expected))")
      }
    }
    next(client)
  }

  private func failed(_ id: QueryID, _ failure: RouterFailure) {
    guard let open = coordinator.router.open.removeValue(forKey: id) else { return }
    trace(62, open.number, "client \(open.client) gets no answer: \(failure)")
    switch failure {
    case .unavailable(let shards), .deadlineExceeded(let shards):
      let isAnswerable = shards.allSatisfy { key in
        store.shards[key] != nil && workers.contains { wasThere($0, key, since: open.began) }
      }
      if isAnswerable {
        checker.fail("a query failed with a replica of each shard there: \(failure)")
      }
    case .unknownCollection, .tooManyQueries, .tooManyMatches: break
    }
    guard clients[open.client].waiting?.number == open.number else { return }
    next(clients[open.client])
  }

  /// Whether a replica was in sync, answered queries and could be reached all the time of a query.
  private func wasThere(_ worker: SimulatedWorker, _ key: ShardKey, since began: Int64) -> Bool {
    guard network.loss == 0, network.extraDelay == 0, calmSince <= began, isReachable(worker),
      let open = openSince[worker.index], open <= began - Self.noticeTime,
      let inSync = coordinator.router.inSyncSince[key]?[worker.name], inSync <= began,
      let serving = worker.replicas[key]?.servingSince
    else { return false }
    return serving <= began
  }
}
