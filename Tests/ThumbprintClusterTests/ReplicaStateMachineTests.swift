import Testing
import ThumbprintCluster
import ThumbprintCodes

/// One replica at a time, told by hand what happens around it.
@Suite struct ReplicaStateMachineTests {
  private static func assignment(_ map: ClusterMap, primary: Int = 0) -> ReplicaAssignment {
    ReplicaAssignment(
      shard: Maps.shard, entry: map.shards[Maps.shard]!, primaryAddress: Maps.address(primary),
      collection: map.collections[Maps.collection]!, copyByteRate: 0)
  }

  private static func summary(_ term: UInt64, _ sequence: UInt64) -> ReplicaSummary {
    ReplicaSummary(
      position: LogPosition(term: Term(term), sequence: SequenceNumber(sequence)),
      recordCount: Int(sequence), digest: RecordDigest())
  }

  private static func pull(
    _ map: ClusterMap, from follower: Int, at position: LogPosition, term: UInt64 = 1,
    isVerified: Bool = true
  ) -> FollowerPull {
    FollowerPull(
      shard: Maps.shard, follower: Maps.worker(follower), term: Term(term),
      since: map.shards[Maps.shard]!.replicas[Maps.worker(follower)]!.since, after: position,
      isVerified: isVerified, byteCountMax: 1_000)
  }

  /// A primary of term 1 at 1:1, whose follower w1 is in sync or not.
  private static func primary(_ map: ClusterMap) -> ReplicaStateMachine {
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(0), stored: (Term(0), .empty))
    let now = Maps.moment(0)
    let began = machine.assigned(assignment(map), now: now)
    #expect(began == [.persistPromise(Term(1)), .beginTerm(Term(1))])
    _ = machine.promisePersisted(Term(1), summary: .empty, now: now)
    #expect(machine.termBegun(Term(1), summary: summary(1, 1), now: now) == [.reportSoon])
    #expect(machine.report.role == .primary)
    return machine
  }

  @Test func aWriteWaitsForEveryoneInSync() throws {
    let map = try Maps.map()
    var machine = Self.primary(map)
    let now = Maps.moment(1)
    #expect(machine.writeReceived(WriteID(5), now: now) == [.write(WriteID(5), term: Term(1))])
    let written = Self.summary(1, 2)
    let waits = machine.writeCompleted(
      WriteID(5), position: written.position, summary: written, now: now)
    #expect(waits.isEmpty)
    let early = Self.pull(map, from: 1, at: Self.summary(1, 1).position)
    #expect(
      machine.pullReceived(early, request: RequestID(1), now: now)
        == [.readLog(RequestID(1), after: early.after, byteCountMax: 1_000)])
    let late = Self.pull(map, from: 1, at: written.position)
    #expect(
      machine.pullReceived(late, request: RequestID(2), now: now)
        == [.acknowledge(WriteID(5), written.position)])
  }

  @Test func aFenceEndsATermAtOnce() throws {
    let map = try Maps.map()
    var machine = Self.primary(map)
    let now = Maps.moment(1)
    _ = machine.writeReceived(WriteID(5), now: now)
    #expect(
      machine.fenceReceived(Term(2), now: now)
        == [.refuse(WriteID(5), .outcomeUnknown), .persistPromise(Term(2))])
    // What the follower says now acknowledges nothing, and the old order is no order any more.
    let pull = Self.pull(map, from: 1, at: Self.summary(1, 2).position)
    let answer = machine.pullReceived(pull, request: RequestID(2), now: now)
    guard case .replyToPull(RequestID(2), let reply)? = answer.first,
      case .refused(.notPrimary) = reply.outcome
    else {
      Issue.record("\(answer)")
      return
    }
    #expect(machine.assigned(Self.assignment(map), now: now) == [.reportSoon])
    #expect(machine.report.role == .idle)
    _ = machine.promisePersisted(Term(2), summary: Self.summary(1, 2), now: now)
    #expect(machine.report.promisedTerm == Term(2))
    #expect(machine.report.summary.position == Self.summary(1, 2).position)
  }

  @Test func aProcessThatBeganAnewIsNoPrimaryOfTheOldTerm() throws {
    let map = try Maps.map()
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(0), stored: (Term(1), Self.summary(1, 7)))
    #expect(machine.assigned(Self.assignment(map), now: Maps.moment(0)) == [.reportSoon])
    #expect(machine.report.role == .needsTerm)
    #expect(
      machine.writeReceived(WriteID(1), now: Maps.moment(0))
        == [.refuse(WriteID(1), .notPrimary(known: nil, term: Term(1)))])
  }

  @Test func aReplicaThatIsCalledInSyncAndGoneMakesNoNewFiles() throws {
    let map = try Maps.map()
    for index in [0, 1] {
      var machine = ReplicaStateMachine(
        shard: Maps.shard, worker: Maps.worker(index), stored: nil)
      #expect(machine.assigned(Self.assignment(map), now: Maps.moment(0)) == [.reportSoon])
      #expect(machine.report.role == .missing && machine.queryRefusal != nil)
    }
  }

  /// The story: a follower was let in as soon as it was near. What had been acknowledged just
  /// before its primary began to wait for it was not on it, and the map called it in sync. The
  /// simulator showed it; now it is let in with all of that.
  @Test func aFollowerIsLetInWithAllThatWasAcknowledgedWithoutIt() throws {
    var map = try Maps.map()
    map = try map.applying([
      .leave(
        Maps.shard, term: Term(1), basis: map.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    var machine = Self.primary(map)
    let now = Maps.moment(1)
    for sequence: UInt64 in 2...4 {
      let id = WriteID(sequence)
      _ = machine.writeReceived(id, now: now)
      let written = Self.summary(1, sequence)
      #expect(
        machine.writeCompleted(id, position: written.position, summary: written, now: now)
          == [.acknowledge(id, written.position)])
    }
    let behind = Self.pull(map, from: 1, at: Self.summary(1, 2).position)
    _ = machine.pullReceived(behind, request: RequestID(1), now: now)
    #expect(machine.report.proposals.isEmpty)
    // It is waited for from now on,
    _ = machine.writeReceived(WriteID(9), now: now)
    let written = Self.summary(1, 5)
    let waits = machine.writeCompleted(
      WriteID(9), position: written.position, summary: written, now: now)
    #expect(waits.isEmpty)
    // and let in when it has what it was not waited for.
    let near = Self.pull(map, from: 1, at: Self.summary(1, 4).position)
    _ = machine.pullReceived(near, request: RequestID(2), now: now)
    let basis = map.shards[Maps.shard]!.changed
    #expect(
      machine.report.proposals == [MembershipProposal(.join, worker: Maps.worker(1), basis: basis)])
  }

  @Test func aPullOfAnEarlierStayCountsForNothing() throws {
    let map = try Maps.map()
    var machine = Self.primary(map)
    var pull = Self.pull(map, from: 1, at: Self.summary(1, 1).position)
    pull.since = MapVersion(0)
    let answer = machine.pullReceived(pull, request: RequestID(1), now: Maps.moment(1))
    let refusal = PullReply(term: Term(1), outcome: .refused(.notReady))
    #expect(answer == [.replyToPull(RequestID(1), refusal)])
  }

  @Test func aFollowerThatLagsIsProposedToLeaveAndStillWaitedFor() throws {
    let map = try Maps.map()
    var machine = Self.primary(map)
    _ = machine.writeReceived(WriteID(1), now: Maps.moment(1))
    let written = Self.summary(1, 2)
    _ = machine.writeCompleted(
      WriteID(1), position: written.position, summary: written, now: Maps.moment(2))
    #expect(machine.deadlineFired(now: Maps.moment(2_500)) == [.reportSoon])
    #expect(machine.report.proposals.map(\.change) == [.leave])
    let left = try map.applying([
      .leave(
        Maps.shard, term: Term(1), basis: map.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    #expect(
      machine.assigned(Self.assignment(left), now: Maps.moment(2_600))
        == [.acknowledge(WriteID(1), written.position)])
  }

  @Test func aFollowerCopiesWhatItCannotFollow() throws {
    var map = try Maps.map()
    map = try map.applying([
      .leave(
        Maps.shard, term: Term(1), basis: map.shards[Maps.shard]!.changed,
        worker: Maps.worker(1))
    ])
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(1), stored: (Term(1), Self.summary(1, 9)))
    let now = Maps.moment(0)
    let first = machine.assigned(Self.assignment(map), now: now)
    guard case .pull(let request, let primary, _, let pull)? = first.first else {
      Issue.record("\(first)")
      return
    }
    #expect(primary == Maps.worker(0) && pull.after == Self.summary(1, 9).position)
    let copies = machine.pullReplied(
      request, PullReply(term: Term(1), outcome: .diverged), now: now)
    guard case .startCopy(let copy, _, _, _, _)? = copies.first else {
      Issue.record("\(copies)")
      return
    }
    #expect(machine.report.role == .copying && machine.queryRefusal == .copying)
    let follows = machine.copyFinished(
      copy, summary: Self.summary(1, 4), promisedTerm: Term(1), now: now)
    guard case .pull(_, _, _, let next)? = follows.first else {
      Issue.record("\(follows)")
      return
    }
    #expect(next.after == Self.summary(1, 4).position && !next.isVerified)
  }

  @Test func unequalContentIsNeverInSync() throws {
    let map = try Maps.map()
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(1), stored: (Term(1), Self.summary(1, 3)))
    let now = Maps.moment(0)
    guard case .pull(let request, _, _, _)? = machine.assigned(Self.assignment(map), now: now).first
    else {
      Issue.record("no pull")
      return
    }
    var other = Self.summary(1, 3)
    other.recordCount += 1
    let reply = PullReply(
      term: Term(1), outcome: .entries(last: other.position), summary: other)
    #expect(machine.pullReplied(request, reply, now: now) == [.reportSoon])
    #expect(machine.report.role == .damaged && machine.queryRefusal == .notInSync)
  }

  @Test func aFollowerOfANewShardWaitsForItsPrimary() throws {
    let map = try Maps.map(workerCount: 2, replicas: 2, isEstablished: false)
    var machine = ReplicaStateMachine(shard: Maps.shard, worker: Maps.worker(1), stored: nil)
    #expect(machine.assigned(Self.assignment(map), now: Maps.moment(0)).isEmpty)
    #expect(!machine.isReported)
    let established = try map.applying([.establish(Maps.shard, term: Term(1))])
    let actions = machine.assigned(Self.assignment(established), now: Maps.moment(1))
    guard case .startCopy? = actions.first else {
      Issue.record("\(actions)")
      return
    }
    // Ordered again with another rate, the copy goes on by that.
    var faster = Self.assignment(established)
    faster.copyByteRate = 5
    guard case .limitCopy(_, 5)? = machine.assigned(faster, now: Maps.moment(2)).first else {
      Issue.record("the rate is not passed on")
      return
    }
    // A drop stops it, and deletes what is there of it.
    let drop = machine.dropOrdered()
    guard drop.count == 2, case .stopCopy = drop[0], drop[1] == .dropReplica else {
      Issue.record("\(drop)")
      return
    }
    _ = machine.replicaDropped(now: Maps.moment(9))
    #expect(!machine.isReported)
  }

  @Test func anOrderThatComesWhileFilesAreDeletedIsKept() throws {
    let map = try Maps.map(workerCount: 3, replicas: 2)
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(2), stored: (Term(1), Self.summary(1, 1)))
    #expect(machine.dropOrdered() == [.dropReplica])
    let added = try map.applying([.addReplica(Maps.shard, Maps.worker(2))])
    #expect(machine.assigned(Self.assignment(added), now: Maps.moment(1)).isEmpty)
    let actions = machine.replicaDropped(now: Maps.moment(2))
    #expect(
      actions.contains {
        if case .startCopy = $0 { true } else { false }
      })
  }

  @Test func aHalfMadeCopyIsReportedAndDropped() {
    var machine = ReplicaStateMachine(
      shard: Maps.shard, worker: Maps.worker(1), stored: nil, hasUnfinishedCopy: true)
    #expect(machine.isReported && machine.report.role == .missing)
    #expect(machine.dropOrdered() == [.dropReplica])
    _ = machine.replicaDropped(now: Maps.moment(9))
    #expect(!machine.isReported)
  }

  @Test func thePullOfAReplicaThatLeftIsAnswered() throws {
    let map = try Maps.map(workerCount: 2, replicas: 2)
    var machine = Self.primary(map)
    let pull = Self.pull(map, from: 1, at: Self.summary(1, 1).position)
    #expect(
      machine.pullReceived(pull, request: RequestID(9), now: Maps.moment(1)).isEmpty, "it waits")
    let left = try map.applying([.removeReplica(Maps.shard, Maps.worker(1))])
    let actions = machine.assigned(Self.assignment(left), now: Maps.moment(2))
    #expect(
      actions == [
        .replyToPull(RequestID(9), PullReply(term: Term(1), outcome: .refused(.notReady)))
      ])
  }

  @Test func entriesThatDoNotApplyAreAskedForAgain() throws {
    let map = try Maps.map(workerCount: 2, replicas: 2)
    for isDiverged in [false, true] {
      var machine = ReplicaStateMachine(
        shard: Maps.shard, worker: Maps.worker(1), stored: (Term(1), Self.summary(1, 1)))
      let pulls = machine.assigned(Self.assignment(map), now: Maps.moment(0))
      guard case .pull(let request, _, _, _)? = pulls.first else {
        Issue.record("\(pulls)")
        return
      }
      let reply = PullReply(
        term: Term(1), outcome: .entries(last: Self.summary(1, 2).position))
      #expect(
        machine.pullReplied(request, reply, now: Maps.moment(1))
          == [.apply(request, term: Term(1))])
      let failed = machine.applyFailed(request, isDiverged: isDiverged, now: Maps.moment(2))
      if isDiverged {
        #expect(failed == [.reportSoon] && machine.report.role == .damaged)
        #expect(machine.queryRefusal == .notInSync)
      } else {
        #expect(failed.isEmpty)
        let again = machine.deadlineFired(now: try #require(machine.nextDeadline))
        guard case .pull(_, _, _, let pull)? = again.first else {
          Issue.record("\(again)")
          return
        }
        #expect(pull.after == Self.summary(1, 1).position)
      }
    }
  }
}
