import ThumbprintCluster
import ThumbprintCodes

/// Writes records of its own, one after another, remembers what was acknowledged, and reads it.
final class SimulatedClient {
  let index: Int
  /// What it waits for.
  var waiting: (number: UInt64, kind: Kind)?
  /// What each of its records must be: the last acknowledged value, `nil` for deleted.
  var ledger: [Record: UInt64?] = [:]
  /// Values that a write may still bring, or have brought: its outcome is not known.
  var ghosts: [Record: Set<UInt64?>] = [:]
  /// Shards of which a write was acknowledged after everything had healed.
  var healed: Set<ShardKey> = []

  struct Record: Hashable {
    var shard: ShardKey
    var id: Int
  }

  enum Kind {
    case write(SimulatedWrite, record: Record, value: UInt64?)
    case read(Record)
    case query(CollectionID)
  }

  init(index: Int) { self.index = index }

  var isAsking: Bool {
    if case .query = waiting?.kind { true } else { false }
  }
}

extension Simulation {
  static let recordsPerClient = 8

  func handleAtClients(_ event: Event) {
    switch event {
    case .client(let index): act(clients[index])
    case .clientTimeout(let index, let number):
      let client = clients[index]
      guard client.waiting?.number == number else { return }
      if case .write(_, let record, let value) = client.waiting?.kind {
        client.ghosts[record, default: []].insert(value)
      }
      next(client)
    case .write(let index, let write): receive(write, at: workers[index])
    case .writeReply(let write, let isAcknowledged, let isUnknown):
      conclude(write, isAcknowledged: isAcknowledged, isUnknown: isUnknown)
    case .read(let index, let client, let number, let key, let id):
      answerRead(workers[index], client, number, key, id)
    case .readReply(let index, let number, let value, let isRefused):
      concludeRead(clients[index], number, value, isRefused: isRefused)
    default: break
    }
  }

  func next(_ client: SimulatedClient) {
    client.waiting = nil
    queue.insert(.client(client.index), at: time + random.milliseconds(5...120))
  }

  private func act(_ client: SimulatedClient) {
    guard client.waiting == nil, coordinator.isUp,
      let key = coordinator.machine.map.shards.keys.sorted().randomElement(using: &self.random)
    else { return next(client) }
    let map = coordinator.machine.map
    let id = client.index * Self.recordsPerClient + random.int(0...Self.recordsPerClient - 1)
    let record = SimulatedClient.Record(shard: key, id: id)
    let own = number()
    let from = network.client(client.index)
    if random.chance(0.15) {
      client.waiting = (own, .query(key.collection))
      ask(client, own, key.collection)
    } else if random.chance(0.3),
      let reader = map.shards[key]!.inSync.randomElement(using: &self.random),
      let worker = workers.first(where: { $0.name == reader })
    {
      client.waiting = (own, .read(record))
      sendOnce(
        .read(worker.index, client: client.index, number: own, key, id: id), from: from,
        to: network.worker(worker.index))
    } else if let worker = workers.first(where: { $0.name == map.shards[key]!.primary }) {
      let isDelete = random.chance(0.15)
      let write = SimulatedWrite(
        client: client.index, token: own, shard: key,
        content: isDelete ? .delete(id: id, token: own) : .upsert(id: id, value: own))
      client.waiting = (own, .write(write, record: record, value: isDelete ? nil : own))
      trace(40, own, "client \(client.index) writes \(own) to \(worker.name) \(key.number)")
      sendOnce(.write(worker.index, write), from: from, to: network.worker(worker.index))
    }
    // A query ends by itself, unless the coordinator does.
    let patience =
      options.measuresFailOver ? 50 : client.isAsking ? 6_000 : random.int(500...4_000)
    queue.insert(
      .clientTimeout(client.index, own), at: time + Int64(patience) * 1_000_000)
  }

  private func receive(_ write: SimulatedWrite, at worker: SimulatedWorker) {
    guard worker.isUp, let replica = worker.replicas[write.shard] else { return }
    let id = WriteID(number())
    replica.writes[id] = write
    perform(
      replica.machine.writeReceived(id, now: instant(worker)), worker, replica, write.shard)
  }

  private func conclude(_ write: SimulatedWrite, isAcknowledged: Bool, isUnknown: Bool) {
    let client = clients[write.client]
    guard client.waiting?.number == write.token,
      case .write(_, let record, let value) = client.waiting?.kind
    else { return }
    if isAcknowledged {
      client.ledger[record] = .some(value)
      if isHealing { client.healed.insert(write.shard) }
    } else if isUnknown {
      client.ghosts[record, default: []].insert(value)
    }
    next(client)
  }

  // MARK: Reads

  private func answerRead(
    _ worker: SimulatedWorker, _ client: Int, _ number: UInt64, _ key: ShardKey, _ id: Int
  ) {
    guard worker.isUp else { return }
    let isRefused = worker.replicas[key].map { $0.machine.queryRefusal != nil } ?? true
    sendOnce(
      .readReply(
        client: client, number: number, value: worker.disk[key]?.records[id], isRefused: isRefused),
      from: network.worker(worker.index), to: network.client(client))
  }

  private func concludeRead(
    _ client: SimulatedClient, _ number: UInt64, _ value: UInt64?, isRefused: Bool
  ) {
    guard client.waiting?.number == number, case .read(let record) = client.waiting?.kind else {
      return
    }
    if !isRefused {
      result.readCount += 1
      let expected = client.ledger[record] ?? nil
      let isKnown = value == expected || client.ghosts[record]?.contains(value) == true
      if !isKnown {
        checker.fail(
          "client \(client.index) reads \(text(value)) of record \(record.id), "
            + "and acknowledged was \(text(expected))")
      }
    }
    next(client)
  }

  func text(_ value: UInt64?) -> String { value.map(String.init) ?? "nothing" }
}

extension SimulatedRandom: RandomNumberGenerator {}
