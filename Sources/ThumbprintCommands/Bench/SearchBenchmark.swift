import Dispatch
import Synchronization
import ThumbprintCodes
import ThumbprintIndex

/// One run of `bench search`: builds an index in memory, asks it, and compares with a full scan.
struct SearchBenchmark {
  enum Mode: String, CaseIterable {
    case single
    case batch
    case both
  }

  var features: ByteRows
  var queries: [FeatureCode]
  var terms: SearchTerms
  var profile: IndexProfile
  var seed: UInt64
  var threadCount: Int
  var mode: Mode
  var evicts: Bool
  var repeatCount: Int
  /// Asks the same of a store, too.
  var stored: (benchmark: StoredSearchBenchmark, directory: String)?

  /// Full scans timed one by one; their median settles quickly.
  private static let flatTimedCount = 20

  func run(progress: (String) -> Void) throws -> SearchBenchmarkReport {
    guard let codes = features.contiguousBytes, let base = codes.baseAddress else {
      throw CommandError(.badData, "--features: the codes do not lie one after another")
    }
    let questions = queries.map {
      SearchQuery(
        feature: $0, extent: terms.extent, distanceMax: terms.distanceMax,
        promise: terms.promise, metric: .feature)
    }
    // First, while nothing of a search is warm in this process but what warming the store does.
    let kept = try stored.map {
      try $0.benchmark.run(questions, below: $0.directory, progress: progress)
    }
    progress("building the index")
    let build = Stopwatch()
    let index = try MemoryIndex(
      features: base, count: features.count, ids: nil, profile: profile, seed: seed,
      threadCount: threadCount)
    var report = SearchBenchmarkReport(
      rows: features.count, queryCount: queries.count, promise: terms.promise.flag,
      tables: profile.tableCount, buildSeconds: build.seconds,
      buildCPUSeconds: build.cpuSeconds,
      indexBytesPerCode: Double(index.indexByteCount) / Double(features.count))
    if case .nearest(let k) = terms.extent { report.k = k }

    let snapshot = index.snapshot
    var answers: [[SearchMatch]] = []
    var batchAnswers: [[SearchMatch]] = []
    if mode != .batch {
      progress("asking one query at a time")
      let (timings, found) = single(questions, of: snapshot)
      answers = found.map(\.matches)
      report.single = .init(timings, candidates: candidates(found))
    }
    if mode != .single {
      progress("asking all queries together")
      let (milliseconds, found) = batch(questions, of: snapshot)
      batchAnswers = found.map(\.matches)
      if answers.isEmpty { answers = batchAnswers }
      report.batch = .init(msPerQuery: milliseconds)
    }
    report.checksum = String(SearchEvaluation.checksum(of: answers), radix: 16)
    if var result = kept?.report {
      result.checksum = String(SearchEvaluation.checksum(of: kept?.answers ?? []), radix: 16)
      if let single = report.single {
        let again = questions.prefix(result.firstMs.count).map { question in
          let watch = Stopwatch()
          _ = snapshot.search(question)
          return Double(watch.nanoseconds) / 1e6
        }
        result.compare(median: single.medianMs, first: again)
      }
      report.stored = result
    }
    progress("comparing with a full scan")
    compareWithFlatScan(answers, batchAnswers, in: &report)
    return report
  }

  private func single(
    _ questions: [SearchQuery], of snapshot: IndexSnapshot
  ) -> (Timings, [SearchAnswer]) {
    let evictor = evicts ? CacheEvictor() : nil
    var rounds = questions.map { _ in Timings() }
    var answers: [SearchAnswer] = []
    for round in 0..<repeatCount {
      for (number, question) in questions.enumerated() {
        evictor?.evict()
        let watch = Stopwatch()
        let answer = snapshot.search(question)
        rounds[number].append(nanoseconds: watch.nanoseconds)
        if round == 0 { answers.append(answer) }
      }
    }
    var timings = Timings()
    for query in rounds { timings.append(milliseconds: query.median) }
    return (timings, answers)
  }

  /// Each thread answers a run of the queries. Returns milliseconds a query, of the fastest round.
  private func batch(
    _ questions: [SearchQuery], of snapshot: IndexSnapshot
  ) -> (Double, [SearchAnswer]) {
    let share = (questions.count + threadCount - 1) / threadCount
    let parts = stride(from: 0, to: questions.count, by: max(share, 1)).map {
      Array(questions[$0..<min($0 + share, questions.count)])
    }
    var best = Double.infinity
    var answers: [SearchAnswer] = []
    for _ in 0..<repeatCount {
      let watch = Stopwatch()
      let found = Mutex([Int: [SearchAnswer]]())
      DispatchQueue.concurrentPerform(iterations: parts.count) { part in
        let answers = snapshot.search(batch: parts[part])
        found.withLock { $0[part] = answers }
      }
      best = min(best, watch.seconds * 1000)
      answers = found.withLock { found in parts.indices.flatMap { found[$0] ?? [] } }
    }
    return (best / Double(max(questions.count, 1)), answers)
  }

  private func compareWithFlatScan(
    _ answers: [[SearchMatch]], _ batchAnswers: [[SearchMatch]],
    in report: inout SearchBenchmarkReport
  ) {
    let k: Int
    let distanceMax: Int
    switch terms.extent {
    case .nearest(let count): (k, distanceMax) = (count, terms.distanceMax ?? FeatureCode.bitCount)
    case .within(let radius):
      (k, distanceMax) = (features.count, min(radius, terms.distanceMax ?? radius))
    }
    var flat = Timings()
    for query in queries.prefix(Self.flatTimedCount) {
      let watch = Stopwatch()
      _ = FlatScan.search(query, in: features, k: k, distanceMax: distanceMax)
      flat.append(nanoseconds: watch.nanoseconds)
    }
    report.flat = .init(medianMs: flat.median)
    let truth = FlatScan.search(batch: queries, in: features, k: k, distanceMax: distanceMax)
    func recall(_ answers: [[SearchMatch]]) -> Double {
      let recalls = zip(answers, truth).map { SearchEvaluation.recall(of: $0, truth: $1) }
      return recalls.reduce(0, +) / Double(max(recalls.count, 1))
    }
    if report.single != nil {
      report.single?.recall = recall(answers)
      report.single?.perQueryRecall = zip(answers, truth).map {
        SearchEvaluation.recall(of: $0, truth: $1)
      }
    }
    if report.batch != nil { report.batch?.recall = recall(batchAnswers) }
  }

  /// Codes compared in full, of each query on average.
  private func candidates(_ answers: [SearchAnswer]) -> Double {
    let sum = answers.reduce(0) { $0 + $1.certificate.codesCompared }
    return Double(sum) / Double(max(answers.count, 1))
  }
}

/// What `bench search --json` prints.
struct SearchBenchmarkReport: Encodable {
  struct Single: Encodable {
    var medianMs: Double
    var p95Ms: Double
    var meanMs: Double
    var recall = 0.0
    var candidates: Double
    var perQueryMs: [Double]
    var perQueryRecall: [Double] = []

    init(_ timings: Timings, candidates: Double) {
      medianMs = timings.median
      p95Ms = timings.quantile(0.95)
      meanMs = timings.mean
      self.candidates = candidates
      perQueryMs = timings.milliseconds
    }
  }

  struct Batch: Encodable {
    var msPerQuery: Double
    var recall = 0.0
  }

  struct Flat: Encodable {
    var medianMs: Double
  }

  var rows: Int
  var queryCount: Int
  /// Not there when everything within a radius was asked for.
  var k: Int?
  var promise: String
  var tables: Int
  var buildSeconds: Double
  var buildCPUSeconds: Double
  var indexBytesPerCode: Double
  var single: Single?
  var batch: Batch?
  var stored: StoredSearchReport?
  var flat = Flat(medianMs: 0)
  /// Of the answers, in hexadecimal.
  var checksum = ""

  /// The same for people.
  var text: String {
    var text =
      "\(Text.count(rows, "code")), \(Text.count(queryCount, "query", plural: "queries")), "
      + (k.map { "k = \($0), " } ?? "") + "\(promise), \(Text.count(tables, "table"))\n"
      + "built in \(Text.duration(buildSeconds)) (\(Text.fixed(buildCPUSeconds, 2)) CPU s), "
      + "\(Text.fixed(indexBytesPerCode, 0)) bytes of index per code\n\n"
    var table = TextTable([
      ("", .left), ("median ms", .right), ("p95 ms", .right), ("mean ms", .right),
      ("recall", .right), ("against flat", .right),
    ])
    func ratio(_ milliseconds: Double) -> String {
      milliseconds > 0 ? Text.short(flat.medianMs / milliseconds) + "×" : "-"
    }
    if let single {
      table.append([
        "single", Text.short(single.medianMs), Text.short(single.p95Ms),
        Text.short(single.meanMs), Text.fixed(single.recall, 4), ratio(single.medianMs),
      ])
    }
    if let batch {
      table.append([
        "batch", "", "", Text.short(batch.msPerQuery), Text.fixed(batch.recall, 4),
        ratio(batch.msPerQuery),
      ])
    }
    if let stored {
      table.append([
        "stored", Text.short(stored.medianMs), Text.short(stored.p95Ms), "",
        stored.checksum == checksum ? "same" : "other", ratio(stored.medianMs),
      ])
    }
    table.append(["flat", Text.short(flat.medianMs), "", "", "1.0000", "1×"])
    text += table.text + "\n"
    if let single {
      text += "codes compared in full: \(Text.short(single.candidates)) a query\n"
    }
    if let stored { text += stored.text }
    return text + "checksum of the answers: \(checksum)\n"
  }
}
