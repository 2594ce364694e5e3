import ThumbprintCodes
import ThumbprintIndex

/// Answers queries, and shows the answers as a table, as JSON and as pictures.
struct QueryDisplay {
  var search: SearchRun
  var explain = false
  var pictures: PictureOptions
  var output: OutputOptions

  /// The most queries whose answers are shown; more go into arrays.
  private static let shownCountMax = 10_000
  /// Pictures in a row of a PNG file.
  private static let columnCount = 10

  /// - Parameter excluded: Left out of the answer, although it is near.
  func show(
    _ source: QuerySource, terms: SearchTerms, from collection: any CollectionHandle,
    excluding excluded: ItemID? = nil
  ) throws {
    guard source.count <= Self.shownCountMax else {
      throw CommandError.flag(
        "--codes",
        "\(Text.grouped(source.count)) rows are more than the "
          + "\(Text.grouped(Self.shownCountMax)) that are shown",
        hint: "write the answers with --out DIR, or choose one row with --row")
    }
    let coder = try pictures.isPossible(isJSON: output.json) ? collection.report().coder : nil
    let drawer = try pictures.drawer(coder: coder, output)
    let start = Progress.now
    let queries = (0..<source.count).map { source.query($0, terms: terms) }
    var run = search
    run.wantsNames = true
    run.wantsImages = drawer != nil
    var outcome = try collection.search(queries, run)
    let seconds = Progress.now - start
    if let excluded { outcome.leaveOut(excluded, of: terms.extent) }
    let results = QueryResults(source: source, terms: terms, outcome: outcome, seconds: seconds)
    if output.json {
      try Console.write(json: results.report(collection: collection.name, explain: explain))
    } else {
      try Console.write(results.text(explain: explain))
    }
    try drawer?.show(
      title: "Nearest in \(collection.name)", sections(source, outcome, terms),
      columnCount: Self.columnCount, terminalSectionCount: source.count == 1 ? 1 : 0,
      threadCount: search.threadCount)
  }

  /// What was looked for, if it can be shown, then what was found.
  private func sections(
    _ source: QuerySource, _ outcome: SearchOutcome, _ terms: SearchTerms
  ) -> [PictureDrawer.Section] {
    outcome.answers.enumerated().map { number, answer in
      var items = answer.matches.compactMap { match in
        outcome.images[match.id].map { image in
          let share = Double(match.distance) / Double(terms.metric.distanceMax)
          return PictureDrawer.Item(
            image: image,
            lines: [
              "\(match.distance) (\(Text.percent(share)))",
              outcome.names[match.id] ?? "id \(match.id)",
            ])
        }
      }
      if let image = source.image {
        items.insert(PictureDrawer.Item(image: image, lines: ["asked for"]), at: 0)
      }
      return (source.row(of: number).map { "row \($0)" }, items)
    }
  }
}

extension SearchOutcome {
  /// Takes a record out of the answers. Of those that asked for the `k` nearest one more was asked
  /// for, so that `k` others are left.
  mutating func leaveOut(_ id: ItemID, of extent: SearchQuery.Extent) {
    for index in answers.indices {
      answers[index].matches.removeAll { $0.id == id }
      if case .nearest(let count) = extent, answers[index].matches.count == count {
        answers[index].matches.removeLast()
      }
    }
  }
}

extension CollectionHandle {
  /// The record of an id; an error that names the flag if there is none.
  func record(_ id: UInt64?, flag: String) throws -> Record {
    guard let id else { preconditionFailure("nothing to look for was let through") }
    guard let record = try records([ItemID(id)]).first.flatMap(\.self) else {
      throw CommandError.flag(flag, "no record with id \(id) in '\(name)'")
    }
    return record
  }
}
