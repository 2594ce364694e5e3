import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTranslation
import ThumbprintWire

/// One search request on its way: large batches are divided among the threads of the pool.
final class SearchWork: Sendable {
  private struct Target: Sendable {
    var number: Int
    var shard: Shard
    var snapshot: IndexSnapshot
  }

  private struct Progress: Sendable {
    var answers: [[SearchAnswer]?]
    var openCount: Int
    var failure: ServiceError?
  }

  /// Queries that one thread takes at least.
  private static let partQueryCountMin = 16
  /// Queries that are searched together: as many as share their passes over an index.
  private static let groupQueryCount = 32

  private let request: SearchRequest
  private let context: WorkerContext
  private let targets: [Target]
  private let shardCount: Int
  /// Those that cannot be searched; times are still missing.
  private let statuses: [ThumbprintWire.ShardStatus]
  private let began: MonotonicInstant
  private let progress: Mutex<Progress>
  private let reply: ReplyHandler

  /// Answers a search, on this thread and maybe on others of the pool. A shard that cannot be
  /// searched has a failure in the answer; the others are searched all the same.
  static func start(
    _ request: SearchRequest, _ context: WorkerContext, _ deadline: MonotonicInstant?,
    _ reply: @escaping ReplyHandler
  ) throws {
    let work = try SearchWork(request, context, reply)
    let partCount = work.progress.withLock { $0.answers.count }
    for part in 1..<max(1, partCount) {
      let isTaken = context.pool.submit(.query, deadline: deadline) { isInTime in
        if isInTime { work.run(part) } else { work.end(part, .failure(.late("a search"))) }
      }
      if !isTaken { work.end(part, .failure(.tooMuch)) }
    }
    work.run(0)
  }

  private init(
    _ request: SearchRequest, _ context: WorkerContext, _ reply: @escaping ReplyHandler
  ) throws {
    self.request = request
    self.context = context
    self.reply = reply
    began = .now
    let handles = context.replicas[request.collection]
    var targets: [Target] = []
    var statuses: [ThumbprintWire.ShardStatus] = []
    var shardCount = 1
    for number in request.shards.isEmpty ? handles.keys.sorted() : request.shards {
      do {
        let key = ShardKey(collection: request.collection, number: number)
        let shard = try RecordWork.shard(key, context)
        try RecordWork.checkCoder(request.coder, of: shard)
        let meta = try shard.meta
        shardCount = meta.shardCount
        targets.append(Target(number: number, shard: shard, snapshot: try shard.index()))
        statuses.append(ThumbprintWire.ShardStatus(shard: number, position: meta.position))
      } catch {
        let error = ServiceError(any: error)
        // The same everywhere: there is no sense in asking another replica.
        if error.code == .coderMismatch { throw error }
        statuses.append(ThumbprintWire.ShardStatus(shard: number, failure: error.code))
      }
    }
    self.targets = targets
    self.statuses = statuses
    self.shardCount = shardCount
    let partCount = max(
      1, min(context.pool.threadCount, request.queryCount / Self.partQueryCountMin))
    progress = Mutex(
      Progress(answers: Array(repeating: nil, count: partCount), openCount: partCount))
  }

  private func run(_ part: Int) {
    let partCount = progress.withLock { $0.answers.count }
    let queries =
      request.queryCount * part / partCount..<request.queryCount * (part + 1) / partCount
    let snapshots = targets.map(\.snapshot)
    let matchCountMax = ThumbprintWire.SearchReply.matchCountMax(with: request.wants.parts)
    var answers: [SearchAnswer] = []
    var matchCount = 0
    for low in stride(from: queries.lowerBound, to: queries.upperBound, by: Self.groupQueryCount) {
      let group = (low..<min(low + Self.groupQueryCount, queries.upperBound)).map(query)
      let found =
        request.isProbe
        ? IndexSnapshot.probe(
          batch: group, in: snapshots, missProbability: request.missProbability)
        : IndexSnapshot.search(
          batch: group, in: snapshots, missProbability: request.missProbability)
      answers += found
      // All of it is for one message: what no message holds is not gathered first.
      matchCount += found.reduce(0) { $0 + $1.matches.count }
      guard matchCount <= matchCountMax else {
        return end(part, .failure(.tooLarge("matches", orMore: matchCount, most: matchCountMax)))
      }
    }
    end(part, .success(answers))
  }

  private func end(_ part: Int, _ result: Result<[SearchAnswer], ServiceError>) {
    let whole: Result<[SearchAnswer], ServiceError>? = progress.withLock { progress in
      switch result {
      case .success(let answers): progress.answers[part] = answers
      case .failure(let error): progress.failure = error
      }
      progress.openCount -= 1
      guard progress.openCount == 0 else { return nil }
      if let failure = progress.failure { return .failure(failure) }
      return .success(progress.answers.flatMap { $0 ?? [] })
    }
    guard let whole else { return }
    do {
      let answers = try whole.get()
      context.metrics.compared(answers)
      reply(.success(try message(answers)))
    } catch {
      reply(.failure(ServiceError(any: error)))
    }
  }

  private func query(_ number: Int) -> SearchQuery {
    SearchQuery(
      feature: request.feature(number), image: request.image(number),
      extent: SearchQuery.Extent(request.extent), distanceMax: request.distanceMax(number),
      promise: SearchPromise(request.promise), metric: SearchMetric(request.metric))
  }

  // MARK: The answer

  private func message(_ answers: [SearchAnswer]) throws -> ThumbprintWire.SearchReply {
    let parts = request.wants.parts
    let matchCount = answers.reduce(0) { $0 + $1.matches.count }
    let matchCountMax = ThumbprintWire.SearchReply.matchCountMax(with: parts)
    guard matchCount <= matchCountMax else {
      throw ServiceError.tooLarge("matches", matchCount, most: matchCountMax)
    }
    var rows = RowColumnsBuilder(parts: parts)
    var distances: [UInt16] = []
    var results: [ThumbprintWire.SearchReply.Answer] = []
    for answer in answers {
      let start = distances.count
      // Those of one answer at a time: of all together there may be more than memory holds.
      let records = parts.isEmpty ? [] : try records(answer.matches.map(\.id))
      for (i, match) in answer.matches.enumerated() {
        if parts.isEmpty {
          rows.append(id: match.id)
        } else if let record = records[i] {
          rows.append(record)
        } else {
          // What was deleted after the search is no answer any more.
          continue
        }
        distances.append(UInt16(match.distance))
        try rows.checkSize()
      }
      let certificate =
        request.wants.contains(.certificate) ? WireCertificate(answer.certificate) : nil
      results.append(
        ThumbprintWire.SearchReply.Answer(
          matches: start..<distances.count, certificate: certificate))
    }
    return ThumbprintWire.SearchReply(
      answers: results, shards: timedStatuses(), distances: distances, rows: rows.columns())
  }

  private func records(_ ids: [ItemID]) throws -> [Record?] {
    let shards = Dictionary(uniqueKeysWithValues: targets.map { ($0.number, $0.shard) })
    return try RecordWork.records(ids, in: shards, count: shardCount) { number in
      ServiceError(.internalError, "a match is in shard \(number), which was not searched")
    }
  }

  /// What became of the shards, with how long it took until now.
  private func timedStatuses() -> [ThumbprintWire.ShardStatus] {
    let microseconds = began.duration(to: .now) / .microseconds(1)
    return statuses.map { status in
      var status = status
      if status.failure == nil {
        status.searchedMicroseconds = UInt32(min(microseconds, Double(UInt32.max)))
      }
      return status
    }
  }
}
