import ArgumentParser
import Foundation
import ThumbprintWire

/// For commands that show a state once, or again and again.
struct WatchOptions: ParsableArguments {
  private static let secondsMax = 3600.0

  @Option(
    defaultAsFlag: 2.0,
    help: ArgumentHelp(
      "Show it again every so many seconds (2 without a number), until Ctrl-C.",
      valueName: "seconds"))
  var watch: Double?

  mutating func validate() throws {
    if let watch, !(0.1...Self.secondsMax).contains(watch) {
      throw ValidationError("--watch: \(watch) is not in 0.1...\(Int(Self.secondsMax))")
    }
  }

  /// Calls `show` with the state of the cluster, again and again if that is asked for. On a
  /// terminal each text takes the place of the one before.
  func run(
    _ cluster: CoordinatorOptions, _ output: OutputOptions,
    _ show: (ClusterStatus, Double) throws -> String
  ) throws {
    guard let seconds = watch else {
      let status = try cluster.with { try $0.run(ClusterStatusOperation()) }
      return try Console.write(try show(status, Progress.now))
    }
    let interrupt = Interrupt.watch()
    defer { withExtendedLifetime(interrupt) {} }
    let redraws = !output.json && Console.showsResultsOnTerminal
    try cluster.with { session in
      var failureCount = 0
      while !Interrupt.isRequested {
        do {
          let status = try Interrupt.unlessRequested { try session.run(ClusterStatusOperation()) }
          guard let status else { break }
          let text = try show(status, Progress.now)
          try Console.write(redraws ? "\u{1B}[H\u{1B}[J" + text : text + (output.json ? "" : "\n"))
          failureCount = 0
        } catch let error as ServiceError where error.isRetryable {
          // A coordinator that starts again is what one wants to watch.
          failureCount += 1
          if failureCount == 1 { output.log.note("the cluster does not answer: \(error.message)") }
        }
        Interrupt.sleep(seconds)
      }
    }
  }
}
