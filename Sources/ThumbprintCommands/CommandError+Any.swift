import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

// The one place that turns the errors of every layer into an exit status and a line.
extension CommandError {
  /// What the user is told of any error: never fails, whatever the error.
  public init(any error: any Error) {
    switch error {
    case let error as CommandError: self = error
    case let error as StoreError: self.init(error)
    case let error as CodedDatasetError: self.init(error)
    case let error as ServiceError: self.init(error)
    default:
      self =
        Self.coding(error) ?? Self.parsing(error)
        ?? CommandError(
          .internalError, "\(error)",
          hint: "this is a defect of thumbprint: please report it with the command you ran")
    }
  }

  /// The exit status of each kind of failure of a store.
  package static func status(of kind: StoreError.Code.Value) -> ExitStatus {
    switch kind {
    case .notFound, .exists, .invalid: .usage
    case .corrupt, .coderMismatch, .unsupportedVersion, .diverged, .damagedTransfer: .badData
    case .locked, .staleTerm, .outOfOrder: .unavailable
    case .closed: .internalError
    case .diskFull, .io: .inputOutput
    case .cancelled: .interrupted
    }
  }

  /// The exit status of each kind of failure of a dataset or an array.
  package static func status(of kind: CodedDatasetError.Code.Value) -> ExitStatus {
    switch kind {
    case .notFound, .exists: .usage
    case .notAFile, .incomplete, .malformed, .unsupportedVersion, .truncated, .trailingBytes,
      .tooLarge, .elementTypeMismatch, .orderMismatch, .shapeMismatch, .countMismatch,
      .invalidName, .invalidTags, .negativeID, .duplicateID, .digestMismatch:
      .badData
    case .diskFull, .io: .inputOutput
    }
  }

  private init(_ error: StoreError) {
    self.init(
      Self.status(of: error.code.value), error.description, hint: error.hint,
      cause: "store error '\(error.code)'")
  }

  private init(_ error: CodedDatasetError) {
    self.init(
      Self.status(of: error.code.value), error.description, hint: error.hint,
      cause: "dataset error '\(error.code)'")
  }

  /// An error of the command line itself; `nil` if it is none.
  private static func parsing(_ error: any Error) -> CommandError? {
    guard Thumbprint.exitCode(for: error) == .validationFailure else { return nil }
    let lines = Thumbprint.message(for: error).split(separator: "\n", maxSplits: 1)
    // The parser ends its usage text with "See 'thumbprint query --help' for more information."
    let advice = Thumbprint.fullMessage(for: error).split(separator: "\n").last
      .flatMap { $0.firstMatch(of: /See ('.*')/) }.map { "see \($0.output.1)" }
    return CommandError(
      .usage, lines.first.map(String.init) ?? "the command line is not complete",
      hint: lines.count > 1 ? String(lines[1]) : advice)
  }
}
