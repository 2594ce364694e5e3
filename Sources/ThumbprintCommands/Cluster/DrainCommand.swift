import ArgumentParser
import ThumbprintCodes
import ThumbprintWire

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Move everything off a worker, and nothing to it any more.",
    discussion: """
      When it holds nothing, 'cluster remove' forgets it. --undo takes a drain back,
      at any time: copies that are still being made are given up, the worker takes
      replicas again, and 'rebalance' brings some back.

      Examples:
        thumbprint drain w2 --dry-run --coordinator 127.0.0.1:7700
        thumbprint drain w2 --wait
        thumbprint drain w2 --undo
      """)

  @Argument(help: ArgumentHelp("Name of the worker.", valueName: "worker"))
  var worker: WorkerArgument

  @Flag(help: "Only show what would be moved.")
  var dryRun = false

  @Flag(help: "Wait until the worker holds nothing.")
  var wait = false

  @Flag(help: "Take a drain back: the worker keeps what it has, and takes replicas again.")
  var undo = false

  @OptionGroup var cluster: CoordinatorOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if dryRun, wait { throw ValidationError("--wait: a dry run moves nothing") }
    if undo, dryRun || wait {
      throw ValidationError("--undo: goes with neither --dry-run nor --wait")
    }
  }

  mutating func run() throws {
    if undo { return try takeBack() }
    try cluster.with { session in
      let plan = try session.run(Drain(worker: worker.name, isDryRun: dryRun))
      let report = PlanReport(plan, isDryRun: dryRun)
      let empty =
        dryRun
        ? "where its replicas go is planned when it begins"
        : "its replicas go as other workers have room: see 'thumbprint cluster moves'"
      if !output.json { try Console.write(report.text(empty: empty)) }
      if wait {
        try waitUntilEmpty(session)
        if !output.json { try Console.write("worker '\(worker.name)' holds nothing\n") }
      }
      if output.json { try Console.write(json: report) }
    }
  }

  private func takeBack() throws {
    let result = try cluster.with { try $0.run(Undrain(worker: worker.name)) }
    let report = UndrainReport(worker.name, result)
    if output.json { return try Console.write(json: report) }
    try Console.write(report.text)
  }

  /// How long nothing may move while there is something left to be moved.
  private static let stillSecondsMax = 10.0

  private func waitUntilEmpty(_ session: ClusterSession) throws {
    let name = worker.name
    func held(_ status: ClusterStatus) -> Int {
      status.workers.first { $0.name == name }?.replicaCount ?? 0
    }
    let all = held(try session.run(ClusterStatusOperation()))
    var lastMove = Progress.now
    let wait = MoveWait(
      label: "drain", noun: "replicas", quiet: output.log.quiet,
      patience: Double(cluster.timeout))
    _ = try wait.run(session) {
      (max(0, all - held($0)), all)
    } isOver: { status in
      let count = held(status)
      if count == 0 { return true }
      if status.moves.contains(where: { $0.source == name }) { lastMove = Progress.now }
      guard Progress.now - lastMove < Self.stillSecondsMax else {
        throw CommandError(
          .unavailable,
          "'\(name)' still holds \(Text.count(count, "replica")), and nothing moves",
          hint: "there have to be workers with room that hold none of these shards yet: "
            + "see 'thumbprint cluster workers'")
      }
      return false
    }
  }
}

/// What became of a drain that was taken back, as `--json` shows it.
package struct UndrainReport: Encodable {
  var worker: String
  var abortedMoves: Int
  var replicas: Int

  package init(_ worker: WorkerName, _ result: Undrain.Result) {
    self.worker = worker.text
    abortedMoves = result.abortedMoveCount
    replicas = result.replicaCount
  }

  package var text: String {
    var text = "worker '\(worker)' takes replicas again and has \(Text.count(replicas, "replica"))"
    if abortedMoves > 0 { text += "; \(Text.count(abortedMoves, "move")) given up" }
    return text + "\n"
  }
}

/// The name of a worker as an argument.
struct WorkerArgument: ExpressibleByArgument {
  var name: WorkerName

  init?(argument: String) {
    guard let name = WorkerName(argument) else { return nil }
    self.name = name
  }
}
