import Testing
import ThumbprintCluster
import ThumbprintCodes

/// What is in an answer, and what is said of what is not.
@Suite struct RouterAnswerTests {
  private typealias Router = QueryRouterStateMachine<Int, String>
  private typealias Sent = QueryRouterTests.Sent

  private static func query(
    countMax: Int, answerCountMax: Int = .max, contents: Bool = false
  ) -> RoutedQuery {
    RoutedQuery(
      collection: Maps.collection, matchCountMax: countMax, answerMatchCountMax: answerCountMax,
      deadline: Maps.moment(1_000), allowsPartial: contents, wantsContents: contents)
  }

  /// Has all searches answered; what the router does after that.
  private static func search(_ router: inout Router, _ query: RoutedQuery) -> Sent {
    let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
    var after: [Router.Action] = []
    for search in sent.searches {
      let reply = QueryRouterTests.reply(search.shards, countMax: query.matchCountMax)
      after += router.searchReplied(search.attempt, reply, now: Maps.moment(1))
    }
    return Sent(after)
  }

  /// The story: what workers found together was cut at the bound of one message, and the answer
  /// said that nothing was left out.
  @Test func moreThanAnAnswerHoldsIsNoAnswer() throws {
    var router = try QueryRouterTests.router()
    let all = Self.search(&router, Self.query(countMax: .max, answerCountMax: 100))
    #expect(all.answers.first?.matches == [QueryRouterTests.records])
    #expect(all.answers.first?.cuts == [nil])
    let tooMany = Self.search(&router, Self.query(countMax: .max, answerCountMax: 99))
    #expect(tooMany.answers.isEmpty)
    #expect(tooMany.failures == [.tooManyMatches(100)])
  }

  @Test func whatDoesNotFitIsSaidBeforeAllHaveAnswered() throws {
    var router = try QueryRouterTests.router()
    let query = Self.query(countMax: .max, answerCountMax: 10)
    let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
    let first = sent.searches[0]
    let reply = QueryRouterTests.reply(first.shards, countMax: .max)
    let end = Sent(router.searchReplied(first.attempt, reply, now: Maps.moment(1)))
    #expect(end.failures == [.tooManyMatches(reply.matches[0].count)])
    #expect(Set(end.cancelled) == Set(sent.searches.dropFirst().map(\.attempt)))
    // The nearest of all are no more than were asked for, however many each worker sends.
    let nearest = Self.search(&router, Self.query(countMax: 10, answerCountMax: 10))
    #expect(nearest.answers.first?.matches == [Array(QueryRouterTests.records.prefix(10))])
  }

  /// The story: matches whose contents could not be fetched were left out as if they had been
  /// deleted, and every shard was said to have answered.
  @Test(arguments: [false, true]) func aShardWithoutContentsIsMissing(isLate: Bool) throws {
    var router = try QueryRouterTests.router()
    var open = Self.search(&router, Self.query(countMax: 50, contents: true)).fetches
    let lost = try #require(open.first)
    open.removeFirst()
    var ends: [Router.Action] = []
    for fetch in open { ends += Self.fetched(&router, fetch) }
    #expect(Sent(ends).answers.isEmpty)
    if isLate {
      ends += router.deadlineFired(now: Maps.moment(1_000))
    } else {
      // Nobody can be asked for it.
      var now = 2
      var failing = [lost]
      while Sent(ends).answers.isEmpty, now < 1_000 {
        for fetch in failing {
          ends += router.attemptFailed(fetch.attempt, now: Maps.moment(now))
        }
        ends += router.deadlineFired(now: Maps.moment(now))
        failing = Sent(ends).fetches
        now += 10
      }
    }
    let answer = try #require(Sent(ends).answers.first)
    let numbers = Set(lost.items.keys.map(\.number))
    #expect(!answer.isComplete)
    for status in answer.shards {
      let isMissing = if case .missing = status.state { true } else { false }
      #expect(isMissing == numbers.contains(status.shard.number), "\(status)")
    }
    let winners = QueryRouterTests.records.prefix(50)
    let kept = winners.filter {
      !numbers.contains(ShardHash.shard(of: $0.id, count: QueryRouterTests.shardCount))
    }
    #expect(answer.matches == [Array(kept)] && kept.count < 50)
    // What was left out for them is not nearer than the last of them all.
    #expect(answer.cuts == [winners.last?.distance])
    #expect(answer.proofs.filter { !$0.isWhole }.count == 1)
  }

  /// The story: when a shard was late, nothing was fetched for the others, and they were said to
  /// have answered with no matches.
  @Test func contentsOfTheOthersAreFetchedInTime() throws {
    for contentsTime in [Duration.milliseconds(200), .zero] {
      var router = try QueryRouterTests.router()
      var query = Self.query(countMax: 50, contents: true)
      query.contentsTime = contentsTime
      let sent = Sent(router.queryReceived(QueryID(1), query, now: Maps.moment(0)))
      let late = Set(sent.searches[0].shards)
      for search in sent.searches.dropFirst() {
        let reply = QueryRouterTests.reply(search.shards, countMax: 50)
        _ = router.searchReplied(search.attempt, reply, now: Maps.moment(1))
      }
      var ends = router.deadlineFired(now: Maps.moment(800))
      for fetch in Sent(ends).fetches { ends += Self.fetched(&router, fetch) }
      ends += router.deadlineFired(now: Maps.moment(1_000))
      let answer = try #require(Sent(ends).answers.first)
      let missing = answer.shards.filter {
        if case .missing = $0.state { true } else { false }
      }
      if contentsTime == .zero {
        // Without time nothing can be shown, which is said.
        #expect(missing.count == QueryRouterTests.shardCount && answer.matches == [[]])
      } else {
        #expect(Set(missing.map(\.shard)) == late)
        #expect(Set(answer.contents.keys) == Set(answer.matches[0].map(\.id)))
        #expect(!answer.matches[0].isEmpty)
      }
    }
  }

  private static func fetched(
    _ router: inout Router,
    _ fetch: (attempt: AttemptID, worker: WorkerName, items: [ShardKey: [ItemID]])
  ) -> [Router.Action] {
    let found = fetch.items.values.joined().map { ($0, "code of \($0)") }
    return router.fetchReplied(
      fetch.attempt, found: Dictionary(uniqueKeysWithValues: found), refused: [:],
      now: Maps.moment(2))
  }
}
