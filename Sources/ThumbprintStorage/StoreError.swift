import Glibc

/// Why an operation on a store failed: one line that names what, where and the bound.
public struct StoreError: Error, Sendable, Hashable {
  /// The kind of a failure. New kinds may be added.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    /// The kinds, so that a table over them inside this package can be checked for completeness.
    package enum Value: String, CaseIterable, Sendable {
      case notFound, exists, corrupt, invalid, diskFull, locked, io, coderMismatch
      case unsupportedVersion, cancelled, closed, staleTerm, outOfOrder, diverged, damagedTransfer
    }
    package let value: Value

    /// There is no such store, collection or file.
    public static let notFound = Code(value: .notFound)
    /// A collection of this name is there already.
    public static let exists = Code(value: .exists)
    /// Stored bytes are damaged; the shard refuses writes.
    public static let corrupt = Code(value: .corrupt)
    /// A value given by the caller is out of its bounds.
    public static let invalid = Code(value: .invalid)
    /// The disk, or the share of it that this process may use, is full. Nothing is lost.
    public static let diskFull = Code(value: .diskFull)
    /// Another process writes this store, or this process has it open already.
    public static let locked = Code(value: .locked)
    /// The operating system failed to read or write.
    public static let io = Code(value: .io)
    /// The codes were made by another coder than those of the collection.
    public static let coderMismatch = Code(value: .coderMismatch)
    /// The file has a format version that this program does not know.
    public static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// The caller asked to stop. What was acknowledged stays.
    public static let cancelled = Code(value: .cancelled)
    /// The store was closed before the operation began.
    public static let closed = Code(value: .closed)

    /// The replica has promised a later term, or its log is in another. Nothing was written.
    public static let staleTerm = Code(value: .staleTerm)
    /// Operations of another replica do not follow on what this one has. Nothing was written.
    public static let outOfOrder = Code(value: .outOfOrder)
    /// Replicas with equal logs would hold different records; this one must be copied anew.
    public static let diverged = Code(value: .diverged)
    /// Bytes from another replica are damaged, or of another shard. Nothing of them was written.
    public static let damagedTransfer = Code(value: .damagedTransfer)

    public var description: String { value.rawValue }
  }

  public var code: Code
  public var message: String
  /// The file or folder concerned.
  public var path: String?
  /// What the reader can do about it.
  public var hint: String?

  public init(_ code: Code, _ message: String, path: String? = nil, hint: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
    self.hint = hint
  }

  /// Damaged bytes: where they are, what was to be there and what is.
  static func corrupt(
    path: String, _ place: String, expected: some CustomStringConvertible,
    found: some CustomStringConvertible
  ) -> StoreError {
    StoreError(
      .corrupt, "\(place): expected \(expected), found \(found)", path: path,
      hint: "restore this file from a copy, or drop the collection and load it again")
  }

  /// A failed call of the operating system, by its error number.
  static func system(_ number: Int32, _ doing: String, path: String) -> StoreError {
    let full = number == ENOSPC || number == EDQUOT || number == EFBIG
    return StoreError(
      full ? .diskFull : number == ENOENT ? .notFound : .io,
      "\(doing): \(String(cString: strerror(number)))", path: path)
  }
}

extension StoreError: CustomStringConvertible {
  public var description: String {
    if let path { return "\(path): \(message)" }
    return message
  }
}
