import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

struct SimilarCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "similar",
    abstract: "Find the records that are like one that is there.",
    discussion: """
      As 'query --id', but for the record itself, which is not in the answer.

      Examples:
        thumbprint similar --collection photos --id 17
        thumbprint similar --collection photos --id 17 -k 50 --sheet like-17.html
      """)

  @OptionGroup var collection: CollectionOptions

  @Option(help: ArgumentHelp("The record.", valueName: "id"))
  var id: UInt64

  @OptionGroup var search: SearchOptions
  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Show all of the certificate of the answer, and each shard of a cluster.")
  var explain = false

  @OptionGroup var partial: PartialOptions
  @OptionGroup var pictures: PictureOptions
  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    var terms = try search.terms
    try partial.check(collection.place)
    if case .nearest(let count) = terms.extent {
      // The record itself is asked for too.
      guard count < SearchLimits.nearestCountMax else {
        throw CommandError.flag("-k", "\(count) is not in 1...\(SearchLimits.nearestCountMax - 1)")
      }
      terms.extent = .nearest(count + 1)
    }
    try collection.with(.readOnly) { collection in
      let record = try collection.record(id, flag: "--id")
      let source = QuerySource.record(record)
      try source.requireFeatures(metric: terms.metric)
      let display = QueryDisplay(
        search: SearchRun(threadCount: threads.count, allowsPartial: partial.allowPartial),
        explain: explain, pictures: pictures, output: output)
      try display.show(source, terms: terms, from: collection, excluding: record.id)
    }
  }
}
