/// Why a network, a weight file or a checkpoint was refused.
public struct NetsError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String {
      case invalidSpec, malformedFile, missingTensor, wrongShape, wrongType, mismatch, io
    }
    private let kind: Kind

    /// A network description that cannot be built.
    public static let invalidSpec = Code(kind: .invalidSpec)
    /// A file that breaks the rules of its format.
    public static let malformedFile = Code(kind: .malformedFile)
    /// A tensor that was asked for by name is not in the file.
    public static let missingTensor = Code(kind: .missingTensor)
    /// A tensor has another shape than the network needs.
    public static let wrongShape = Code(kind: .wrongShape)
    /// A tensor's elements cannot be read as floats.
    public static let wrongType = Code(kind: .wrongType)
    /// A checkpoint belongs to another network or another training run.
    public static let mismatch = Code(kind: .mismatch)
    /// The operating system refused to read or write a file.
    public static let io = Code(kind: .io)

    public var description: String { kind.rawValue }
  }

  public let code: Code
  /// One line that says what was found, where, and what was expected.
  public let message: String
  /// The file concerned, if any.
  public let path: String?

  public init(_ code: Code, _ message: String, path: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
  }

  public var description: String {
    path.map { "'\($0)': \(message)" } ?? message
  }
}
