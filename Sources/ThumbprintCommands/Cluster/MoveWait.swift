import ThumbprintCodes
import ThumbprintWire

/// Waits for moves, showing how far they are.
struct MoveWait {
  /// What is being done: "rebalance".
  var label: String
  /// What is counted, in the plural.
  var noun: String
  var quiet: Bool
  /// How long the cluster may be out of reach in between.
  var patience: Double

  private static let pause = 0.2

  /// Looks at the cluster again and again.
  ///
  /// - Parameters:
  ///   - measure: How much is done of how much.
  ///   - isOver: Whether there is nothing more to wait for.
  /// - Returns: The state of the cluster at the end.
  func run(
    _ session: ClusterSession, measure: (ClusterStatus) -> (done: Int, total: Int),
    isOver: (ClusterStatus) throws -> Bool
  ) throws -> ClusterStatus {
    let interrupt = Interrupt.watch()
    defer { withExtendedLifetime(interrupt) {} }
    let progress = Progress(label, total: 0, noun: noun, quiet: quiet)
    defer { progress.finish() }
    var lastHeard = Progress.now
    while true {
      do {
        let status = try Interrupt.unlessRequested { try session.run(ClusterStatusOperation()) }
        lastHeard = Progress.now
        if let status {
          if try isOver(status) { return status }
          let (done, total) = measure(status)
          progress.moved(
            to: done, of: total, detail: "\(Text.count(status.moves.count, "move")) left")
        }
      } catch let error as ServiceError
        where error.isRetryable && Progress.now - lastHeard < patience
      {
        // A coordinator that starts again goes on with its moves.
      }
      Interrupt.sleep(Self.pause)
      if Interrupt.isRequested {
        throw CommandError(
          .interrupted, "the moves go on without this command",
          hint: "see 'thumbprint cluster moves'; 'thumbprint move abort' ends one")
      }
    }
  }
}

extension MovePlan.Step {
  /// Whether a move is the one that was planned.
  func isOf(_ move: MoveStatus) -> Bool {
    collection == move.collection && number == move.number && target == move.target
      && source == move.source
  }

  func isOf(_ move: EndedMove) -> Bool {
    collection == move.collection && number == move.number && target == move.target
      && source == move.source
  }

  /// Whether the replica is where it should be, and no longer where it was.
  func isDone(_ status: ClusterStatus) -> Bool {
    let shard = status.shards.first { $0.collection == collection && $0.number == number }
    // A collection that was dropped meanwhile has nothing left to move.
    guard let shard else { return true }
    return shard.replicas.contains { $0.worker == target && $0.isInSync }
      && (source == nil || !shard.replicas.contains { $0.worker == source })
  }
}

extension MovePlan {
  /// Bytes of the planned moves that are copied, and all of them.
  func byteCounts(_ status: ClusterStatus) -> (done: Int, total: Int) {
    var (done, total) = (0, 0)
    for step in steps {
      total += step.byteCount
      let move = status.moves.first(where: step.isOf)
      done += move.map { min(step.byteCount, $0.doneByteCount ?? 0) } ?? step.byteCount
    }
    return (done, total)
  }

  /// An error that names the steps that came to nothing; `nil` if there are none.
  func failure(_ status: ClusterStatus) -> CommandError? {
    let failed = steps.filter { !$0.isDone(status) }
    guard let first = failed.first else { return nil }
    let why = status.endedMoves.first(where: first.isOf)?.aborted
    let more = failed.count > 1 ? " and \(Text.grouped(failed.count - 1)) more" : ""
    return CommandError(
      .unavailable,
      "\(Text.grouped(failed.count)) of \(Text.count(steps.count, "move")) did not end as planned: "
        + "shard \(first.number) of '\(first.collection)' to \(first.target)"
        + (why.map { " (\($0))" } ?? "") + more,
      hint: "replicas stay where they were: see 'thumbprint cluster moves', and try again")
  }
}
