import Foundation
import NIOCore
import NIOPosix
import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// How many queries a second a coordinator and its workers answer to several connections, each of
/// which asks one after another.
struct ThroughputTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var workerCount = 1
  var connectionCount: Int
  var seconds: Double
  /// Queries of one request; 1 for a query at a time.
  var depth: Int
  var scratch: Scratch

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "throughput",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)",
        "workers": "\(workerCount)",
        "connections": "\(connectionCount)", "depth": "\(depth)",
        "seconds": Figures.number(seconds, 0),
      ])
    let base = BaseRecords(seed: seed, count: count)
    let cluster = try await TrialCluster.start(workers: workerCount, in: scratch)
    let client = try await cluster.client()
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 1)
    try await base.load(into: collection)
    try await collection.waitUntilSettled()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let questions = Questions(base, collection.id, count: 2_048)
    let port = await cluster.port(of: TrialCluster.coordinatorName)
    let crowd = Crowd(questions, group: group, port: port, count: connectionCount, depth: depth)
    crowd.start()
    try await Task.sleep(for: .seconds(1))
    let before = await (cluster.usage, ProcessUsage.own, crowd.tally, Stopwatch())
    try await Task.sleep(for: .seconds(seconds))
    let after = await (cluster.usage, ProcessUsage.own, crowd.tally, before.3.seconds)
    try await crowd.stop()
    tell(before: (before.0, before.1, before.2), after: after, &report)
    try await group.shutdownGracefully()
    await client.close()
    await cluster.stop()
    report.seconds = watch.seconds
    return report
  }

  private func tell(
    before: (usage: [String: ProcessUsage], own: Double, tally: Crowd.Tally),
    after: (usage: [String: ProcessUsage], own: Double, tally: Crowd.Tally, seconds: Double),
    _ report: inout TrialReport
  ) {
    let answered = after.tally.answered - before.tally.answered
    let rate = Double(answered) / after.seconds
    // What is asked is of one worker; several share the processor here.
    if workerCount == 1 {
      report.ask(
        "queries", Figures.rate(rate), rate, asked: ">= 5000/s", holds: rate >= 5_000,
        isTimed: true)
    } else {
      report.tell("queries", Figures.rate(rate), rate)
    }
    report.askNone("wrong or missing answers", after.tally.wrong)
    func cpu(_ what: String, _ seconds: Double) {
      let micros = seconds * 1e6 / Double(max(1, answered))
      report.tell(
        "processor time of the \(what)",
        "\(Figures.number(seconds / after.seconds, 2)) cores, \(Figures.number(micros, 1)) us a query",
        micros)
    }
    for (name, usage) in after.usage.sorted(by: { $0.key < $1.key }) {
      let earlier = before.usage[name]?.cpuSeconds ?? 0
      let isAlone = name != TrialCluster.coordinatorName && workerCount == 1
      let what = isAlone ? "worker" : name
      cpu(what, usage.cpuSeconds - earlier)
    }
    cpu("client", after.own - before.own)
    if let reason = after.tally.reason { report.notes.append(reason) }
  }
}

/// Queries with their answers, ready to be sent.
private final class Questions: Sendable {
  struct Question: Sendable {
    var body: [UInt8]
    var expected: [BaseRecords.Match]
    var images: [ImageCode]
  }

  let all: [Question]

  init(_ base: BaseRecords, _ collection: CollectionID, count: Int) {
    all = (0..<count).map { index in
      let (feature, expected, images) = base.query(index)
      return Question(
        body: base.request(feature, of: collection).encoded(), expected: expected, images: images)
    }
  }
}

/// Connections that each keep some queries under way.
private final class Crowd: Sendable {
  struct Tally: Sendable {
    var answered = 0
    var wrong = 0
    var open = 0
    var reason: String?
  }

  private let questions: Questions
  private let peers: [WirePeer]
  private let depth: Int
  private let next = Counter()
  private let state = Mutex(Tally())
  private let stopSign = StopSign()

  init(_ questions: Questions, group: any EventLoopGroup, port: Int, count: Int, depth: Int) {
    self.questions = questions
    self.depth = depth
    peers = (0..<count).map { _ in
      WirePeer(host: "127.0.0.1", port: port, group: group) {
        Hello(role: .client, program: "thumbprint-trial")
      }
    }
  }

  var tally: Tally { state.withLock { $0 } }

  func start() {
    for peer in peers { for _ in 0..<depth { ask(peer) } }
  }

  func stop() async throws {
    stopSign.putUp()
    while tally.open > 0 { try await Task.sleep(for: .milliseconds(5)) }
    for peer in peers { peer.close() }
  }

  private func ask(_ peer: WirePeer) {
    let question = questions.all[next.next() % questions.all.count]
    state.withLock { $0.open += 1 }
    peer.start(
      OutgoingRequest(type: .search, body: question.body, timeout: .seconds(10)) { result in
        let fault = self.fault(result, question)
        self.state.withLock { state in
          state.open -= 1
          if let fault {
            state.wrong += 1
            state.reason = state.reason ?? fault
          } else {
            state.answered += 1
          }
        }
        if !self.stopSign.isUp, fault == nil { self.ask(peer) }
      })
  }

  private func fault(
    _ result: Result<Frame, ServiceError>, _ question: Questions.Question
  ) -> String? {
    do throws(ServiceError) {
      let reply = try result.get().message(as: SearchReply.self)
      return BaseRecords.fault(
        in: reply, expected: question.expected, images: question.images)
    } catch {
      return error.message
    }
  }
}
