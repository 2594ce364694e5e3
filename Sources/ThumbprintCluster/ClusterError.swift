/// Why something asked of the cluster was refused: one line that names what, where and the bound.
public struct ClusterError: Error, Sendable, Hashable {
  /// The kind of a refusal. New kinds may be added.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    /// The kinds, so that a table over them inside this package can be checked for completeness.
    package enum Value: String, CaseIterable, Sendable {
      case notFound, exists, invalid, conflict, unavailable, busy, coderMismatch
    }
    package let value: Value

    /// There is no such worker, collection, shard or move.
    public static let notFound = Code(value: .notFound)
    /// Something of this name is there already.
    public static let exists = Code(value: .exists)
    /// A value is out of its bounds, or a map contradicts itself.
    public static let invalid = Code(value: .invalid)
    /// The cluster is not, or no longer, in the state that this was meant for.
    public static let conflict = Code(value: .conflict)
    /// Too few workers are there, or the metadata store does not answer.
    public static let unavailable = Code(value: .unavailable)
    /// Something else has to end first.
    public static let busy = Code(value: .busy)
    /// The codes were made by another coder than those of the collection.
    public static let coderMismatch = Code(value: .coderMismatch)

    public var description: String { value.rawValue }
  }

  public var code: Code
  public var message: String
  /// What the reader can do about it.
  public var hint: String?

  public init(_ code: Code, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}

extension ClusterError: CustomStringConvertible {
  public var description: String { message }
}
