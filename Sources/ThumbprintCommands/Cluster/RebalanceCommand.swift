import ArgumentParser
import ThumbprintWire

struct RebalanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebalance",
    abstract: "Spread the replicas of a cluster by the capacity of its workers.",
    discussion: """
      Says what moves where, how many bytes and why. Queries and writes go on; each
      move ends with a proof that nothing was lost, or is given up.

      Examples:
        thumbprint rebalance --dry-run --coordinator 127.0.0.1:7700
        thumbprint rebalance --bandwidth 50MiB --wait
      """)

  @Flag(help: "Only show what would be moved.")
  var dryRun = false

  @Option(
    help: ArgumentHelp(
      "The most bytes a second that each copy takes from now on, for instance 50MiB; 0 for no bound.",
      valueName: "bytes"))
  var bandwidth: ByteCount?

  @Flag(help: "Wait until the moves are over.")
  var wait = false

  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if dryRun, wait { throw ValidationError("--wait: a dry run moves nothing") }
    if dryRun, bandwidth != nil {
      throw ValidationError("--bandwidth: a dry run changes nothing")
    }
  }

  mutating func run() throws {
    try cluster.with { session in
      let plan = try session.run(Rebalance(isDryRun: dryRun, byteRate: bandwidth?.count))
      let report = PlanReport(plan, isDryRun: dryRun)
      if !output.json {
        try Console.write(report.text(empty: "nothing to move: spread by capacity as it is"))
      }
      if wait, !plan.steps.isEmpty {
        let end = try MoveWait(
          label: "rebalance", noun: "bytes", quiet: output.log.quiet,
          patience: Double(cluster.timeout)
        ).run(session, measure: plan.byteCounts) { status in
          !status.moves.contains { move in plan.steps.contains { $0.isOf(move) } }
        }
        if let failure = plan.failure(end) { throw failure }
        if !output.json { try Console.write("\(Text.count(plan.steps.count, "move")) done\n") }
      }
      if output.json { try Console.write(json: report) }
    }
  }
}
