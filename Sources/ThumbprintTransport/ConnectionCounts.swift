import ThumbprintWire

/// What a server has seen since it began.
public struct ConnectionCounts: Sendable, Hashable {
  /// Connections that were let in.
  public var accepted = 0
  /// Requests that were answered with what they asked for.
  public var answered = 0
  /// Requests that were answered with an error.
  public var failed = 0
  /// Connections that were ended for breaking a rule or a limit, by ``refusalReasons``.
  public var refused: [String: Int] = [:]

  /// The codes of errors that end connections; `other` stands for all that are not named.
  public static let refusalReasons =
    [
      ServiceError.Code.malformed, .unsupportedVersion, .tooLarge, .unknownMessage, .refused,
      .wrongCluster, .coderMismatch, .busy, .tooSlow,
    ].map(\.description) + ["other"]

  mutating func refuse(_ code: ServiceError.Code) {
    let reason = code.description
    refused[Self.refusalReasons.contains(reason) ? reason : "other", default: 0] += 1
  }
}
