import Testing
import ThumbprintSimulation

@Suite struct SimulationTests {
  /// `thumbprint-simulate --histories 10000` runs more of the same.
  @Test func allHoldsInManyHistories() {
    let batch = SimulationBatch.run(count: 300, threads: 1) {
      SimulationOptions(seed: UInt64(1_000_000 + $0))
    }
    for failure in batch.failures {
      Issue.record(
        "seed=\(failure.seed): \(failure.violation ?? ""); replay: thumbprint-simulate --trace --seed \(failure.seed)"
      )
    }
    // Histories in which nothing happens prove nothing.
    #expect(batch.acknowledgedWriteCount > 5_000 && batch.readCount > 2_000)
    #expect(batch.failOverCount > 300 && batch.moveCount > 60 && batch.faultCount > 1_500)
  }

  @Test func aSeedGivesTheSameHistoryAgain() {
    for seed: UInt64 in 1...5 {
      let first = Simulation(options: SimulationOptions(seed: seed)).run()
      #expect(Simulation(options: SimulationOptions(seed: seed)).run() == first, "seed=\(seed)")
      let other = Simulation(options: SimulationOptions(seed: seed + 100)).run()
      #expect(other.traceHash != first.traceHash)
    }
  }

  @Test(arguments: [
    ("acknowledge-before-replication", "lacks one of"),
    ("skip-term-check", "another entry"),
    ("drop-log-tail", "another entry"),
  ])
  func whatIsBrokenIsCaught(name: String, how: String) {
    let batch = SimulationBatch.run(count: 200, threads: 1, stopAtFirst: true) {
      var options = SimulationOptions(seed: UInt64(1 + $0))
      let isBroken = options.breakReplicas(name)
      #expect(isBroken)
      return options
    }
    let violation = batch.failures.first?.violation
    #expect(violation?.contains(how) == true, "\(name): \(violation ?? "not caught")")
  }

  @Test func aLostPrimaryIsReplacedWithinThreeSeconds() {
    let batch = SimulationBatch.run(count: 200, threads: 1) {
      var options = SimulationOptions(seed: UInt64(2_000_000 + $0))
      options.measuresFailOver = true
      return options
    }
    for failure in batch.failures {
      Issue.record("seed=\(failure.seed): \(failure.violation ?? "")")
    }
    #expect((100..<3_000).contains(batch.failOverMillisecondsMax))
    print("SimulationTests: fail-over after at most \(batch.failOverMillisecondsMax) ms")
  }
}
