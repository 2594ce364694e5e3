import Foundation
import Testing
import ThumbprintCluster
import ThumbprintCodes

@Suite struct ClusterMapTests {
  @Test func aMapComesBackFromItsJSON() throws {
    let map = try Maps.map(shardCount: 5, replicas: 3)
      .applying([
        .queueMove(
          MoveEntry(
            shard: Maps.shard, source: Maps.worker(0), target: Maps.worker(3), reason: .rebalance))
      ])
    let json = map.json()
    #expect(try ClusterMap(json: json) == map)
    #expect(try ClusterMap(json: json).json() == json)
  }

  @Test func damagedJSONIsRefusedInOneLine() throws {
    let text = String(decoding: try Maps.map().json(), as: UTF8.self)
    let damages: [(String, String)] = [
      (#""primary":"w0""#, #""primary":"w3""#),
      (#""primary":"w0""#, #""primary":"W 0\n""#),
      (#""term":1"#, #""term":0"#),
      (#""term":1"#, #""term":18446744073709551615"#),
      (#""format":1"#, #""format":9"#),
      (#""shardCount":1"#, #""shardCount":2"#),
      (#""shardCount":1"#, #""shardCount":-1"#),
      (#""replicationFactor":2"#, #""replicationFactor":2000"#),
      (#""isInSync":true"#, #""isInSync":"yes""#),
      (#""nextMove":1"#, #""nextMove":0.5"#),
      (#""moveCountPerWorkerMax":2"#, #""moveCountPerWorkerMax":0"#),
      (#""name":"photos""#, #""name":"a\/b""#),
      (#"10.0.0.0:7000"#, #"10.0.0.0:70000"#),
      ("{", "["),
    ]
    for (old, new) in damages {
      let range = try #require(text.range(of: old), "\(old)")
      let damaged = text.replacingCharacters(in: range, with: new)
      let error = #expect(throws: ClusterError.self) { try ClusterMap(json: Array(damaged.utf8)) }
      #expect(error?.code == .invalid && error?.message.contains("\n") == false, "\(new)")
    }
  }

  /// Every prefix and many single wrong bytes: an error or a valid map, never a crash.
  @Test func cutAndFlippedJSONNeverCrashes() throws {
    let json = try Maps.map(shardCount: 2).json()
    for count in 0..<json.count {
      #expect(throws: ClusterError.self) { try ClusterMap(json: Array(json.prefix(count))) }
    }
    let seed: UInt64 = 20_261_122
    var random = SplitMix64(seed: seed)
    for _ in 0..<1_000 {
      var bytes = json
      bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
      if let map = try? ClusterMap(json: bytes) {
        #expect(throws: Never.self, "seed=\(seed)") { try map.validate() }
      }
    }
  }

  @Test func onlyWhoIsInSyncBeginsALaterTerm() throws {
    let map = try Maps.map(workerCount: 4, replicas: 2)
    let basis = map.shards[Maps.shard]!.changed
    func failOver(_ term: UInt64, _ primary: Int, _ inSync: Set<Int>, basis: MapVersion) throws {
      _ = try map.applying([
        .failOver(
          Maps.shard, basis: basis, term: Term(term), primary: Maps.worker(primary),
          inSync: Set(inSync.map(Maps.worker)))
      ])
    }
    try failOver(2, 1, [1], basis: basis)
    try failOver(9, 0, [0, 1], basis: basis)
    #expect(throws: ClusterError.self) { try failOver(1, 1, [1], basis: basis) }
    #expect(throws: ClusterError.self) { try failOver(2, 2, [2], basis: basis) }
    #expect(throws: ClusterError.self) { try failOver(2, 1, [1, 2], basis: basis) }
    #expect(throws: ClusterError.self) { try failOver(2, 1, [0], basis: basis) }
    #expect(throws: ClusterError.self) { try failOver(2, 1, [1], basis: MapVersion(1)) }
  }

  /// A request to join that arrives after one to leave must not bring the replica back: its
  /// primary no longer waits for it.
  @Test func whatWasAskedForEarlierDoesNotHold() throws {
    let map = try Maps.map()
    let basis = map.shards[Maps.shard]!.changed
    let left = try map.applying([
      .leave(Maps.shard, term: Term(1), basis: basis, worker: Maps.worker(1))
    ])
    #expect(left.shards[Maps.shard]!.inSync == [Maps.worker(0)])
    #expect(throws: ClusterError.self) {
      try left.applying([
        .join(Maps.shard, term: Term(1), basis: basis, worker: Maps.worker(1))
      ])
    }
    // Leaving without having been in still makes a new basis.
    let again = try left.applying([
      .leave(
        Maps.shard, term: Term(1), basis: left.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    #expect(again.shards[Maps.shard]!.changed > left.shards[Maps.shard]!.changed)
    #expect(throws: ClusterError.self) {
      try map.applying([
        .leave(Maps.shard, term: Term(1), basis: basis, worker: Maps.worker(0))
      ])
    }
  }

  @Test func aFailedBatchChangesNothing() throws {
    let map = try Maps.map()
    #expect(throws: ClusterError.self) {
      try map.applying([
        .setWorkerState(Maps.worker(2), .draining), .removeWorker(Maps.worker(0), session: nil),
      ])
    }
    #expect(map.workers[Maps.worker(2)]?.state == .active)
    #expect(throws: ClusterError.self) {
      try map.applying([.removeReplica(Maps.shard, Maps.worker(0))])
    }
    #expect(throws: ClusterError.self) {
      try map.applying([.addReplica(Maps.shard, Maps.worker(1))])
    }
  }

  @Test func oneCoderForGood() throws {
    let coders = try ["vgg-2", "other"].map { try #require(CoderIdentity($0)) }
    let map = try Maps.map().applying([.pinCoder(Maps.collection, coders[0])])
    #expect(map.collections[Maps.collection]?.coder == coders[0])
    #expect(try ClusterMap(json: map.json()) == map)
    _ = try map.applying([.pinCoder(Maps.collection, coders[0])])
    let error = #expect(throws: ClusterError.self) {
      try map.applying([.pinCoder(Maps.collection, coders[1])])
    }
    #expect(error?.code == .coderMismatch)
    #expect(
      error?.message.contains("'other'") == true && error?.message.contains("'vgg-2'") == true)
  }

  @Test func soManyRemovedWorkersAreRemembered() throws {
    let count = ClusterLimits.removedWorkerCountMax + 3
    var map = ClusterMap(clusterID: ClusterID(high: 1, low: 2))
    for index in 0..<count {
      map = try map.applying([
        .registerWorker(Maps.worker(index), address: Maps.address(0), capacityByteCount: 1),
        .removeWorker(Maps.worker(index), session: SessionID(UInt64(index))),
      ])
    }
    #expect(map.removed.count == ClusterLimits.removedWorkerCountMax)
    #expect(map.removed[Maps.worker(2)] == nil && map.removed[Maps.worker(3)] != nil)
    #expect(try ClusterMap(json: map.json()) == map)
  }

  /// A map that was stored before removed workers were remembered.
  @Test func anOlderMapIsRead() throws {
    var text = String(decoding: try Maps.map().json(), as: UTF8.self)
    text = text.replacing("\"removed\":{},", with: "")
    #expect(!text.contains("removed"))
    #expect(try ClusterMap(json: Array(text.utf8)) == Maps.map())
  }

  @Test func aMoveGoesThroughItsPhasesOnly() throws {
    var map = try Maps.map()
    let move = MoveEntry(
      shard: Maps.shard, source: Maps.worker(1), target: Maps.worker(2), reason: .drain)
    map = try map.applying([.queueMove(move)])
    let id = try #require(map.moves.keys.first)
    for phase in [MoveEntry.Phase.verifying, .handingOver, .removing, .queued] {
      #expect(throws: ClusterError.self) { try map.applying([.setMovePhase(id, phase)]) }
    }
    map = try map.applying([.setMovePhase(id, .copying)])
    #expect(map.shards[Maps.shard]?.syncing == [Maps.worker(2)])
    #expect(throws: ClusterError.self) {
      try map.applying([.setMovePhase(id, .removing)])
    }
    map = try map.applying([.setMovePhase(id, .verifying), .setMovePhase(id, .removing)])
    #expect(map.shards[Maps.shard]?.replicas[Maps.worker(1)] == nil)
    map = try map.applying([.endMove(id)])
    #expect(map.moves.isEmpty)
    try map.validate()
  }

  @Test func addressesAreReadAndWritten() {
    for text in ["localhost:1", "10.0.0.1:65535", "[::1]:7000", "a-b.example:80"] {
      #expect(WorkerAddress(text)?.description == text)
    }
    for text in ["", ":1", "a", "a:", "a:0", "a:65536", "a b:1", "::1:7000", "a:1:2", "a\n:1"] {
      #expect(WorkerAddress(text) == nil, "\(text)")
    }
  }
}
