import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTranslation
import ThumbprintWire

/// Every answer of a cluster against that of a store with the same records, byte for byte: before,
/// during and after shards move to another worker.
struct EqualityTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  /// Queries before, and after.
  var queryCount: Int
  /// Bytes a second of each copy, so that there is time to ask while shards move; 0 for no bound.
  var byteRate: Int
  var scratch: Scratch

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "equality",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)", "workers": "3, then 4",
        "replicas": "2", "queries": "\(queryCount)",
      ])
    let base = BaseRecords(seed: seed, count: count)
    let dataset = try base.makeDataset(at: scratch.path("dataset"))
    // Of another number of shards: answers do not depend on it.
    let local = try LocalTwin(dataset, shardCount: 3, scratch: scratch)
    let cluster = try await TrialCluster.start(workers: 3, in: scratch)
    let client = try await cluster.client()
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 2)
    guard try await collection.load(dataset).isWhole else {
      throw TrialError("the load left something out")
    }
    try await client.waitUntilWhole(replicas: 2)
    Chatter.say("loaded \(dataset.count) records")
    var twins = Twins(base: base, collection: collection, local: local.collection, seed: seed)
    try await twins.compare(queryCount)
    report.tell("queries before", "\(twins.queryCount)", Double(twins.queryCount))

    try await cluster.startWorker(TrialCluster.workerName(3))
    try await client.waitForWorkers(4)
    let plan = try await client.run(Rebalance(isDryRun: false, byteRate: byteRate))
    Chatter.say("\(plan.steps.count) moves")
    let moveWatch = Stopwatch()
    let before = twins.queryCount
    var isMoving = true
    while isMoving, moveWatch.seconds < 300 {
      try await twins.compare(8)
      isMoving = try await !client.status.moves.isEmpty
    }
    let moveSeconds = moveWatch.seconds
    report.tell("queries during the moves", "\(twins.queryCount - before)")
    report.ask(
      "moves made", "\(plan.steps.count) in \(Figures.number(moveSeconds, 1)) s", asked: ">= 1",
      holds: !plan.steps.isEmpty && !isMoving)
    try await client.waitUntilWhole(replicas: 2)
    let after = twins.queryCount
    try await twins.compare(queryCount)
    report.tell("queries after", "\(twins.queryCount - after)")
    report.askNone("answers that differ from those of a store", twins.differences.count)
    report.askNone("answers that are wrong", twins.wrongCount)
    report.tell("matches compared, records with all parts", "\(twins.matchCount)")
    report.tell("checksum of the answers", twins.checksum.description)
    let digests = try await (collection.stats().digest, local.collection.stats().digest)
    let replicas = try await client.waitUntilReplicasAreEqual()
    report.ask(
      "digest", "\(digests.0), \(replicas) equal replicas", asked: "that of the store",
      holds: digests.0 == digests.1)
    let status = try await client.status
    for worker in status.workers {
      report.tell(
        "worker \(worker.name)", "\(worker.replicaCount) replicas, \(worker.primaryCount) primaries"
      )
    }
    report.notes += twins.differences.prefix(8)
    local.store.close()
    await client.close()
    await cluster.stop()
    report.seconds = watch.seconds
    return report
  }
}

/// A cluster and a store with the same records, asked the same.
struct Twins {
  private let base: BaseRecords
  private let collection: RemoteCollection
  private let local: LocalCollection
  private var random: SplitMix64
  private(set) var queryCount = 0
  private(set) var matchCount = 0
  private(set) var wrongCount = 0
  private(set) var differences: [String] = []
  private(set) var checksum = AnswerChecksum()

  init(base: BaseRecords, collection: RemoteCollection, local: LocalCollection, seed: UInt64) {
    self.base = base
    self.collection = collection
    self.local = local
    random = SplitMix64(seed: seed ^ 0x7717)
  }

  mutating func compare(_ count: Int) async throws {
    for _ in 0..<count { try await compare() }
  }

  /// A query of any kind that has one right answer.
  private mutating func query() -> (SearchQuery, SearchRequest, isNear: Bool) {
    let index = Int.random(in: 0..<1 << 20, using: &random)
    let feature = base.query(index).feature
    let isCombined = Int.random(in: 0..<4, using: &random) == 0
    let image = isCombined ? base.codes.record(index % base.count).image : nil
    let metric: SearchMetric = isCombined ? .combined : .feature
    let extent: SearchQuery.Extent
    let isNear: Bool
    switch Int.random(in: 0..<8, using: &random) {
    case 0:
      // All of a group, and nothing else is as near.
      extent = .within(Int.random(in: 900...1_200, using: &random))
      isNear = false
    case 1:
      // Beyond the group there is only noise: the whole collection has to be looked at.
      extent = .nearest(Int.random(in: 5...12, using: &random))
      isNear = false
    default:
      extent = .nearest(Int.random(in: 1...4, using: &random))
      isNear = !isCombined
    }
    let query = SearchQuery(feature: feature, image: image, extent: extent, metric: metric)
    var request = SearchRequest(
      collection: collection.id, extent: WireExtent(extent), metric: WireMetric(metric),
      wants: [.images, .names, .tags, .certificate])
    request.append(feature: feature, image: image)
    return (query, request, isNear)
  }

  private mutating func compare() async throws {
    let (query, request, isNear) = query()
    let reply = try await collection.search(request)
    let expected = try local.search(query)
    let records = try local.records(expected.matches.map(\.id))
    queryCount += 1
    matchCount += expected.matches.count
    checksum.add(reply)
    // The rows as a message has them, made from what the store holds.
    var rows = RowColumnsBuilder(parts: request.wants.parts)
    for case let record? in records { rows.append(record) }
    let isEqual =
      reply.distances.map(Int.init) == expected.matches.map(\.distance)
      && FetchReply(rows: rows.columns()).encoded() == FetchReply(rows: reply.rows).encoded()
      && reply.shards.allSatisfy { $0.failure == nil }
    if !isEqual {
      differences.append(
        "query \(queryCount), \(query.extent): \(reply.distances) of "
          + "\((0..<reply.rows.rowCount).map { reply.rows.id($0) }), the store has "
          + "\(expected.matches.map { "\($0.id)@\($0.distance)" })")
    }
    if isNear, expected.matches.contains(where: { $0.distance > 1_000 }) { wrongCount += 1 }
  }
}
