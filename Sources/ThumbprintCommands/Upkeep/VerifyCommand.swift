import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Answer queries, answer them again by full scan, and compare.",
    discussion: """
      Asks with the codes given, or with records of the collection chosen by a seed.
      Ends with status 65 when a certified or exact answer differs from the full scan,
      or when the mean recall is below the one aimed at. A cluster sends all its
      codes here to be compared; what is written meanwhile may make answers differ.

      Examples:
        thumbprint verify --collection photos
        thumbprint verify --collection photos --codes queries.npy -k 4
        thumbprint verify --collection photos --sample 200 --promise recall=0.95
      """)

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var codes: QueryCodeOptions

  @Option(
    help: ArgumentHelp("Without --codes: ask with so many records.", valueName: "count"))
  var sample = 20

  @Option(help: ArgumentHelp("Chooses these records.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var search: SearchOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard sample >= 1 else { throw ValidationError("--sample: \(sample) is below 1") }
  }

  mutating func run() throws {
    let terms = try search.terms
    let rows = try codes.open(metric: terms.metric)
    let verification = try collection.with(.readOnly) { collection in
      let sources: [QuerySource]
      if let rows {
        let source = QuerySource.rows(rows)
        try source.requireCoder(of: collection)
        sources = [source]
      } else {
        sources = try sampledRecords(of: collection).map(QuerySource.record)
      }
      return try verify(sources, terms: terms, in: collection)
    }
    if output.json {
      try Console.write(json: verification)
    } else {
      try Console.write(verification.text)
    }
    if let failure = verification.failure(terms: terms) { throw failure }
  }

  private func verify(
    _ sources: [QuerySource], terms: SearchTerms, in collection: any CollectionHandle
  ) throws -> Verification {
    let total = sources.reduce(0) { $0 + $1.count }
    let progress = Progress("verify", total: total, noun: "queries", quiet: output.log.quiet)
    defer { progress.finish() }
    var verification = Verification(
      collection: self.collection.name, promise: terms.promise.flag)
    var (searches, scans) = (Timings(), Timings())
    let questions = sources.flatMap { source in (0..<source.count).map { (source, $0) } }
    for start in stride(from: 0, to: questions.count, by: Self.passQueryCount) {
      let pass = questions[start..<min(start + Self.passQueryCount, questions.count)]
      let queries = pass.map { $0.query($1, terms: terms) }
      var found: [[SearchMatch]] = []
      for query in queries {
        let watch = Stopwatch()
        let outcome = try collection.search([query], SearchRun(threadCount: 1))
        found.append(outcome.answers.flatMap(\.matches))
        searches.append(nanoseconds: watch.nanoseconds)
      }
      let scan = try collection.fullScan(queries) { progress.moved(to: start + $0) }
      for time in scan.nanoseconds { scans.append(nanoseconds: time) }
      for (index, (source, number)) in pass.enumerated() {
        verification.add(
          found[index], truth: scan.matches[index], label: source.label(of: number))
      }
    }
    verification.medianMs = searches.median
    verification.fullScanMedianMs = scans.median
    return verification
  }

  /// Queries that one pass over a cluster is shared by.
  private static let passQueryCount = 64

  /// Records drawn with equal chances in one pass (reservoir sampling).
  private func sampledRecords(of collection: any CollectionHandle) throws -> [Record] {
    var generator = SplitMix64(seed: seed)
    var sampled: [Record] = []
    var seen = 0
    try collection.forEachRecord { record in
      seen += 1
      if sampled.count < sample {
        sampled.append(record)
      } else {
        let place = Int.random(in: 0..<seen, using: &generator)
        if place < sample { sampled[place] = record }
      }
    }
    return sampled
  }
}

/// What `verify` found, as `--json` shows it.
struct Verification: Encodable {
  var collection: String
  var promise: String
  var queries = 0
  /// Answers that are those of the full scan, match by match.
  var equal = 0
  /// Mean over the queries of the share of answers that are as near as the true ones.
  var recall = 0.0
  /// The first queries whose answers differ.
  var different: [String] = []
  var medianMs = 0.0
  var fullScanMedianMs = 0.0

  private static let differentCountMax = 10

  init(collection: String, promise: String) {
    self.collection = collection
    self.promise = promise
  }

  mutating func add(_ matches: [SearchMatch], truth: [SearchMatch], label: String) {
    let found = SearchEvaluation.recall(of: matches, truth: truth)
    recall += (found - recall) / Double(queries + 1)
    queries += 1
    if matches == truth {
      equal += 1
    } else if different.count < Self.differentCountMax {
      different.append(label)
    }
  }

  var text: String {
    guard queries > 0 else { return "nothing to ask with: '\(collection)' is empty\n" }
    return "verified \(Text.count(queries, "query", plural: "queries")), \(promise): "
      + "\(Text.grouped(equal)) equal to the full scan, recall \(Text.fixed(recall, 4))\n"
      + "median \(Text.duration(medianMs / 1000)) a query, "
      + "\(Text.duration(fullScanMedianMs / 1000)) by full scan\n"
  }

  /// Why the promise was not kept; `nil` when it was.
  func failure(terms: SearchTerms) -> CommandError? {
    switch terms.promise {
    case .certified, .exact:
      guard equal < queries else { return nil }
      return CommandError(
        .badData,
        "\(Text.grouped(queries - equal)) of \(Text.count(queries, "answer")) differ from the full "
          + "scan: \(different.joined(separator: ", "))",
        hint: "run 'thumbprint check --collection \(collection)'; if it finds nothing, report this")
    case .recall(let share):
      guard queries > 0, recall < share else { return nil }
      return CommandError(
        .badData, "recall is \(Text.fixed(recall, 4)), below the \(share) aimed at",
        hint: "it was measured with records of the collection as queries; for others use certified")
    }
  }
}

extension QuerySource {
  fileprivate func label(of number: Int) -> String {
    switch self {
    case .rows: "row \(row(of: number) ?? number)"
    case .record(let record): "id \(record.id)"
    case .picture(let picture): picture.path
    }
  }
}
