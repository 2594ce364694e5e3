import ArgumentParser
import ThumbprintNets

struct BenchVGGCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vgg",
    abstract: "Time VGG-19 at 224×224 with random weights, and the compact network.",
    discussion: """
      Prints the least and the median time, the share of the bound (all products at
      100 GFLOP/s, as if they were done without Winograd's savings), the largest error
      against plain products as a share of the largest answer, and a checksum.

      Examples:
        thumbprint bench vgg
        thumbprint bench vgg --network compact --repeat 20 --json
      """)

  enum Kind: String, CaseIterable {
    case vgg19
    case compact
  }

  @Option(
    help: ArgumentHelp("vgg19 or compact.", valueName: "network"),
    completion: .list(Kind.allCases.map(\.rawValue)))
  var network = Kind.vgg19.rawValue

  @Option(help: ArgumentHelp("Images at a time, 1 to 64.", valueName: "count"))
  var batch = 1

  @Option(
    name: .customLong("repeat"), help: ArgumentHelp("Rounds, 1 to 1000.", valueName: "count"))
  var rounds = 5

  @Option(help: ArgumentHelp("Threads to work with.", valueName: "count"))
  var threads = 1

  @Option(help: ArgumentHelp("Seed of weights and images.", valueName: "number"))
  var seed: UInt64 = 1

  @Flag(help: "Leave out the comparison with plain products.")
  var noCheck = false

  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard Kind(rawValue: network) != nil else {
      throw ValidationError("--network: '\(network)' is not vgg19 or compact")
    }
    guard (1...64).contains(batch) else {
      throw ValidationError("--batch: \(batch) is not in 1...64")
    }
    guard (1...1_000).contains(rounds) else {
      throw ValidationError("--repeat: \(rounds) is not in 1...1000")
    }
    try ThreadOptions.check(threads)
  }

  mutating func run() throws {
    let description: VGGDescription = network == Kind.compact.rawValue ? .compact : .vgg19
    let spec =
      network == Kind.compact.rawValue ? description.convolutions : description.classifier()
    let plain = try Network(spec, seed: seed)
    let prepared = InferenceNetwork(plain)
    var random = NetRandom(seed, 8)
    let shape = [batch, 3, description.side, description.side]
    let images = Tensor(
      shape: shape, values: (0..<shape.reduce(1, *)).map { _ in 2 * random.unit() - 1 })
    var seconds: [Double] = []
    var answer = prepared.apply(to: images, threadCount: threads)
    for _ in 0..<rounds {
      let start = Progress.now
      answer = prepared.apply(to: images, threadCount: threads)
      seconds.append(Progress.now - start)
    }
    seconds.sort()
    let bound = 2 * Double(plain.plan.multiplicationCount * batch) / 100e9
    let result = VGGTimes(
      network: network, batch: batch, threads: threads, seed: seed, least: seconds[0],
      median: seconds[seconds.count / 2], bound: bound,
      error: noCheck ? nil : Self.error(answer, plain.apply(to: images, threadCount: threads)),
      checksum: answer.values.reduce(0) { $0 + Double($1) })
    if output.json { return try Console.write(json: result) }
    try Console.write(result.text)
  }

  /// The largest difference as a share of the largest value.
  private static func error(_ a: Tensor, _ b: Tensor) -> Double {
    let largest = b.values.reduce(0) { max($0, abs($1)) }
    let difference = zip(a.values, b.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
    return Double(difference / max(largest, .leastNormalMagnitude))
  }
}

/// What the bench found, as `--json` shows it.
struct VGGTimes: Encodable {
  var network: String
  var batch: Int
  var threads: Int
  var seed: UInt64
  /// Seconds for the batch.
  var least: Double
  var median: Double
  /// Seconds that the plain products take at 100 GFLOP/s.
  var bound: Double
  /// Against plain products, as a share of the largest answer.
  var error: Double?
  /// The sum of all answers.
  var checksum: Double

  var text: String {
    let error = error.map { ", largest error \(Text.scientific($0))" } ?? ""
    return "\(network), batch \(batch), \(Text.count(threads, "thread")): "
      + "\(Text.fixed(least * 1e3, 1)) ms at best, median \(Text.fixed(median * 1e3, 1)) ms, "
      + "\(Text.fixed(median / bound, 2)) of the plain products at 100 GFLOP/s\(error), checksum "
      + "\(Text.fixed(checksum, 6))\n"
  }
}
