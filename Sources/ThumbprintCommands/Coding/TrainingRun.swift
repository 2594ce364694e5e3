import Foundation

/// The part of every training that has nothing to do with networks: progress, checkpoints from time
/// to time, and stopping when the user asks.
struct TrainingRun {
  /// Seconds between two checkpoints.
  static let checkpointInterval = 60.0

  let checkpoint: String
  let label: String
  let log: LogOptions

  /// Goes on from the checkpoint, if there is one.
  func resume(_ restore: (String) throws -> Void) throws {
    guard FileManager.default.fileExists(atPath: checkpoint) else { return }
    try restore(checkpoint)
    log.note("\(label): going on from \(checkpoint)")
  }

  /// Takes steps until `step` returns `nil`.
  ///
  /// - Parameters:
  ///   - write: Writes a checkpoint.
  ///   - step: Takes one step; returns how many are done and what to show.
  func loop(
    stepCount: Int, write: (String) throws -> Void, step: () throws -> (Int, String)?
  ) throws {
    let progress = Progress(label, total: stepCount, noun: "steps", quiet: log.quiet)
    defer { progress.finish() }
    var lastWrite = Progress.now
    while let (done, text) = try step() {
      progress.moved(to: done, detail: text)
      let isInterrupted = Interrupt.isRequested
      if isInterrupted || Progress.now - lastWrite > Self.checkpointInterval {
        try write(checkpoint)
        lastWrite = Progress.now
      }
      if isInterrupted {
        throw CommandError(
          .interrupted, "\(Text.grouped(done)) of \(Text.grouped(stepCount)) steps are done",
          hint: "to go on, run the same command again")
      }
    }
  }

  /// Removes the checkpoint of a run that is done.
  func clean() {
    try? FileManager.default.removeItem(atPath: checkpoint)
  }
}
