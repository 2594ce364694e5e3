import NIOCore
import NIOPosix
import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Writers that pass the coordinator by and ask every worker to write every shard, all the time: a
/// primary that has been replaced and does not know it yet has somebody to acknowledge to.
final class DirectWriters: Sendable {
  private struct State {
    /// Who acknowledged in which term of which shard.
    var acknowledged: [Int: [UInt64: Set<String>]] = [:]
    var ledger: Ledger
    var count = 0
    var lastID: UInt64 = 1 << 52
    var lastVersion: UInt32 = 40 << 26
  }

  private let peers: [(name: String, peer: WirePeer)]
  private let collection: CollectionDescription
  private let state: Mutex<State>
  private let stopSign = StopSign()
  private let timeout = TimeAmount.milliseconds(700)

  /// - Parameter status: Says where the workers listen.
  init(
    _ status: ClusterStatus, _ collection: CollectionDescription, seed: UInt64,
    group: any EventLoopGroup
  ) {
    self.collection = collection
    state = Mutex(State(ledger: Ledger(seed: seed)))
    let cluster = status.cluster
    peers = status.workers.compactMap { worker in
      guard let colon = worker.address.lastIndex(of: ":"),
        let port = Int(worker.address[worker.address.index(after: colon)...])
      else { return nil }
      let peer = WirePeer(host: String(worker.address[..<colon]), port: port, group: group) {
        Hello(role: .coordinator, cluster: cluster, program: "thumbprint-trial")
      }
      return (worker.name.text, peer)
    }
  }

  func stop() { stopSign.putUp() }

  var ledger: Ledger { state.withLock { $0.ledger } }
  /// Writes that were acknowledged.
  var count: Int { state.withLock { $0.count } }
  /// Terms of shards in which somebody acknowledged.
  var termCount: Int { state.withLock { $0.acknowledged.values.reduce(0) { $0 + $1.count } } }

  /// Terms in which more than one worker acknowledged.
  var doubles: [String] {
    state.withLock { state in
      state.acknowledged.flatMap { shard, terms in
        terms.filter { $0.value.count > 1 }.map {
          "shard \(shard), term \($0.key): \($0.value.sorted().joined(separator: " and "))"
        }
      }
    }
  }

  /// Writes until ``stop()``.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for (name, peer) in peers {
        for shard in 0..<collection.shardCount {
          group.addTask { await self.run(name, peer, shard) }
        }
      }
    }
    for (_, peer) in peers { peer.close() }
  }

  private func run(_ name: String, _ peer: WirePeer, _ shard: Int) async {
    while !stopSign.isUp {
      let (id, version, record) = state.withLock { state in
        repeat {
          state.lastID += 1
        } while ShardHash.shard(of: ItemID(state.lastID), count: collection.shardCount) != shard
        state.lastVersion += 1
        let id = ItemID(state.lastID)
        return (id, state.lastVersion, state.ledger.record(id, version: state.lastVersion))
      }
      var rows = RowColumnsBuilder(parts: .all)
      rows.append(record)
      let request = AppendRequest(
        shard: ShardKey(collection: collection.id, number: shard),
        operation: .upsert(rows.columns()))
      do throws(ServiceError) {
        let reply = try await peer.ask(request, timeout: timeout)
        state.withLock { state in
          state.count += 1
          state.acknowledged[shard, default: [:]][reply.position.term.rawValue, default: []]
            .insert(name)
          state.ledger.acknowledged(id, .version(version))
        }
        try? await Task.sleep(for: .milliseconds(30))
      } catch {
        state.withLock { $0.ledger.unanswered(id, .version(version)) }
        try? await Task.sleep(for: .milliseconds(60))
      }
    }
  }
}
