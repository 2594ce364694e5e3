import Testing
import ThumbprintCluster
import ThumbprintCodes

@Suite struct QueryRouterTests {
  typealias Router = QueryRouterStateMachine<Int, String>

  /// What a router was told to do, by worker.
  struct Sent {
    var searches: [(attempt: AttemptID, worker: WorkerName, shards: [ShardKey])] = []
    var fetches: [(attempt: AttemptID, worker: WorkerName, items: [ShardKey: [ItemID]])] = []
    var answers: [RoutedAnswer<Int, String>] = []
    var failures: [RouterFailure] = []
    var cancelled: [AttemptID] = []

    init(_ actions: [Router.Action]) {
      for action in actions {
        switch action {
        case .search(let id, _, let worker, let shards): searches.append((id, worker, shards))
        case .fetch(let id, _, let worker, let items): fetches.append((id, worker, items))
        case .answer(_, let answer): answers.append(answer)
        case .fail(_, let failure): failures.append(failure)
        case .cancel(let id, _): cancelled.append(id)
        }
      }
    }
  }

  static let shardCount = 8

  static func router() throws -> Router {
    var router = Router()
    _ = router.mapChanged(
      try Maps.map(workerCount: 3, shardCount: shardCount, replicas: 2), now: Maps.moment(0))
    return router
  }

  static func query(
    partial: Bool = false, contents: Bool = false, count: Int = 1
  ) -> RoutedQuery {
    RoutedQuery(
      collection: Maps.collection, queryCount: count, matchCountMax: 5,
      deadline: Maps.moment(1_000), allowsPartial: partial, wantsContents: contents)
  }

  /// Records 0 ..< 100 at distances that are equal for several: what all shards hold.
  static let records = (0..<100).map {
    RoutedMatch(distance: $0 % 7, id: ItemID(UInt64($0)))
  }.sorted()

  static func reply(_ shards: [ShardKey], countMax: Int = 5) -> SearchReply<Int> {
    let numbers = Set(shards.map(\.number))
    let matches = records.filter {
      numbers.contains(ShardHash.shard(of: $0.id, count: shardCount))
    }
    return SearchReply(matches: [Array(matches.prefix(countMax))], searched: shards, certificate: 1)
  }

  @Test func eachShardIsAskedOnceAndTheAnswerIsThatOfAll() throws {
    var router = try Self.router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    #expect(sent.searches.flatMap(\.shards).map(\.number).sorted() == Array(0..<Self.shardCount))
    #expect(sent.searches.count == 3, "one request for each worker")
    var answers: [RoutedAnswer<Int, String>] = []
    for search in sent.searches {
      let actions = router.searchReplied(
        search.attempt, Self.reply(search.shards), now: Maps.moment(1))
      answers += Sent(actions).answers
    }
    let answer = try #require(answers.first)
    #expect(
      answers.count == 1 && answer.isComplete && answer.proofs.map(\.certificate) == [1, 1, 1])
    #expect(answer.proofs.allSatisfy(\.isWhole) && answer.cuts == [Self.records[4].distance])
    #expect(answer.matches == [Array(Self.records.prefix(5))])
    #expect(answer.shards.allSatisfy { $0.attemptCount == 1 && !$0.isHedged })
  }

  @Test func whoFailsIsReplacedByAnother() throws {
    var router = try Self.router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    let lost = sent.searches[0]
    let again = Sent(router.attemptFailed(lost.attempt, now: Maps.moment(1)))
    #expect(again.searches.flatMap(\.shards).sorted() == lost.shards.sorted())
    #expect(again.searches.allSatisfy { $0.worker != lost.worker })
    var answers: [RoutedAnswer<Int, String>] = []
    for search in sent.searches.dropFirst() + again.searches {
      answers +=
        Sent(
          router.searchReplied(search.attempt, Self.reply(search.shards), now: Maps.moment(2))
        ).answers
    }
    #expect(answers.first?.matches == [Array(Self.records.prefix(5))])
    #expect(answers.first?.shards.map(\.attemptCount).max() == 2)
  }

  @Test func aRefusedShardIsAskedElsewhere() throws {
    var router = try Self.router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    let search = sent.searches[0]
    let (refused, searched) = (search.shards[0], Array(search.shards.dropFirst()))
    var reply = Self.reply(searched)
    reply.refused = [refused: .notInSync]
    let again = Sent(router.searchReplied(search.attempt, reply, now: Maps.moment(1)))
    #expect(again.searches.count == 1 && again.searches[0].shards == [refused])
    #expect(again.searches[0].worker != search.worker)
  }

  @Test func withoutAReplicaTheQueryFailsUnlessAPartIsAllowed() throws {
    for isPartial in [false, true] {
      var router = try Self.router()
      for number in [0, 1] {
        _ = router.connectionChanged(
          Maps.worker(number), isConnected: false, now: Maps.moment(0))
      }
      let query = Self.query(partial: isPartial)
      let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
      var end = Sent([])
      for search in sent.searches {
        #expect(search.worker == Maps.worker(2))
        _ = router.searchReplied(search.attempt, Self.reply(search.shards), now: Maps.moment(1))
      }
      while let deadline = router.nextDeadline, end.answers.isEmpty, end.failures.isEmpty {
        end = Sent(router.deadlineFired(now: deadline))
      }
      // Shards 0, 3 and 6 are on workers 0 and 1 alone.
      let gone = [0, 3, 6].map { ShardKey(collection: Maps.collection, number: $0) }
      if isPartial {
        let answer = try #require(end.answers.first)
        #expect(!answer.isComplete)
        #expect(answer.shards.filter { $0.state == .missing(nil) }.map(\.shard) == gone)
      } else {
        #expect(end.failures == [.unavailable(gone)])
      }
    }
  }

  /// Replies take 2 ms, so one that takes longer is joined by another; the slow one's reply is not
  /// merged a second time.
  @Test func whoIsLateIsJoinedWithinTheBudget() throws {
    var router = try Self.router()
    var now = 0
    func run(slow: Bool) -> (hedges: [[ShardKey]], answer: RoutedAnswer<Int, String>?) {
      now += 100
      var query = Self.query()
      query.deadline = Maps.moment(now + 1_000)
      let id = QueryID(UInt64(now))
      let sent = Sent(router.queryReceived(id, query, now: Maps.moment(now)))
      var answers: [RoutedAnswer<Int, String>] = []
      for search in sent.searches.dropFirst(slow ? 1 : 0) {
        answers +=
          Sent(
            router.searchReplied(
              search.attempt, Self.reply(search.shards), now: Maps.moment(now + 2))
          ).answers
      }
      guard slow else { return ([], answers.first) }
      let hedged = Sent(router.deadlineFired(now: Maps.moment(now + 20)))
      if let first = hedged.searches.first {
        // Half of what was late comes from the other, then all of it from the slow one.
        answers +=
          Sent(
            router.searchReplied(
              first.attempt, Self.reply(first.shards), now: Maps.moment(now + 22))
          ).answers
      }
      let late = sent.searches[0]
      answers +=
        Sent(
          router.searchReplied(late.attempt, Self.reply(late.shards), now: Maps.moment(now + 40))
        ).answers
      return (hedged.searches.map(\.shards), answers.first)
    }
    for _ in 0..<60 { #expect(run(slow: false).answer?.isComplete == true) }
    var hedgeCount = 0
    for _ in 0..<200 {
      let (hedges, answer) = run(slow: true)
      hedgeCount += hedges.count
      #expect(answer?.matches == [Array(Self.records.prefix(5))])
    }
    // 260 queries of three requests: 39 hedges are 5 %, and ten may have been saved up.
    #expect((10...50).contains(hedgeCount), "\(hedgeCount) hedges")
  }

  @Test func contentsOfTheWinnersAreFetchedWhereTheyWereFound() throws {
    var router = try Self.router()
    let query = Self.query(contents: true)
    let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
    var fetches: [(attempt: AttemptID, worker: WorkerName, items: [ShardKey: [ItemID]])] = []
    for search in sent.searches {
      fetches +=
        Sent(
          router.searchReplied(search.attempt, Self.reply(search.shards), now: Maps.moment(1))
        ).fetches
    }
    let winners = Set(Self.records.prefix(5).map(\.id))
    #expect(Set(fetches.flatMap { $0.items.values.joined() }) == winners)
    // The first fails and is repeated elsewhere.
    let lost = try #require(fetches.first)
    fetches =
      fetches.dropFirst()
      + Sent(router.attemptFailed(lost.attempt, now: Maps.moment(2))).fetches
    var answers: [RoutedAnswer<Int, String>] = []
    for fetch in fetches {
      let found = fetch.items.values.joined().map { ($0, "code of \($0)") }
      answers +=
        Sent(
          router.fetchReplied(
            fetch.attempt, found: Dictionary(uniqueKeysWithValues: found), refused: [:],
            now: Maps.moment(3))
        ).answers
    }
    #expect(Set(try #require(answers.first).contents.keys) == winners)
  }

  @Test func theDeadlineIsKept() throws {
    var router = try Self.router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    let end = Sent(router.deadlineFired(now: Maps.moment(1_000)))
    #expect(Set(end.cancelled) == Set(sent.searches.map(\.attempt)))
    guard case .deadlineExceeded(let missing)? = end.failures.first else {
      Issue.record("\(end.failures)")
      return
    }
    #expect(missing.count == Self.shardCount)
    let late = router.searchReplied(
      sent.searches[0].attempt, Self.reply([]), now: Maps.moment(1_001))
    #expect(late.isEmpty)
  }

  @Test func anUnknownCollectionIsSaid() {
    var router = Router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    #expect(sent.failures == [.unknownCollection])
  }

  @Test func aConnectionThatEndsIsFailedOverAtOnce() throws {
    var router = try Self.router()
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    let lost = sent.searches[0]
    let again = Sent(
      router.connectionChanged(lost.worker, isConnected: false, now: Maps.moment(1)))
    #expect(again.cancelled == [lost.attempt])
    #expect(Set(again.searches.flatMap(\.shards)) == Set(lost.shards))
    #expect(again.searches.allSatisfy { $0.worker != lost.worker })
    #expect(router.disconnectedWorkers == [lost.worker])
    var answers: [RoutedAnswer<Int, String>] = []
    for search in again.searches + sent.searches.dropFirst() {
      answers +=
        Sent(
          router.searchReplied(search.attempt, Self.reply(search.shards), now: Maps.moment(2))
        ).answers
    }
    #expect(answers.count == 1 && answers[0].isComplete)
    // Nobody without a connection is asked.
    let next = Sent(router.queryReceived(QueryID(2), Self.query(), now: Maps.moment(3)))
    #expect(next.searches.allSatisfy { $0.worker != lost.worker })
    _ = router.connectionChanged(lost.worker, isConnected: true, now: Maps.moment(4))
    #expect(router.disconnectedWorkers.isEmpty)
  }

  @Test func whoLeavesTheSetIsJoinedByAnother() throws {
    var router = try Self.router()
    var map = try Maps.map(workerCount: 3, shardCount: Self.shardCount, replicas: 2)
    let sent = Sent(router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0)))
    // One that was asked for a shard is taken out.
    let search = sent.searches[0]
    let key = search.shards[0]
    let other = try #require(map.shards[key]?.inSync.first { $0 != search.worker })
    map = try map.applying([
      .failOver(
        key, basis: map.shards[key]!.changed, term: Term(2), primary: other, inSync: [other])
    ])
    let more = Sent(router.mapChanged(map, now: Maps.moment(1)))
    #expect(more.searches.map(\.shards) == [[key]] && more.cancelled.isEmpty)
    #expect(more.searches[0].worker != search.worker)
    // Whoever comes first counts; nothing is in the answer twice.
    var answers: [RoutedAnswer<Int, String>] = []
    for search in more.searches + sent.searches {
      answers +=
        Sent(
          router.searchReplied(search.attempt, Self.reply(search.shards), now: Maps.moment(2))
        ).answers
    }
    #expect(answers.count == 1 && answers[0].matches == [Array(Self.records.prefix(5))])
  }

  @Test func aSilentWorkerIsJoinedWithoutHedgesLeft() throws {
    var router = try Self.router()
    var query = Self.query()
    query.deadline = Maps.moment(10_000)
    let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
    var joined: [WorkerName: Set<ShardKey>] = [:]
    while let deadline = router.nextDeadline, deadline < Maps.moment(3_000) {
      for search in Sent(router.deadlineFired(now: deadline)).searches {
        #expect(deadline >= Maps.moment(1_000))
        joined[search.worker, default: []].formUnion(search.shards)
      }
    }
    let asked = Set(joined.values.joined())
    #expect(asked == Set(sent.searches.flatMap(\.shards)))
  }

  @Test func aQueryOfADroppedCollectionEnds() throws {
    var router = try Self.router()
    _ = router.queryReceived(QueryID(1), Self.query(), now: Maps.moment(0))
    let map = try Maps.map(workerCount: 3, shardCount: Self.shardCount, replicas: 2)
      .applying([.dropCollection(Maps.collection)])
    let sent = Sent(router.mapChanged(map, now: Maps.moment(1)))
    #expect(sent.failures == [.unknownCollection])
  }
}
