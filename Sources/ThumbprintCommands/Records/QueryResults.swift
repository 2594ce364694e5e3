import ThumbprintCodes
import ThumbprintIndex

/// The answers of one run of `query`, ready to be shown.
struct QueryResults {
  var source: QuerySource
  var terms: SearchTerms
  var outcome: SearchOutcome
  /// What answering all of them took.
  var seconds: Double

  private var answers: [SearchAnswer] { outcome.answers }
  private var names: [ItemID: String] { outcome.names }

  /// A table of all answers, then what was proved.
  func text(explain: Bool) -> String {
    var columns: [(heading: String, alignment: TextTable.Alignment)] = [
      ("rank", .right), ("distance", .right), ("of bits", .right), ("id", .right),
      ("name", .left),
    ]
    if answers.count > 1 { columns.insert(("row", .right), at: 0) }
    var table = TextTable(columns)
    for (number, answer) in answers.enumerated() {
      for (index, match) in answer.matches.enumerated() {
        let share = Double(match.distance) / Double(terms.metric.distanceMax)
        var cells = [
          String(index + 1), String(match.distance), Text.percent(share),
          match.id.description, names[match.id] ?? "-",
        ]
        if answers.count > 1 { cells.insert(source.row(of: number).map(String.init) ?? "-", at: 0) }
        table.append(cells)
      }
    }
    var text = table.isEmpty ? "nothing found\(limitText)\n" : table.text
    text += proof + ", " + Text.duration(seconds) + "\n"
    if explain {
      for (number, answer) in answers.enumerated() {
        if answers.count > 1, let row = source.row(of: number) { text += "row \(row)\n" }
        let lines = CertificateText.lines(
          answer.certificate, promise: terms.promise, seconds: answers.count == 1 ? seconds : nil)
        text += lines.joined(separator: "\n") + "\n"
      }
      if !outcome.shards.isEmpty { text += shardTable }
    }
    let missing = outcome.shards.filter { $0.failure != nil }
    if !missing.isEmpty {
      text += "partial: not searched: \(Self.list(missing.map(\.shard)))"
      text += " (\(missing[0].failure ?? "")); nothing is proved about their records\n"
    }
    return text
  }

  /// "shards 1, 3 and 12 more"
  static func list(_ shards: [Int]) -> String {
    let shown = shards.prefix(8).map(String.init).joined(separator: ", ")
    let rest = shards.count > 8 ? " and \(Text.grouped(shards.count - 8)) more" : ""
    return (shards.count == 1 ? "shard " : "shards ") + shown + rest
  }

  private var shardTable: String {
    var table = TextTable([
      ("shard", .right), ("waited", .right), ("searched", .right), ("position", .left),
      ("state", .left),
    ])
    for shard in outcome.shards {
      table.append([
        String(shard.shard), Text.duration(shard.waitedMilliseconds / 1000),
        Text.duration(shard.searchedMilliseconds / 1000), shard.position,
        shard.failure.map { "not searched: \($0)" } ?? "searched",
      ])
    }
    return table.text
  }

  private var limitText: String {
    switch (terms.extent, terms.distanceMax) {
    case (.within(let radius), _): " within \(radius) bits"
    case (_, let distance?): " within \(distance) bits"
    case (.nearest, nil): ""
    }
  }

  private var proof: String {
    if answers.count == 1 {
      return CertificateText.sentence(answers[0].certificate, promise: terms.promise)
    }
    // The chance and the records are those of each query, the work that of all of them.
    var all = SearchCertificate()
    for answer in answers {
      all.missProbability = max(all.missProbability, answer.certificate.missProbability)
      all.rowCount = max(all.rowCount, answer.certificate.rowCount)
      all.codesCompared += answer.certificate.codesCompared
    }
    return Text.count(answers.count, "query", plural: "queries") + ", each "
      + CertificateText.sentence(all, promise: terms.promise)
  }

  func report(collection: String, explain: Bool) -> QueryReport {
    let isPartial = outcome.shards.contains { $0.failure != nil }
    return QueryReport(
      collection: collection, promise: terms.promise.flag, metric: terms.metric.rawValue,
      milliseconds: seconds * 1000,
      queries: answers.enumerated().map { number, answer in
        var query = QueryReport.Query(
          matches: answer.matches.map {
            QueryReport.Match(id: $0.id, distance: $0.distance, name: names[$0.id])
          },
          certificate: CertificateReport(answer.certificate))
        query.row = source.row(of: number)
        if case .record(let record) = source { query.id = record.id }
        return query
      }, shards: explain || isPartial ? outcome.shards : nil)
  }
}

/// Answers as `--json` shows them.
struct QueryReport: Encodable {
  struct Query: Encodable {
    /// The row of the file of codes, or the id of the record, that was looked for.
    var row: Int?
    var id: ItemID?
    var matches: [Match]
    var certificate: CertificateReport
  }

  struct Match: Encodable {
    var id: ItemID
    var distance: Int
    var name: String?
  }

  var collection: String
  var promise: String
  var metric: String
  /// For all queries together.
  var milliseconds: Double
  var queries: [Query]
  /// Of a cluster: what became of each shard, when `--explain` asks or one is missing.
  var shards: [ShardOutcome]?
}

/// A certificate as `--json` shows it; the fields are those of ``SearchCertificate``.
struct CertificateReport: Encodable {
  var missProbability: Double
  var radius: Int
  var records: Int
  var codesCompared: Int
  var sketchesRead: Int
  var bucketsProbed: Int
  var postingsRead: Int
  var excludedByTables: Int
  var excludedBySketches: Int
  var excludedByClusters: Int
  var segmentsByArm: [String: Int]
  var predictedMilliseconds: Double

  init(_ certificate: SearchCertificate) {
    missProbability = certificate.missProbability
    radius = certificate.radius
    records = certificate.rowCount
    codesCompared = certificate.codesCompared
    sketchesRead = certificate.sketchesRead
    bucketsProbed = certificate.bucketsProbed
    postingsRead = certificate.postingsRead
    excludedByTables = certificate.excludedByTables
    excludedBySketches = certificate.excludedBySketches
    excludedByClusters = certificate.excludedByClusters
    segmentsByArm = Dictionary(
      uniqueKeysWithValues: certificate.arms.map { ($0.key.rawValue, $0.value) })
    predictedMilliseconds = certificate.predictedNanoseconds / 1e6
  }
}
