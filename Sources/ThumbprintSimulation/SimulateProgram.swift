import Dispatch
import Foundation
import Synchronization

/// The command line of the simulator.
public enum SimulateProgram {
  static let usage = """
    usage: thumbprint-simulate [--histories N] [--seed S] [--threads N] [--break NAME] [--trace]

      --histories N   how many histories, 1 or more (default 1000)
      --seed S        seed of the first; the others follow it (default 1)
      --threads N     histories at once, 1 to 64 (default: one a processor)
      --break NAME    break the replicas on purpose, and expect to be caught:
                      acknowledge-before-replication, skip-term-check, drop-log-tail
      --trace         print every event of the first history and run no other
    """

  struct Arguments {
    var histories = 1_000
    var seed: UInt64 = 1
    var threads = ProcessInfo.processInfo.activeProcessorCount
    var fault: String?
    var isTracing = false
  }

  /// Runs what `arguments` ask for and exits: 0 if all held, 65 if a history failed (or, with
  /// `--break`, none did), 64 for a usage error.
  public static func run(_ arguments: [String]) -> Never {
    do {
      exit(simulate(try parse(arguments)))
    } catch {
      FileHandle.standardError.write(Data("thumbprint-simulate: error: \(error.text)\n".utf8))
      exit(error.isHelp ? 0 : 64)
    }
  }

  struct UsageError: Error {
    var text: String
    var isHelp = false
  }

  static func parse(_ arguments: [String]) throws(UsageError) -> Arguments {
    var result = Arguments()
    var rest = arguments[...]
    func number<N: FixedWidthInteger>(
      _ flag: String, _ range: ClosedRange<N>
    ) throws(UsageError) -> N {
      guard let text = rest.popFirst(), let value = N(text), range.contains(value) else {
        throw UsageError(
          text: "\(flag): a whole number of \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    while let flag = rest.popFirst() {
      switch flag {
      case "--histories": result.histories = try number(flag, 1...1_000_000_000)
      case "--seed": result.seed = try number(flag, 0...UInt64.max)
      case "--threads": result.threads = try number(flag, 1...64)
      case "--trace": result.isTracing = true
      case "--break":
        var options = SimulationOptions(seed: 0)
        guard let name = rest.popFirst(), options.breakReplicas(name) else {
          throw UsageError(text: "--break: there is no such mistake\n\(usage)")
        }
        result.fault = name
      case "--help", "-h":
        print(usage)
        exit(0)
      default: throw UsageError(text: "\(flag): unknown\n\(usage)")
      }
    }
    return result
  }

  private static func simulate(_ arguments: Arguments) -> Int32 {
    if arguments.isTracing {
      var options = options(arguments, index: 0)
      options.log = { print($0) }
      let result = Simulation(options: options).run()
      print(line(result))
      return result.violation == nil ? 0 : 65
    }
    let start = ContinuousClock.now
    let report = SimulationBatch.run(
      count: arguments.histories, threads: arguments.threads,
      stopAtFirst: arguments.fault != nil
    ) { options(arguments, index: $0) }
    for failure in report.failures.prefix(10) { print(line(failure)) }
    let seconds = (ContinuousClock.now - start).formatted(
      .units(allowed: [.seconds], width: .narrow, fractionalPart: .show(length: 1)))
    print(report.summary + ", \(seconds)")
    if let fault = arguments.fault {
      let caught = report.failures.first.map { "after \($0.seed - arguments.seed + 1) histories" }
      print("\(fault): \(caught.map { "caught " + $0 } ?? "not caught")")
      return caught == nil ? 65 : 0
    }
    return report.failures.isEmpty ? 0 : 65
  }

  private static func options(_ arguments: Arguments, index: Int) -> SimulationOptions {
    var options = SimulationOptions(seed: arguments.seed &+ UInt64(index))
    if let fault = arguments.fault { _ = options.breakReplicas(fault) }
    return options
  }

  private static func line(_ result: SimulationResult) -> String {
    "seed=\(result.seed) trace=\(String(result.traceHash, radix: 16)) events=\(result.eventCount): "
      + (result.violation ?? "all held")
  }
}
