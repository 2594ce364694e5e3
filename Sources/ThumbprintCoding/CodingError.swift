/// Why a coder or its training was refused.
public struct CodingError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String {
      case invalidRecipe, noPictures, invalidSet, malformedModel, diverged
    }
    private let kind: Kind

    /// A recipe asks for what cannot be trained.
    public static let invalidRecipe = Code(kind: .invalidRecipe)
    /// There are too few pictures.
    public static let noPictures = Code(kind: .noPictures)
    /// A set of pictures is not laid out in groups or classes.
    public static let invalidSet = Code(kind: .invalidSet)
    /// A model file is not one of this version, or contradicts itself.
    public static let malformedModel = Code(kind: .malformedModel)
    /// Training left the finite numbers.
    public static let diverged = Code(kind: .diverged)

    public var description: String { kind.rawValue }
  }

  public let code: Code
  /// One line that says what was found and what was expected.
  public let message: String
  /// The file concerned, if any.
  public let path: String?

  public init(_ code: Code, _ message: String, path: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
  }

  public var description: String { path.map { "'\($0)': \(message)" } ?? message }
}
