import Foundation

/// What one query takes in a cluster, in seconds, and the steps it is made of.
package struct QueryLatency: Sendable, Hashable {
  package struct Step: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
      /// Messages between hosts.
      case network
      /// Taking the request, asking workers, merging what they answer.
      case coordinator
      /// Search for a bound, by the worker with the most to search.
      case probe
      /// Search under the bound, likewise.
      case search
      /// Taking requests on a worker, and handing them to a thread.
      case handling
      /// Of many workers the slowest has to be waited for.
      case slowest
      /// Waiting for a core while others are asked too.
      case queue
    }

    package var kind: Kind
    package var median: Double
    package var p99: Double
  }

  package var steps: [Step]
  package var median: Double { steps.reduce(0) { $0 + $1.median } }
  /// The sum of what each step takes at worst, as if all were slow together.
  package var p99: Double { steps.reduce(0) { $0 + $1.p99 } }
}

/// What a cluster takes beside searching, and how times spread. All are measured, on the machine of
/// BENCHMARKS.md, "Sizes", where the commands are.
package struct ClusterOverhead: Sendable, Hashable {
  /// Seconds of the coordinator's thread for a query that one worker answers; for one that several
  /// answer, and that for each of them. `thumbprint-trial throughput --seed 11 --count 800
  /// --workers W --seconds 5`: 78, 175, 274 and 415 us with 1, 2, 4 and 8 workers.
  package var coordinatorAlone = 78e-6
  package var coordinatorSpread = 110e-6
  package var coordinatorPerWorker = 40e-6
  /// Seconds of a worker for each stage, beside the search: 54 us a query with one worker, which
  /// has two stages (search, contents), 64 to 84 us with several, which have three. Same runs.
  package var workerPerStage = 25e-6
  /// Seconds in which nobody works, since one thread wakes another, for each message and its
  /// answer. `latency --seed 11 --count 800 --queries 1000`: a median of 0.47 ms with one worker,
  /// 0.15 ms of it work, and three messages; 1.0 ms with two, 0.3 ms of it work, and four.
  package var wakingPerTrip = 130e-6
  /// How much longer the slowest of a hundred queries takes than the median, with one worker.
  /// `latency --seed 11`: 1.08 ms to 0.56 ms.
  package var tailRatio = 2.0

  package init() {}

  /// The share of a core that may be busy: beyond, waiting grows faster than what is gained.
  package static let busyShareMax = 0.7

  /// By how much the slowest of `count` workers exceeds the median of one, at the quantile `p`: the
  /// tail is taken for exponential, through the median and the 99th percentile of one worker.
  func slowness(of count: Int, at p: Double) -> Double {
    // The chance that one worker is slower than the slowest of all.
    let chance = -expm1(log(p) / Double(max(1, count)))
    return 1 + (tailRatio - 1) * log(0.5 / chance) / log(0.5 / 0.01)
  }
}

/// Waiting for one of several equal servers, at random arrivals: Erlang's formula C.
enum Queue {
  /// The 99th percentile of the wait, in units of the time of service.
  ///
  /// - Parameters:
  ///   - load: Arrivals a second times the time of service, below `serverCount`.
  static func wait(load: Double, serverCount: Int) -> Double {
    guard load > 0 else { return 0 }
    guard load < Double(serverCount) else { return .infinity }
    // Erlang's formula B, from one server to the next.
    var blocked = 1.0
    for count in 1...serverCount {
      blocked = load * blocked / (Double(count) + load * blocked)
    }
    let share = load / Double(serverCount)
    let waits = blocked / (1 - share * (1 - blocked))
    return max(0, log(100 * waits)) / (Double(serverCount) - load)
  }
}
