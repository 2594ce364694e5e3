import ArgumentParser

/// An error as the user is told: one line that names what, where and the bound, perhaps a hint,
/// and the status that the shell gets.
public struct CommandError: Error, Equatable, Sendable {
  public var status: ExitStatus
  public var message: String
  public var hint: String?
  /// What lies behind it, shown with `--verbose`.
  public var cause: String?

  public init(
    _ status: ExitStatus, _ message: String, hint: String? = nil, cause: String? = nil
  ) {
    self.status = status
    self.message = message
    self.hint = hint
    self.cause = cause
  }

  /// A flag whose value is not allowed.
  static func flag(_ flag: String, _ problem: String, hint: String? = nil) -> CommandError {
    CommandError(.usage, "\(flag): \(problem)", hint: hint)
  }

  /// The same error, with the flag in front whose value led to it.
  func naming(_ flag: String) -> CommandError {
    var named = self
    named.message = "\(flag): \(message)"
    return named
  }

  /// The lines for standard error. Whatever stands in a message, it stays one line.
  public func text(verbose: Bool) -> String {
    let kind = status == .interrupted ? "stopped" : "error"
    var text = "thumbprint: \(kind): \(Text.oneLine(message))\n"
    if verbose, let cause { text += "  cause: \(Text.oneLine(cause))\n" }
    if let hint { text += "  hint: \(Text.oneLine(hint))\n" }
    return text
  }
}

extension ValidationError {
  /// The same error where the parser wants one of its own; the hint travels behind a line break.
  init(_ error: CommandError) {
    self.init([error.message, error.hint].compactMap(\.self).joined(separator: "\n"))
  }
}
