import Dispatch
import Synchronization

/// Many histories, on several threads.
public struct SimulationBatch: Sendable {
  public var historyCount = 0
  public var eventCount = 0
  public var acknowledgedWriteCount = 0
  public var readCount = 0
  public var queryCount = 0
  public var failOverCount = 0
  public var moveCount = 0
  public var abortedMoveCount = 0
  public var faultCount = 0
  /// The longest time that a cluster took to be well again.
  public var healedAfterMillisecondsMax = 0
  /// The longest time from the loss of a primary to a write, if that was measured.
  public var failOverMillisecondsMax = 0
  /// Histories in which something did not hold, in the order of their seeds.
  public var failures: [SimulationResult] = []

  /// Runs histories.
  ///
  /// - Parameters:
  ///   - stopAtFirst: Whether to begin no other after one in which something did not hold.
  ///   - options: What to simulate, by the number of the history from 0.
  public static func run(
    count: Int, threads: Int, stopAtFirst: Bool = false,
    options: @Sendable (Int) -> SimulationOptions
  ) -> SimulationBatch {
    let next = Atomic(0)
    let state = Mutex(SimulationBatch())
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        if stopAtFirst, state.withLock({ !$0.failures.isEmpty }) { return }
        let result = Simulation(options: options(index)).run()
        state.withLock { $0.add(result) }
      }
    }
    return state.withLock { batch in
      batch.failures.sort { $0.seed < $1.seed }
      return batch
    }
  }

  private mutating func add(_ result: SimulationResult) {
    historyCount += 1
    eventCount += result.eventCount
    acknowledgedWriteCount += result.acknowledgedWriteCount
    readCount += result.readCount
    queryCount += result.queryCount
    failOverMillisecondsMax = max(failOverMillisecondsMax, result.failOverMilliseconds ?? 0)
    failOverCount += result.failOverCount
    moveCount += result.moveCount
    abortedMoveCount += result.abortedMoveCount
    faultCount += result.faultCount
    healedAfterMillisecondsMax = max(healedAfterMillisecondsMax, result.healedAfterMilliseconds)
    if result.violation != nil { failures.append(result) }
  }

  public var summary: String {
    "\(historyCount) histories, \(eventCount) events, \(faultCount) faults, "
      + "\(acknowledgedWriteCount) writes acknowledged, \(readCount) reads, "
      + "\(queryCount) queries, "
      + "\(failOverCount) fail-overs, \(moveCount) moves, \(abortedMoveCount) aborted, "
      + "well again after at most \(healedAfterMillisecondsMax) ms, \(failures.count) failed"
  }
}
