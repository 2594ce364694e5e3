/// Why an array or a coded dataset could not be read or written.
///
/// `description` is one line that starts with the path: `codes/ids.npy: expected …, found …`.
public struct CodedDatasetError: Error, Hashable, Sendable {
  /// What kind of failure this is; new kinds may be added.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The kinds, so that a table over them inside this package can be checked for completeness.
    package enum Value: String, CaseIterable, Sendable {
      case notFound, notAFile, incomplete, exists
      case malformed, unsupportedVersion, truncated, trailingBytes, tooLarge
      case elementTypeMismatch, orderMismatch, shapeMismatch, countMismatch
      case invalidName, invalidTags, negativeID, duplicateID, digestMismatch
      case diskFull, io
    }

    package let value: Value

    public var description: String { value.rawValue }

    /// There is nothing at the path.
    public static let notFound = Code(value: .notFound)
    /// Something other than a regular file or, where one is meant, a folder is at the path.
    public static let notAFile = Code(value: .notAFile)
    /// A folder with `dataset.json` lacks one of the other files.
    public static let incomplete = Code(value: .incomplete)
    /// Something is already at the path that was to be made.
    public static let exists = Code(value: .exists)
    /// The bytes break the rules of their format.
    public static let malformed = Code(value: .malformed)
    /// The format has a version that this code does not read.
    public static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// The file ends before what its header announces.
    public static let truncated = Code(value: .truncated)
    /// The file goes on after what its header announces.
    public static let trailingBytes = Code(value: .trailingBytes)
    /// A size is above a limit, or does not fit the address space.
    public static let tooLarge = Code(value: .tooLarge)
    /// An array holds elements of another type or byte order.
    public static let elementTypeMismatch = Code(value: .elementTypeMismatch)
    /// An array is in Fortran order: column after column.
    public static let orderMismatch = Code(value: .orderMismatch)
    /// An array has other dimensions than what it stands for.
    public static let shapeMismatch = Code(value: .shapeMismatch)
    /// The files of a dataset disagree on how many records there are.
    public static let countMismatch = Code(value: .countMismatch)
    /// A name is too long, not UTF-8, or wrongly escaped.
    public static let invalidName = Code(value: .invalidName)
    /// Tags are too long or not a JSON object of strings.
    public static let invalidTags = Code(value: .invalidTags)
    /// A signed id is below zero.
    public static let negativeID = Code(value: .negativeID)
    /// Two records have one id.
    public static let duplicateID = Code(value: .duplicateID)
    /// The records are not the ones that the dataset was written with.
    public static let digestMismatch = Code(value: .digestMismatch)
    /// The file system has no room left, or a quota is reached.
    public static let diskFull = Code(value: .diskFull)
    /// The operating system refused something else.
    public static let io = Code(value: .io)
  }

  public let code: Code
  /// What was expected and what was found, in one line without the path.
  public let message: String
  /// The file or folder that the message is about.
  public let path: String
  /// What may help, if there is something to say.
  public let hint: String?

  public init(_ code: Code, path: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
    self.hint = hint
  }
}

extension CodedDatasetError: CustomStringConvertible {
  public var description: String { "\(path): \(message)" }
}
