/// Why a picture could not be read or written.
public struct ImagesError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String { case unrecognized, truncated, damaged, tooLarge, unsupported, io }
    private let kind: Kind

    /// The bytes are neither PNG nor JPEG.
    public static let unrecognized = Code(kind: .unrecognized)
    /// The file ends before the picture does.
    public static let truncated = Code(kind: .truncated)
    /// The bytes break the rules of their format.
    public static let damaged = Code(kind: .damaged)
    /// The picture or its file is above a limit of ``DecodingLimits``.
    public static let tooLarge = Code(kind: .tooLarge)
    /// A kind of PNG or JPEG that is not read here.
    public static let unsupported = Code(kind: .unsupported)
    /// The operating system refused to read or write.
    public static let io = Code(kind: .io)

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
