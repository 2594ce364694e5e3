/// How the program ends, as the shell sees it; listed in docs/reference/errors.md.
public enum ExitStatus: Int32, CaseIterable, Sendable {
  /// All that was asked for is done.
  case done = 0
  /// The command line asks for something that cannot be: a wrong flag, value or name.
  case usage = 64
  /// A file, a dataset or a store is not what it has to be.
  case badData = 65
  /// What was asked for is in use by another process, or a cluster does not answer.
  case unavailable = 69
  /// A defect of this program.
  case internalError = 70
  /// Reading or writing failed, or the disk is full.
  case inputOutput = 74
  /// Stopped by the user; what was reported as durable is.
  case interrupted = 130
}
