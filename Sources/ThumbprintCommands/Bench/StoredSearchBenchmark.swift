import Foundation
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

/// The same queries to the same codes, kept in a store that was closed and opened again.
struct StoredSearchBenchmark {
  var dataset: CodedDataset
  var profile: IndexProfile
  var threadCount: Int
  var repeatCount: Int

  /// How often the store is opened and warmed, to ask one query first: a single first query is
  /// at the mercy of the moment.
  private static let openingCount = 5
  private static let name = "bench"

  /// Loads the codes into a store in a folder of its own below `directory`, opens it again, asks,
  /// and removes it.
  func run(
    _ questions: [SearchQuery], below directory: String, progress: (String) -> Void
  ) throws -> (report: StoredSearchReport, answers: [[SearchMatch]]) {
    let path = directory + "/thumbprint-bench-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    progress("loading a store")
    try load(path)

    progress("asking the store, opened again")
    var report = StoredSearchReport()
    var answers: [[SearchMatch]] = []
    for question in questions.prefix(Self.openingCount) {
      let before = ProcessMemory.now()
      let opening = Stopwatch()
      let store = try LocalStore(path: path, access: .readOnly)
      defer { store.close() }
      let collection = try store.collection(Self.name)
      report.openSeconds.append(opening.seconds)
      let warming = Stopwatch()
      try collection.warm()
      report.warmSeconds.append(warming.seconds)

      let faultCount = ProcessMemory.faultCount
      let asking = Stopwatch()
      _ = try collection.search(question)
      report.firstMs.append(Double(asking.nanoseconds) / 1e6)
      report.firstFaultCount.append(ProcessMemory.faultCount - faultCount)
      if report.firstMs.count > 1 { continue }
      let warm = ProcessMemory.now()
      report.ownByteCount = warm.ownByteCount - before.ownByteCount
      report.mappedByteCount = warm.mappedByteCount - before.mappedByteCount
      answers = try ask(questions, of: collection, into: &report)
    }
    return (report, answers)
  }

  private func ask(
    _ questions: [SearchQuery], of collection: LocalCollection,
    into report: inout StoredSearchReport
  ) throws -> [[SearchMatch]] {
    var rounds = questions.map { _ in Timings() }
    var answers: [[SearchMatch]] = []
    for round in 0..<repeatCount {
      for (number, question) in questions.enumerated() {
        let watch = Stopwatch()
        let answer = try collection.search(question)
        rounds[number].append(nanoseconds: watch.nanoseconds)
        if round == 0 { answers.append(answer.matches) }
      }
    }
    var timings = Timings()
    for query in rounds { timings.append(milliseconds: query.median) }
    report.medianMs = timings.median
    report.p95Ms = timings.quantile(0.95)
    return answers
  }

  private func load(_ path: String) throws {
    let store = try LocalStore(path: path, access: .readWrite)
    defer { store.close() }
    try store.createCollection(Self.name, shardCount: 1, profile: profile, coder: nil)
    _ = try store.collection(Self.name)
      .load(dataset, options: LoadOptions(threadCount: threadCount))
  }
}

/// What asking a store that was opened again took, as `bench search --json` shows it.
struct StoredSearchReport: Encodable {
  /// Of each opening: to open the store, to warm it, and to answer the query asked first.
  var openSeconds: [Double] = []
  var warmSeconds: [Double] = []
  var firstMs: [Double] = []
  /// Pages that the first query had the system map.
  var firstFaultCount: [Int] = []
  /// What the process had in memory after warming more than before opening: of its own, and of
  /// the map of the file, which the system takes back when it needs room.
  var ownByteCount = 0
  var mappedByteCount = 0
  var medianMs = 0.0
  var p95Ms = 0.0
  /// The median over that of the index in memory, and each first query over the same query
  /// asked of that index once more.
  var medianRatio: Double?
  var firstRatios: [Double]?
  /// Of the answers, which are those of the index in memory.
  var checksum = ""

  /// Holds the times against those of the index in memory.
  mutating func compare(median: Double, first: [Double]) {
    medianRatio = median > 0 ? medianMs / median : nil
    firstRatios = zip(firstMs, first).map { $1 > 0 ? $0 / $1 : 0 }
  }

  /// The same for people.
  var text: String {
    let times = { (ratio: Double?) in
      ratio.map { ", \(Text.fixed($0, 2))× that in memory" } ?? ""
    }
    return "store: opened in \(Text.duration(openSeconds.max() ?? 0)), warmed in "
      + "\(Text.duration(warmSeconds.max() ?? 0)): \(Text.bytes(ownByteCount)) of memory and "
      + "\(Text.bytes(mappedByteCount)) of the file mapped\n"
      + "  first query after it: \(Text.short(Self.median(firstMs))) ms"
      + times(firstRatios.map(Self.median)) + "; at most \(Text.short(firstMs.max() ?? 0)) ms"
      + times(firstRatios?.max()) + ", in \(Text.count(openSeconds.count, "opening"))\n"
      + "  median query: \(Text.short(medianMs)) ms\(times(medianRatio))\n"
  }

  private static func median(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[values.count / 2]
  }
}

/// What the kernel says of the memory of this process.
private struct ProcessMemory {
  var ownByteCount = 0
  var mappedByteCount = 0

  /// Page faults since the process began.
  static var faultCount: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_minflt + usage.ru_majflt
  }

  static func now() -> ProcessMemory {
    var memory = ProcessMemory()
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") {
      let parts = line.split(whereSeparator: \.isWhitespace)
      guard parts.count >= 2, let value = Int(parts[1]) else { continue }
      if parts[0] == "RssAnon:" { memory.ownByteCount = 1024 * value }
      if parts[0] == "RssFile:" { memory.mappedByteCount = 1024 * value }
    }
    return memory
  }
}
