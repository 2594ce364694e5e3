import ArgumentParser
import ThumbprintCodes

struct BenchGeneratePlantedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "planted",
    abstract: "Groups of near codes among unrelated ones.",
    discussion: """
      Each group is a random code and copies of it with some of its bits flipped, so
      the members of a group are each other's nearest neighbours. The codes depend on
      the seed alone, whatever the machine.

      Examples:
        thumbprint bench generate planted --count 20000 --out demo
        thumbprint bench generate planted --count 1000000 --seed 7 --flipped 0.1 \\
          --out planted --queries queries.npy --query-count 200
      """)

  @Option(help: ArgumentHelp("Records to make, at least 1.", valueName: "number"))
  var count: Int

  @Option(help: ArgumentHelp("Seed; the same one gives the same codes.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("Records of each group, at least 1.", valueName: "number"))
  var groupSize = 4

  @Option(
    help: ArgumentHelp("Share of its bits that each copy flips, 0 to 0.5.", valueName: "share"))
  var flipped = 0.05

  @Option(
    help: ArgumentHelp("Coded dataset to make; must not exist yet.", valueName: "dataset"),
    completion: .directory)
  var out: String

  @Option(
    help: ArgumentHelp(
      "Also write an array of new members of the groups, to ask with.", valueName: "file.npy"),
    completion: .file(extensions: ["npy"]))
  var queries: String?

  @Option(help: ArgumentHelp("How many of them, at least 1.", valueName: "number"))
  var queryCount = 100

  @OptionGroup var log: LogOptions

  mutating func validate() throws {
    for (flag, value) in [
      ("--count", count), ("--group-size", groupSize), ("--query-count", queryCount),
    ] where value < 1 {
      throw ValidationError("\(flag): \(value) is below 1")
    }
    guard (0...0.5).contains(flipped) else {
      throw ValidationError("--flipped: \(flipped) is not in 0...0.5")
    }
  }

  mutating func run() throws {
    let codes = PlantedCodes(seed: seed, groupSize: groupSize, flippedShare: flipped)
    let writer = try CodedDatasetWriter(
      path: out, coder: nil, createdBy: "thumbprint \(ThumbprintVersion.number)")
    let watch = Interrupt.watch()
    defer { withExtendedLifetime(watch) {} }
    let progress = Progress("generate", total: count, noun: "records", quiet: log.quiet)
    defer { progress.finish() }
    for index in 0..<count {
      if Interrupt.isRequested {
        throw CommandError(.interrupted, "nothing was written to '\(out)'")
      }
      try writer.append(codes.record(index))
      progress.moved(to: writer.count)
    }
    if let queries { try write(codes, to: queries) }
    _ = try writer.finish()
    progress.finish()
    log.note(
      "generated \(Text.count(count, "record")) in \(out)"
        + (queries.map { " and \(Text.count(queryCount, "query", plural: "queries")) in \($0)" }
          ?? ""))
  }

  private func write(_ codes: PlantedCodes, to path: String) throws {
    let groupCount = (count + groupSize - 1) / groupSize
    let writer = try NumpyWriter(
      path: path, elementType: .uint8, rowShape: [FeatureCode.byteCount])
    for index in 0..<queryCount {
      try codes.query(index, groupCount: groupCount).withUnsafeBytes {
        try writer.append(rows: $0)
      }
    }
    try writer.finish()
  }
}
