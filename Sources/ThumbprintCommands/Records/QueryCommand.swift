import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "Find the records nearest to a code, and say what was proved.",
    discussion: """
      Distances are counted in bits. Records at the same distance come in the order
      of their ids, so an answer is the same bytes wherever it comes from.

      Examples:
        thumbprint query --collection photos --image cat.jpg
        thumbprint query --collection photos --id 17 -k 4
        thumbprint query --collection photos --codes queries.npy --row 0 --explain
        thumbprint query --collection photos --codes queries.npy -k 10 --out answers
        thumbprint query --collection photos --id 17 --within 400 --promise exact
        thumbprint query --coordinator 127.0.0.1:7700 -c photos --id 17 --explain
      """)

  @OptionGroup var collection: CollectionOptions

  @Option(
    help: ArgumentHelp("Ask for what looks like this picture.", valueName: "file"),
    completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var image: String?

  @OptionGroup var codes: QueryCodeOptions

  @Option(help: ArgumentHelp("Ask for what is near this record.", valueName: "id"))
  var id: UInt64?

  @OptionGroup var search: SearchOptions

  @Option(
    help: ArgumentHelp(
      "Write ids.npy (queries × k, uint64) and distances.npy (uint16) into this folder.",
      valueName: "dir"),
    completion: .directory)
  var out: String?

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Show all of the certificate of each answer, and each shard of a cluster.")
  var explain = false

  @OptionGroup var partial: PartialOptions

  @OptionGroup var pictures: PictureOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    let given = [
      ("--image", image != nil), ("--codes", codes.codes != nil), ("--id", id != nil),
    ].filter(\.1).map(\.0)
    guard let first = given.first else {
      throw ValidationError("nothing to look for: give --image FILE, --codes FILE or --id N")
    }
    guard given.count == 1 else {
      throw ValidationError("\(given[1]): cannot be given together with \(first)")
    }
    if out != nil {
      if search.within != nil {
        throw ValidationError("--out: writes k columns, so it cannot be given with --within")
      }
      if explain { throw ValidationError("--explain: cannot be given together with --out") }
      if output.json { throw ValidationError("--json: cannot be given together with --out") }
      if let flag = pictures.givenFlag {
        throw ValidationError("\(flag): cannot be given together with --out")
      }
    }
  }

  mutating func run() throws {
    let terms = try search.terms
    try partial.check(collection.place)
    let codes = try codes.open(metric: terms.metric)
    let picture = try image.map { try CodedPicture(path: $0, pictures.model) }
    try collection.with(.readOnly) { collection in
      let source =
        try codes.map(QuerySource.rows) ?? picture.map(QuerySource.picture)
        ?? .record(collection.record(id, flag: "--id"))
      try source.requireCoder(of: collection)
      try source.requireFeatures(metric: terms.metric)
      if let out {
        try writeArrays(of: source, terms: terms, from: collection, to: out)
      } else {
        let display = QueryDisplay(
          search: searchRun, explain: explain, pictures: pictures, output: output)
        try display.show(source, terms: terms, from: collection)
      }
    }
  }

  private var searchRun: SearchRun {
    SearchRun(threadCount: threads.count, allowsPartial: partial.allowPartial)
  }

  /// Answers in batches, each written as soon as it is there, so that any number of queries
  /// takes bounded memory.
  private func writeArrays(
    of source: QuerySource, terms: SearchTerms, from collection: any CollectionHandle,
    to folder: String
  ) throws {
    guard case .nearest(let k) = terms.extent else {
      preconditionFailure("validate() lets --out pass only with -k")
    }
    let arrays = try AnswerArrays(folder: folder, k: k)
    let progress = Progress(
      "query", total: source.count, noun: "queries", quiet: output.log.quiet)
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    var missing: Set<Int> = []
    for start in stride(from: 0, to: source.count, by: Self.batchCount) {
      if Interrupt.isRequested {
        progress.finish()
        throw CommandError(.interrupted, "nothing was written to '\(folder)'")
      }
      let end = min(start + Self.batchCount, source.count)
      let outcome = try collection.search(
        (start..<end).map { source.query($0, terms: terms) }, searchRun)
      for answer in outcome.answers { try arrays.append(answer.matches) }
      for shard in outcome.shards where shard.failure != nil { missing.insert(shard.shard) }
      progress.moved(to: end)
    }
    try arrays.finish()
    progress.finish()
    output.log.note(
      "answered \(Text.count(source.count, "query", plural: "queries")) in "
        + "\(Text.duration(progress.elapsed)): \(folder)/ids.npy, \(folder)/distances.npy")
    if !missing.isEmpty {
      output.log.note("partial: not searched: \(QueryResults.list(missing.sorted()))")
    }
  }

  /// Queries answered between two writes.
  private static let batchCount = 1024
}
