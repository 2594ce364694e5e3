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

  /// Loads the codes into a store in a folder of its own below `directory`, opens it again, asks,
  /// and removes it.
  func run(
    _ questions: [SearchQuery], below directory: String, progress: (String) -> Void
  ) throws -> (SearchBenchmarkReport.Stored, answers: [[SearchMatch]]) {
    let path = directory + "/thumbprint-bench-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    progress("loading a store")
    try load(path)

    progress("asking the store, opened again")
    var report = SearchBenchmarkReport.Stored()
    let opening = Stopwatch()
    let store = try LocalStore(path: path, access: .readOnly)
    defer { store.close() }
    let collection = try store.collection(Self.name)
    report.openSeconds = opening.seconds
    let warming = Stopwatch()
    try collection.warm()
    report.warmSeconds = warming.seconds

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
    report.firstMs = rounds.first?.milliseconds.first ?? 0
    var timings = Timings()
    for query in rounds { timings.append(milliseconds: query.median) }
    report.medianMs = timings.median
    report.p95Ms = timings.quantile(0.95)
    return (report, answers)
  }

  private static let name = "bench"

  private func load(_ path: String) throws {
    let store = try LocalStore(path: path, access: .readWrite)
    defer { store.close() }
    try store.createCollection(Self.name, shardCount: 1, profile: profile, coder: nil)
    _ = try store.collection(Self.name)
      .load(dataset, options: LoadOptions(threadCount: threadCount))
  }
}
