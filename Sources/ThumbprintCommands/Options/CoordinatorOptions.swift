import ArgumentParser
import Foundation

/// Which cluster, and how long to wait for it.
struct CoordinatorOptions: ParsableArguments {
  /// The environment variable that names the coordinator when no flag does.
  static let variable = "THUMBPRINT_COORDINATOR"
  /// A day, which is also the longest deadline of the protocol.
  private static let timeoutMax = 86_400

  @Option(
    help: ArgumentHelp(
      "The cluster whose coordinator listens here (default: $\(Self.variable)).",
      valueName: "host:port"))
  var coordinator: String?

  @Option(
    help: ArgumentHelp("How long to wait for one answer of the cluster.", valueName: "seconds"))
  var timeout = 60

  @OptionGroup var security: SecurityOptions

  mutating func validate() throws {
    if let coordinator, CoordinatorAddress(coordinator) == nil {
      throw ValidationError(Self.wrong(coordinator, from: "--coordinator"))
    }
    guard (1...Self.timeoutMax).contains(timeout) else {
      throw ValidationError("--timeout: \(timeout) is not in 1...\(Self.timeoutMax)")
    }
  }

  /// What the variable says; `nil` if it is not set, or empty.
  static var named: String? {
    let text = ProcessInfo.processInfo.environment[variable] ?? ""
    return text.isEmpty ? nil : text
  }

  /// The coordinator that the flag or the variable names; `nil` if none does.
  var address: CoordinatorAddress? {
    get throws {
      guard let text = coordinator ?? Self.named else { return nil }
      guard let address = CoordinatorAddress(text) else {
        throw Self.wrong(text, from: coordinator == nil ? Self.variable : "--coordinator")
      }
      return address
    }
  }

  private static func wrong(_ text: String, from source: String) -> CommandError {
    CommandError.flag(
      source, "'\(Text.cut(text, to: 80))' is not HOST:PORT", hint: "for example 127.0.0.1:7700")
  }

  /// Calls `body` with a connection to the coordinator, and closes it whatever happens.
  func with<R>(_ body: (ClusterSession) throws -> R) throws -> R {
    guard let address = try address else {
      throw CommandError(
        .usage, "--coordinator: this needs a cluster",
        hint: "give --coordinator HOST:PORT, or set \(Self.variable)")
    }
    return try with(address, body)
  }

  func with<R>(_ address: CoordinatorAddress, _ body: (ClusterSession) throws -> R) throws -> R {
    try ClusterSession.with(
      address, timeout: .seconds(timeout), security: try security.security, body)
  }
}
