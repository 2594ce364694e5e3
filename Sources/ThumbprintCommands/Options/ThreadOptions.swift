import ArgumentParser
import Foundation

/// How many threads may work.
struct ThreadOptions: ParsableArguments {
  /// More than any machine of today runs at once.
  static let countMax = 1024

  @Option(
    help: ArgumentHelp("Threads to work with (default: one per core).", valueName: "count"))
  var threads: Int?

  mutating func validate() throws {
    if let threads { try Self.check(threads) }
  }

  static func check(_ count: Int) throws {
    guard (1...countMax).contains(count) else {
      throw ValidationError("--threads: \(count) is not in 1...\(countMax)")
    }
  }

  var count: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }
}
