import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

/// How long one query takes by way of client, coordinator and worker, beside the same query in this
/// process and a bare round trip.
struct LatencyTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var workerCount: Int
  var queryCount: Int
  /// Whether queries are near no record, so that everything has to be compared.
  var asksUnlike = false
  /// The folder of the certificates for asking over TLS too; `nil` for not.
  var certificates: String?
  var scratch: Scratch

  private struct Measured {
    var remote = Timings()
    var local = Timings()
    var ping = Timings()
    var found = 0
    var wrong = 0
    /// Codes compared in full.
    var compared = 0
    var checksum = AnswerChecksum()
  }

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "latency",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)",
        "workers": "\(workerCount)",
        "queries": "\(queryCount)",
        "unlike": "\(asksUnlike)",
      ])
    let base = BaseRecords(seed: seed, count: count)
    let dataset = try base.makeDataset(at: scratch.path("dataset"))
    let local = try LocalTwin(dataset, shardCount: shardCount, scratch: scratch)
    let plain = try await Asked.start(dataset, self, security: nil)
    var secured: Asked?
    if let certificates {
      let security = try TrialSecurity(folder: certificates)
      secured = try await Asked.start(dataset, self, security: security)
    }
    let all = [plain] + (secured.map { [$0] } ?? [])
    for each in all {
      var warm = Measured()
      try await measure(
        base, each.collection, local, queries: 0..<min(300, queryCount), into: &warm)
    }
    // In turns, so that whatever else the machine does meets both.
    var measured = all.map { _ in Measured() }
    for start in stride(from: 300, to: 300 + queryCount, by: 100) {
      for (index, each) in all.enumerated() {
        try await measure(
          base, each.collection, local, queries: start..<min(start + 100, 300 + queryCount),
          into: &measured[index])
      }
    }
    tell(measured[0], &report)
    if measured.count > 1 { tellSecured(measured[1], beside: measured[0], &report) }
    local.store.close()
    for each in all {
      await each.client.close()
      await each.cluster.stop()
    }
    report.seconds = watch.seconds
    return report
  }

  /// A cluster of one worker with the records, and its client.
  private struct Asked {
    var cluster: TrialCluster
    var client: ClusterClient
    var collection: RemoteCollection

    static func start(
      _ dataset: CodedDataset, _ trial: LatencyTrial, security: TrialSecurity?
    ) async throws -> Asked {
      let cluster = try await TrialCluster.start(
        workers: trial.workerCount, in: trial.scratch,
        name: security == nil ? "cluster" : "secured",
        security: security)
      let client = try await cluster.client()
      let collection = try await client.createCollection(
        "trial", shardCount: trial.shardCount, replicationFactor: 1)
      guard try await collection.load(dataset).isWhole else {
        throw TrialError("the load left something out")
      }
      try await collection.waitUntilSettled()
      return Asked(cluster: cluster, client: client, collection: collection)
    }
  }

  private func tellSecured(
    _ secured: Measured, beside plain: Measured, _ report: inout TrialReport
  ) {
    func tell(_ what: String, _ value: Double) {
      report.tell(what, Figures.milliseconds(value), value)
    }
    tell("over TLS: query, median", secured.remote.median)
    tell("over TLS: query, p99", secured.remote.quantile(0.99))
    tell("over TLS: round trip, median", secured.ping.median)
    tell("what TLS adds to a query, median", secured.remote.median - plain.remote.median)
    report.askNone("over TLS: wrong answers", secured.wrong)
    report.askNone(
      "over TLS: checksum differs",
      secured.checksum.description == plain.checksum.description ? 0 : 1)
  }

  private func measure(
    _ base: BaseRecords, _ collection: RemoteCollection, _ local: LocalTwin, queries: Range<Int>,
    into result: inout Measured
  ) async throws {
    for index in queries {
      var (feature, expected, images) = base.query(index)
      if asksUnlike { feature = base.unlikeQuery(index) }
      let pingWatch = Stopwatch()
      _ = try await collection.client.ask(Ping(token: UInt64(index)))
      result.ping.append(milliseconds: pingWatch.milliseconds)
      let request = base.request(feature, of: collection.id)
      let remoteWatch = Stopwatch()
      let reply = try await collection.search(request)
      result.remote.append(milliseconds: remoteWatch.milliseconds)
      let localWatch = Stopwatch()
      let answer = try local.collection.search(
        SearchQuery(feature: feature, extent: .nearest(expected.count)))
      let records = try local.collection.records(answer.matches.map(\.id))
      result.local.append(milliseconds: localWatch.milliseconds)
      if asksUnlike {
        // Nothing is known of these without a search: the store says what is right.
        expected = answer.matches.map { BaseRecords.Match(distance: $0.distance, id: $0.id) }
        images = records.map { $0?.image ?? ImageCode() }
      }
      if BaseRecords.fault(in: reply, expected: expected, images: images) != nil {
        result.wrong += 1
      }
      if answer.matches.map(\.id) != expected.map(\.id) || records.contains(where: { $0 == nil }) {
        result.wrong += 1
      }
      result.compared += reply.answers.reduce(0) { $0 + Int($1.certificate?.codesCompared ?? 0) }
      let ids = Set(expected.map(\.id))
      for row in 0..<reply.rows.rowCount where ids.contains(reply.rows.id(row)) {
        result.found += 1
      }
      result.checksum.add(reply)
    }
  }

  private func tell(_ measured: Measured, _ report: inout TrialReport) {
    let (remote, local, ping) = (measured.remote, measured.local, measured.ping)
    // What is asked holds for near queries, where no worker has to be probed first.
    if workerCount == 1, !asksUnlike {
      report.ask(
        "query, median", Figures.milliseconds(remote.median), remote.median, asked: "< 1 ms",
        holds: remote.median < 1, isTimed: true)
    } else {
      report.tell("query, median", Figures.milliseconds(remote.median), remote.median)
    }
    report.tell("query, p99", Figures.milliseconds(remote.quantile(0.99)), remote.quantile(0.99))
    report.tell(
      "the same in this process, median", Figures.milliseconds(local.median), local.median)
    report.tell(
      "the same in this process, p99", Figures.milliseconds(local.quantile(0.99)),
      local.quantile(0.99))
    report.tell(
      "round trip to the coordinator, median", Figures.milliseconds(ping.median), ping.median)
    report.tell(
      "two round trips and the search", Figures.milliseconds(2 * ping.median + local.median),
      2 * ping.median + local.median)
    let recall = Double(measured.found) / Double(4 * queryCount)
    report.ask(
      "recall", Figures.number(recall, 4), recall, asked: "1", holds: recall == 1)
    report.askNone("wrong answers", measured.wrong)
    let compared = Double(measured.compared) / Double(queryCount)
    report.tell("codes compared in full, a query", Figures.number(compared, 0), compared)
    report.tell("checksum of the answers", measured.checksum.description)
  }
}

/// A number that two runs share if they got the same answers.
struct AnswerChecksum: CustomStringConvertible {
  private var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ number: UInt64) {
    value = (value ^ number) &* 0x100_0000_01B3
    value ^= value >> 29
  }

  mutating func add(_ reply: SearchReply) {
    for (row, distance) in reply.distances.enumerated() {
      add(UInt64(distance))
      add(reply.rows.id(row).rawValue)
    }
  }

  var description: String { String(value, radix: 16) }
}

/// The same records in a store of this machine.
struct LocalTwin {
  var store: LocalStore
  var collection: LocalCollection
  var report: LoadReport

  init(_ dataset: CodedDataset, shardCount: Int, scratch: Scratch, name: String = "store") throws {
    store = try LocalStore(path: scratch.path(name), access: .readWrite)
    try store.createCollection("trial", shardCount: shardCount, profile: .standard, coder: nil)
    collection = try store.collection("trial")
    report = try collection.load(dataset)
  }
}

extension RemoteCollection {
  /// Waits until the workers have nothing more to index: the rows outside segments stay the same.
  func waitUntilSettled(within time: Duration = .seconds(120)) async throws {
    let start = ContinuousClock.now
    var last: [[Int]] = []
    var sameCount = 0
    while ContinuousClock.now - start < time {
      let now = try await stats().shards.map {
        [$0.recentRowCount, $0.segmentCount, $0.fileByteCount]
      }
      sameCount = now == last ? sameCount + 1 : 0
      last = now
      if sameCount >= 5 { return }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
