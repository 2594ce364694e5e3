import Testing
import ThumbprintCluster
import ThumbprintCodes

/// A coordinator whose workers say what the test lets them.
@Suite struct ControllerTests {
  /// Runs a controller against a store that always answers, and collects what it says.
  private struct Rig {
    var machine: ControllerStateMachine
    var store: ClusterMap
    var now = 0
    var number: UInt64 = 1
    var sent: [(message: ControllerMessage, to: WorkerName)] = []
    var answers: [Result<ControllerReply, ClusterError>] = []
    var notices: [ControllerNotice] = []

    init(_ map: ClusterMap) {
      store = map
      machine = ControllerStateMachine(map: map, now: Maps.moment(0))
    }

    mutating func run(_ actions: [ControllerAction]) {
      for action in actions {
        switch action {
        case .storeMap(let map, let expected):
          guard expected == store.version else {
            run(machine.mapConflicted(store, now: Maps.moment(now)))
            continue
          }
          store = map
          run(machine.mapStored(now: Maps.moment(now)))
        case .readMap: run(machine.mapRead(store, now: Maps.moment(now)))
        case .send(let message, let name, _): sent.append((message, name))
        case .answer(_, let answer): answers.append(answer)
        case .notice(let notice): notices.append(notice)
        case .mapChanged: break
        }
      }
    }

    mutating func register(_ index: Int, _ reports: [ReplicaReport] = []) {
      number += 1
      let registration = WorkerRegistration(
        name: Maps.worker(index), session: SessionID(UInt64(index + 1)),
        address: Maps.address(index), capacityByteCount: 1 << 30, clusterID: store.clusterID,
        number: number, reports: reports)
      run(machine.workerRegistered(registration, now: Maps.moment(now)))
    }

    mutating func beat(_ index: Int, _ reports: [ReplicaReport]) {
      number += 1
      let beat = WorkerHeartbeat(
        session: SessionID(UInt64(index + 1)), number: number, assignmentVersion: store.version,
        reports: reports)
      run(machine.heartbeatReceived(beat, from: Maps.worker(index), now: Maps.moment(now)))
    }

    mutating func wait(_ milliseconds: Int) {
      for _ in 0..<milliseconds / 100 {
        now += 100
        run(machine.deadlineFired(now: Maps.moment(now)))
      }
    }

    mutating func ask(_ request: ControllerRequest) {
      var random = SplitMix64(seed: 3)
      run(machine.requested(request, id: RequestID(1), now: Maps.moment(now), random: &random))
    }

    var shard: ShardEntry { store.shards[Maps.shard]! }
  }

  private static func report(
    _ role: ReplicaReport.Role, term: UInt64 = 1, promised: UInt64? = nil, at sequence: UInt64 = 5,
    of positionTerm: UInt64 = 1
  ) -> ReplicaReport {
    let position = LogPosition(term: Term(positionTerm), sequence: SequenceNumber(sequence))
    let summary = ReplicaSummary(position: position, recordCount: 3, digest: RecordDigest())
    return ReplicaReport(
      shard: Maps.shard, role: role, term: Term(term), promisedTerm: Term(promised ?? term),
      summary: summary, verified: role == .follower ? summary : nil)
  }

  @Test func theMostAdvancedOfThoseThatPromisedTakesOver() throws {
    var rig = Rig(try Maps.map(workerCount: 3, replicas: 3))
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.follower, at: 5)])
    rig.register(2, [Self.report(.follower, at: 6)])
    rig.now = 1_000
    rig.beat(1, [Self.report(.follower, at: 5)])
    rig.beat(2, [Self.report(.follower, at: 6)])
    rig.wait(600)
    let fences = rig.sent.filter { if case .fence = $0.message { true } else { false } }
    #expect(Set(fences.map(\.to)) == [Maps.worker(1), Maps.worker(2)])
    #expect(rig.shard.primary == Maps.worker(0), "nobody has promised yet")
    rig.beat(1, [Self.report(.idle, term: 0, promised: 2, at: 5)])
    #expect(rig.shard.term == Term(1))
    rig.beat(2, [Self.report(.idle, term: 0, promised: 2, at: 6)])
    #expect(rig.shard.term == Term(2) && rig.shard.primary == Maps.worker(2))
    #expect(rig.shard.inSync == [Maps.worker(1), Maps.worker(2)])
    #expect(rig.shard.syncing == [Maps.worker(0)])
  }

  @Test func aStaleCopyIsNeverMadePrimary() throws {
    var map = try Maps.map(workerCount: 2, replicas: 2)
    map = try map.applying([
      .leave(
        Maps.shard, term: Term(1), basis: map.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    var rig = Rig(map)
    rig.register(1, [Self.report(.follower)])
    for _ in 0..<20 {
      rig.wait(500)
      rig.beat(1, [Self.report(.follower)])
    }
    #expect(rig.shard.term == Term(1) && rig.shard.primary == Maps.worker(0))
    #expect(rig.notices.contains(.shardUnavailable(Maps.shard)))
    // Its primary returns, from a new process: it needs a new term, and gets it.
    rig.register(0, [Self.report(.needsTerm)])
    rig.beat(0, [Self.report(.idle, term: 0, promised: 2)])
    #expect(rig.shard.term == Term(2) && rig.shard.primary == Maps.worker(0))
  }

  /// The story: a coordinator stopped between asking for promises and storing the term. Who had
  /// promised took no order of the old term any more, and nobody began the new one.
  @Test func aPromiseOfATermThatNeverBeganLeadsToANewOne() throws {
    var rig = Rig(try Maps.map(workerCount: 2, replicas: 2))
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.idle, term: 0, promised: 4)])
    rig.beat(0, [Self.report(.idle, term: 0, promised: 5)])
    rig.beat(1, [Self.report(.idle, term: 0, promised: 5)])
    #expect(rig.shard.term == Term(5) && rig.shard.primary == Maps.worker(0))
    #expect(rig.shard.inSync.count == 2)
  }

  @Test func theReplicasOfALostWorkerAreMadeAnewAfterAWhile() throws {
    var rig = Rig(try Maps.map(workerCount: 3, replicas: 2))
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.follower)])
    rig.register(2, [])
    for _ in 0..<20 {
      rig.wait(1_000)
      rig.beat(0, [Self.report(.primary)])
      rig.beat(2, [])
    }
    #expect(rig.shard.inSync == [Maps.worker(0)] && rig.store.moves.isEmpty)
    for _ in 0..<15 {
      rig.wait(1_000)
      rig.beat(0, [Self.report(.primary)])
      rig.beat(2, [])
    }
    let move = try #require(rig.store.moves.values.first)
    #expect(move.source == Maps.worker(1) && move.target == Maps.worker(2))
    #expect(move.reason == .replicate && move.phase == .copying)
  }

  @Test func anUnequalCopyEndsItsMove() throws {
    var map = try Maps.map(workerCount: 3, replicas: 2)
    map = try map.applying([
      .queueMove(
        MoveEntry(
          shard: Maps.shard, source: Maps.worker(1), target: Maps.worker(2), reason: .rebalance))
    ])
    var rig = Rig(map)
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.follower)])
    rig.register(2, [])
    #expect(rig.store.moves.values.first?.phase == .copying)
    rig.beat(2, [Self.report(.damaged)])
    #expect(rig.store.moves.isEmpty && rig.shard.replicas[Maps.worker(2)] == nil)
    #expect(rig.shard.inSync == [Maps.worker(0), Maps.worker(1)])
    rig.beat(2, [Self.report(.damaged)])
    rig.wait(200)
    guard case .assignments(let last)? = rig.sent.last(where: { $0.to == Maps.worker(2) })?.message
    else {
      Issue.record("nothing was sent")
      return
    }
    #expect(last.drops == [Maps.shard] && last.assignments.isEmpty)
  }

  /// The story: moves that were still queued when their target was killed were given up, so a
  /// rebalance ended half done although the worker was back after two seconds.
  @Test func aQueuedRebalanceWaitsForItsTarget() throws {
    let map = try Maps.map(workerCount: 3, replicas: 2).applying([
      .queueMove(
        MoveEntry(
          shard: Maps.shard, source: Maps.worker(1), target: Maps.worker(2), reason: .rebalance))
    ])
    func rig(after seconds: Int) -> Rig {
      var rig = Rig(map)
      rig.register(0, [Self.report(.primary)])
      rig.register(1, [Self.report(.follower)])
      for _ in 0..<seconds {
        rig.wait(1_000)
        rig.beat(0, [Self.report(.primary)])
        rig.beat(1, [Self.report(.follower)])
      }
      return rig
    }
    var early = rig(after: 10)
    #expect(early.store.moves.values.first?.phase == .queued)
    early.register(2, [])
    early.wait(100)
    #expect(early.store.moves.values.first?.phase == .copying)
    #expect(rig(after: 60).store.moves.isEmpty)
  }

  @Test func requestsAreAnsweredWhenTheyAreStored() throws {
    var rig = Rig(ClusterMap(clusterID: ClusterID(high: 1, low: 2)))
    let entry = CollectionEntry(
      name: "photos", shardCount: 4, replicationFactor: 2, tableCount: 64)
    rig.ask(.createCollection(entry))
    rig.register(0)
    rig.register(1)
    rig.ask(.createCollection(entry))
    rig.ask(.createCollection(entry))
    rig.ask(.dropCollection(name: "films"))
    rig.ask(.removeWorker(Maps.worker(0)))
    rig.ask(.abortMove(MoveID(7)))
    let codes = rig.answers.map { answer -> ClusterError.Code? in
      if case .failure(let error) = answer { error.code } else { nil }
    }
    #expect(codes == [.unavailable, nil, .exists, .notFound, .conflict, .notFound])
    #expect(rig.store.shards.count == 4)
    rig.ask(.dropCollection(name: "photos"))
    #expect(rig.store.shards.isEmpty)
  }

  @Test func anotherClustersWorkerIsRefused() throws {
    var rig = Rig(try Maps.map())
    let registration = WorkerRegistration(
      name: Maps.worker(0), session: SessionID(1), address: Maps.address(0),
      capacityByteCount: 1, clusterID: ClusterID(high: 9, low: 9), number: 1, reports: [])
    rig.run(rig.machine.workerRegistered(registration, now: Maps.moment(0)))
    guard case .refused(let text)? = rig.sent.first?.message else {
      Issue.record("not refused")
      return
    }
    #expect(text.contains("w0") && !rig.machine.isLive(Maps.worker(0), now: Maps.moment(0)))
  }

  @Test func aSyncingReplicaThatIsDamagedIsCopiedAnew() throws {
    var map = try Maps.map(workerCount: 2, replicas: 2)
    map = try map.applying([
      .leave(
        Maps.shard, term: Term(1), basis: map.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    var rig = Rig(map)
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.follower)])
    let stay = try #require(rig.shard.replicas[Maps.worker(1)]).since
    rig.beat(1, [Self.report(.damaged)])
    let next = try #require(rig.shard.replicas[Maps.worker(1)]).since
    #expect(next > stay)
    // What is said before it has heard of the new stay changes nothing.
    rig.run(
      rig.machine.heartbeatReceived(
        WorkerHeartbeat(
          session: SessionID(2), number: 1_000, assignmentVersion: stay,
          reports: [Self.report(.damaged)]), from: Maps.worker(1), now: Maps.moment(rig.now)))
    #expect(rig.shard.replicas[Maps.worker(1)]?.since == next)
  }

  @Test func aDrainDoesWhatItsDryRunSays() throws {
    var rig = Rig(try Maps.map(workerCount: 4, shardCount: 4, replicas: 2))
    for index in 0..<4 { rig.register(index) }
    rig.ask(.drain(Maps.worker(1), isDryRun: true))
    guard case .success(.plan(let plan))? = rig.answers.last else {
      Issue.record("no plan")
      return
    }
    #expect(rig.store.moves.isEmpty && rig.store.workers[Maps.worker(1)]?.state == .active)
    #expect(plan.steps.count == 2 && plan.omissions.isEmpty)
    #expect(plan.steps.allSatisfy { $0.move.source == Maps.worker(1) && $0.move.reason == .drain })
    rig.ask(.drain(Maps.worker(1), isDryRun: false))
    #expect(rig.answers.last == .success(.plan(plan)))
    #expect(rig.store.workers[Maps.worker(1)]?.state == .draining)
    #expect(Set(rig.store.moves.values.map(\.shard)) == Set(plan.steps.map(\.move.shard)))
    rig.ask(.drain(Maps.worker(1), isDryRun: true))
    guard case .success(.plan(let rest))? = rig.answers.last else {
      Issue.record("\(String(describing: rig.answers.last))")
      return
    }
    #expect(rest.steps.isEmpty && rest.omissions.count == 2)
    rig.ask(.drain(Maps.worker(9), isDryRun: true))
    guard case .failure(let error)? = rig.answers.last else {
      Issue.record("\(String(describing: rig.answers.last))")
      return
    }
    #expect(error.code == .notFound)
  }

  @Test func aDrainIsTakenBack() throws {
    var rig = Rig(try Maps.map(workerCount: 4, shardCount: 4, replicas: 2))
    for index in 0..<4 { rig.register(index) }
    rig.ask(.drain(Maps.worker(1), isDryRun: false))
    #expect(rig.store.moves.count == 2)
    // They have begun to copy.
    #expect(rig.store.moves.values.allSatisfy { $0.phase == .copying })
    rig.ask(.undrain(Maps.worker(1)))
    #expect(rig.answers.last == .success(.undrained(abortedMoveCount: 2)))
    #expect(rig.store.moves.isEmpty && rig.store.workers[Maps.worker(1)]?.state == .active)
    #expect(rig.store.shards.values.allSatisfy { $0.inSync.count == 2 && $0.syncing.isEmpty })
    rig.wait(500)
    #expect(rig.store.moves.isEmpty, "nothing is drained any more")
    rig.ask(.undrain(Maps.worker(1)))
    #expect(rig.answers.last == .success(.undrained(abortedMoveCount: 0)))
    rig.ask(.undrain(Maps.worker(9)))
    guard case .failure(let error)? = rig.answers.last else { return }
    #expect(error.code == .notFound)
  }

  @Test func theFirstCoderThatIsNamedStays() throws {
    var rig = Rig(try Maps.map())
    let coders = try ["vgg-2", "other"].map { try #require(CoderIdentity($0)) }
    rig.ask(.pinCoder(Maps.collection, coders[0]))
    let version = rig.store.version
    rig.ask(.pinCoder(Maps.collection, coders[0]))
    #expect(rig.store.version == version, "the same coder again changes nothing")
    rig.ask(.pinCoder(Maps.collection, coders[1]))
    rig.ask(.pinCoder(CollectionID(high: 0, low: 1), coders[1]))
    let codes = rig.answers.map { answer -> ClusterError.Code? in
      if case .failure(let error) = answer { error.code } else { nil }
    }
    #expect(codes == [nil, nil, .coderMismatch, .notFound])
    #expect(rig.store.collections[Maps.collection]?.coder == coders[0])
  }

  /// The story: which processes were removed was known to the coordinator's process alone. After it
  /// was started again, a removed worker that still ran came back by itself and was given replicas.
  @Test func aRemovedProcessStaysOutAfterTheCoordinatorBeganAnew() throws {
    var rig = Rig(try Maps.map(workerCount: 3, replicas: 2))
    for index in 0..<3 { rig.register(index) }
    rig.ask(.drain(Maps.worker(2), isDryRun: false))
    rig.ask(.removeWorker(Maps.worker(2)))
    #expect(rig.store.workers[Maps.worker(2)] == nil)
    var next = Rig(rig.store)
    next.register(2)
    guard case .refused(let text)? = next.sent.last?.message else {
      Issue.record("it is back")
      return
    }
    #expect(text.contains("removed") && next.store.workers[Maps.worker(2)] == nil)
    let again = WorkerRegistration(
      name: Maps.worker(2), session: SessionID(77), address: Maps.address(2),
      capacityByteCount: 1 << 30, clusterID: next.store.clusterID, number: 1, reports: [])
    next.run(next.machine.workerRegistered(again, now: Maps.moment(0)))
    #expect(next.store.workers[Maps.worker(2)]?.state == .active)
  }

  /// The story: numbers of a report were added up as they came, so a worker that claimed a few
  /// replicas of 2^60 bytes ended the coordinator.
  @Test(
    arguments: [
      { (report: inout ReplicaReport) in report.byteCount = 1 << 60 },
      { $0.byteCount = -1 },
      { $0.summary.recordCount = .max },
      { $0.summary.recordCount = .min },
      { $0.verified = ReplicaSummary(position: .start, recordCount: .max, digest: RecordDigest()) },
      { $0.copy = CopyProgress(byteCountDone: .min, byteCountTotal: .max) },
      { $0.promisedTerm = Term(.max) },
    ] as [@Sendable (inout ReplicaReport) -> Void])
  func numbersThatNoWorkerReachesAreNotBelieved(
    _ change: @Sendable (inout ReplicaReport) -> Void
  ) throws {
    var report = Self.report(.follower)
    change(&report)
    var rig = Rig(try Maps.map(workerCount: 2, replicas: 2))
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [report])
    #expect(!rig.machine.isLive(Maps.worker(1), now: Maps.moment(rig.now)))
    rig.register(1, [Self.report(.follower)])
    rig.beat(1, [report])
    #expect(rig.machine.lastReport(Maps.shard, Maps.worker(1)) == Self.report(.follower))
  }

  @Test func aClusterHasOnlySoManyWorkers() throws {
    var rig = Rig(try Maps.map(workerCount: ClusterLimits.workerCountMax))
    rig.register(ClusterLimits.workerCountMax)
    guard case .refused(let text)? = rig.sent.last?.message else {
      Issue.record("it was let in")
      return
    }
    #expect(text.contains("\(ClusterLimits.workerCountMax)"))
    let name = Maps.worker(ClusterLimits.workerCountMax)
    #expect(!rig.machine.isLive(name, now: Maps.moment(rig.now)), "nothing is kept of it")
    rig.register(7)
    #expect(rig.machine.isLive(Maps.worker(7), now: Maps.moment(rig.now)))
  }

  @Test func aWorkerThatOpensItsFilesIsNotTakenForLost() throws {
    var rig = Rig(try Maps.map(workerCount: 2, replicas: 2))
    rig.register(0, [Self.report(.primary)])
    rig.register(1, [Self.report(.opening, term: 0, at: 0, of: 0)])
    rig.beat(0, [Self.report(.primary)])
    #expect(rig.shard.inSync.contains(Maps.worker(1)))
    // A primary that opens its files needs a new term: who is there takes over.
    rig.register(1, [Self.report(.follower)])
    rig.register(0, [Self.report(.opening, term: 0, at: 0, of: 0)])
    rig.beat(1, [Self.report(.idle, term: 0, promised: 2)])
    #expect(rig.shard.primary == Maps.worker(1) && rig.shard.term == Term(2))
  }

  @Test func newShardsHaveTwoReplicasWhereTwoWorkersTakeThem() throws {
    func count(_ rig: Rig) -> Int { rig.machine.usualReplicationFactor(now: Maps.moment(rig.now)) }
    #expect(count(Rig(ClusterMap(clusterID: ClusterID(high: 1, low: 2)))) == 1)
    var rig = Rig(try Maps.map(workerCount: 3))
    // Right after a start nobody has been heard of, and nobody is given up.
    #expect(count(rig) == 2)
    rig.wait(60_000)
    #expect(count(rig) == 1)
    rig.register(0)
    #expect(count(rig) == 1)
    rig.register(2)
    #expect(count(rig) == 2)
    rig.ask(.drain(Maps.worker(2), isDryRun: false))
    #expect(count(rig) == 1)
  }
}
