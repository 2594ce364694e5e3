import ThumbprintCodes
import ThumbprintWire

/// A worker as `--json` shows it.
package struct WorkerReport: Encodable {
  var name: String
  var address: String
  /// `active` or `draining`.
  var state: String
  var alive: Bool
  /// Since it was last heard; `nil` if never by this coordinator.
  var silentMilliseconds: Int?
  var capacityBytes: Int
  var usedBytes: Int
  var replicas: Int
  var primaries: Int

  package init(_ worker: WorkerStatus) {
    name = worker.name.text
    address = worker.address
    state = worker.state
    alive = worker.isAlive
    silentMilliseconds = worker.silentMilliseconds
    capacityBytes = worker.capacityByteCount
    usedBytes = worker.usedByteCount
    replicas = worker.replicaCount
    primaries = worker.primaryCount
  }
}

extension [WorkerReport] {
  /// A line for each worker.
  package var table: String {
    var table = TextTable([
      ("worker", .left), ("address", .left), ("state", .left), ("heard", .right),
      ("replicas", .right), ("primaries", .right), ("used", .right), ("capacity", .right),
      ("full", .right),
    ])
    for worker in self {
      let heard = worker.silentMilliseconds.map { Text.duration(Double($0) / 1000) + " ago" }
      let share = Double(worker.usedBytes) / Double(Swift.max(1, worker.capacityBytes))
      table.append([
        worker.name, worker.address, worker.alive ? worker.state : "lost (\(worker.state))",
        heard ?? "never", Text.grouped(worker.replicas), Text.grouped(worker.primaries),
        Text.bytes(worker.usedBytes), Text.bytes(worker.capacityBytes), Text.percent(share),
      ])
    }
    return table.text
  }
}

/// A shard of a cluster as `--json` shows it.
package struct ShardPlacementReport: Encodable {
  package enum State: String, Encodable {
    /// As many replicas are in sync and alive as there should be.
    case whole
    /// It answers and takes writes, but some replicas are missing.
    case short
    /// No replica in sync is alive.
    case unavailable
  }

  struct Replica: Encodable {
    var worker: String
    var inSync: Bool
    var alive: Bool
    /// Term and sequence of the last operation that it has reported.
    var position: String?
    var records: Int?
    var digest: String?
  }

  var collection: String
  var shard: Int
  var state: State
  var term: UInt64
  var primary: String?
  var replicas: [Replica]

  init(_ shard: ShardPlacement, replicationFactor: Int?) {
    collection = shard.collection
    self.shard = shard.number
    term = shard.term.rawValue
    primary = shard.primary?.text
    replicas = shard.replicas.map {
      Replica(
        worker: $0.worker.text, inSync: $0.isInSync, alive: $0.isAlive,
        position: $0.position?.description, records: $0.recordCount,
        digest: $0.digest?.description)
    }
    let readyCount = replicas.count { $0.inSync && $0.alive }
    state =
      readyCount == 0
      ? .unavailable : readyCount < replicationFactor ?? replicas.count ? .short : .whole
  }
}

extension [ShardPlacementReport] {
  /// A line for each replica.
  package var table: String {
    var table = TextTable([
      ("collection", .left), ("shard", .right), ("state", .left), ("term", .right),
      ("replica", .left), ("role", .left), ("position", .left), ("records", .right),
      ("digest", .left),
    ])
    for shard in self {
      let head = [shard.collection, String(shard.shard), shard.state.rawValue, String(shard.term)]
      if shard.replicas.isEmpty { table.append(head + ["-", "-", "-", "-", "-"]) }
      for (index, replica) in shard.replicas.enumerated() {
        let role =
          replica.worker == shard.primary ? "primary" : replica.inSync ? "in sync" : "catching up"
        table.append(
          (index == 0 ? head : ["", "", "", ""]) + [
            replica.worker, replica.alive ? role : "\(role), lost", replica.position ?? "-",
            replica.records.map { Text.grouped($0) } ?? "-", replica.digest ?? "-",
          ])
      }
    }
    return table.text
  }
}

/// A cluster as `--json` shows it.
package struct ClusterReport: Encodable {
  var cluster: String
  var mapVersion: UInt64
  var workers: [WorkerReport]
  var collections: [CollectionReport]
  var shards: [ShardPlacementReport]
  var moves: [MoveReport]

  package init(_ status: ClusterStatus, moves: [MoveReport]) {
    cluster = status.cluster.description
    mapVersion = status.mapVersion.rawValue
    workers = status.workers.map(WorkerReport.init)
    collections = status.collections.map { CollectionReport($0) }
    shards = Self.shards(of: status)
    self.moves = moves
  }

  package static func shards(of status: ClusterStatus) -> [ShardPlacementReport] {
    let factors = Dictionary(
      status.collections.map { ($0.name, $0.replicationFactor) }, uniquingKeysWith: { a, _ in a })
    return status.shards.map {
      ShardPlacementReport($0, replicationFactor: factors[$0.collection])
    }
  }

  /// A summary, the workers and the collections, and what is not as it should be.
  package var text: String {
    let aliveCount = workers.count { $0.alive }
    var text = "cluster \(cluster), map version \(Text.grouped(mapVersion))\n"
    text += Text.count(workers.count, "worker") + ", \(Text.grouped(aliveCount)) alive; "
    text += Text.count(collections.count, "collection") + ", "
    text += Text.count(shards.count, "shard") + "; " + Text.count(moves.count, "move") + "\n"
    if !workers.isEmpty { text += "\n" + workers.table }
    if !collections.isEmpty { text += "\n" + collectionTable }
    let ailing = shards.filter { $0.state != .whole }
    if !ailing.isEmpty {
      let gone = ailing.count { $0.state == .unavailable }
      text += "\n\(Text.count(ailing.count - gone, "shard")) short of replicas, "
      text += "\(Text.grouped(gone)) unavailable:\n" + Array(ailing.prefix(Self.shownCount)).table
      if ailing.count > Self.shownCount {
        text += "and \(Text.grouped(ailing.count - Self.shownCount)) more: see 'cluster shards'\n"
      }
    }
    if !moves.isEmpty { text += "\n" + Array(moves.prefix(Self.shownCount)).table }
    if moves.count > Self.shownCount {
      text += "and \(Text.grouped(moves.count - Self.shownCount)) more: see 'cluster moves'\n"
    }
    return text
  }

  /// Shards, and moves, that the summary lists.
  private static let shownCount = 20

  private var collectionTable: String {
    var table = TextTable([
      ("collection", .left), ("records", .right), ("shards", .right), ("replicas", .right),
      ("whole", .right), ("short", .right), ("unavailable", .right),
    ])
    for collection in collections {
      let own = shards.filter { $0.collection == collection.name }
      func count(_ state: ShardPlacementReport.State) -> String {
        Text.grouped(own.count { $0.state == state })
      }
      table.append([
        collection.name, Text.grouped(collection.records), Text.grouped(collection.shards),
        collection.replicas.map(String.init) ?? "-", count(.whole), count(.short),
        count(.unavailable),
      ])
    }
    return table.text
  }
}
