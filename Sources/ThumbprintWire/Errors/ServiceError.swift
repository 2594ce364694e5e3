/// Why a worker or a coordinator did not do what it was asked, or why it could not be asked: one
/// line that names what, where and the bound.
public struct ServiceError: Error, Sendable, Hashable {
  public var code: Code
  public var message: String
  /// What the reader can do about it.
  public var hint: String?
  /// Whether the same request may succeed a little later, here or elsewhere, and does no harm if
  /// it was carried out after all.
  public var isRetryable: Bool

  /// - Parameter isRetryable: `nil` for what is usual for the code.
  public init(
    _ code: Code, _ message: String, hint: String? = nil, isRetryable: Bool? = nil
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.isRetryable = isRetryable ?? code.value.isUsuallyRetryable
  }
}

extension ServiceError: CustomStringConvertible {
  public var description: String { message }
}

extension ServiceError {
  /// The kind of a failure. New kinds may be added.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    package let value: Value

    package init(_ value: Value) { self.value = value }

    public var description: String { value.rawValue }

    /// The status with which a command ends that met this error.
    public var exitStatus: Int32 { value.exitStatus }
    /// The status of an HTTP answer that reports this error.
    public var httpStatus: Int { value.httpStatus }

    /// Bytes that break the rules of the protocol.
    public static let malformed = Code(.malformed)
    /// No version of the protocol is known to both sides.
    public static let unsupportedVersion = Code(.unsupportedVersion)
    /// A message is longer, or an answer would be longer, than one message may be.
    public static let tooLarge = Code(.tooLarge)
    /// A message of a type that the receiver does not answer.
    public static let unknownMessage = Code(.unknownMessage)
    /// The receiver does not talk to this peer.
    public static let refused = Code(.refused)
    /// The peer belongs to another cluster.
    public static let wrongCluster = Code(.wrongCluster)
    /// The codes were made by another coder than those of the collection.
    public static let coderMismatch = Code(.coderMismatch)
    /// Too much is under way already.
    public static let busy = Code(.busy)
    /// The answer was not there in time.
    public static let deadlineExceeded = Code(.deadlineExceeded)
    /// The caller took the request back.
    public static let cancelled = Code(.cancelled)
    /// The process is about to end.
    public static let shuttingDown = Code(.shuttingDown)
    /// There is no such collection, worker, move or session.
    public static let notFound = Code(.notFound)
    /// There is one already.
    public static let exists = Code(.exists)
    /// A value is out of its bounds.
    public static let invalid = Code(.invalid)
    /// Stored bytes are damaged.
    public static let corrupt = Code(.corrupt)
    /// The disk is full.
    public static let diskFull = Code(.diskFull)
    /// The operating system failed to read or write.
    public static let io = Code(.io)
    /// A defect of the program.
    public static let internalError = Code(.internalError)
    /// No replica that could answer is alive, or nobody answers at the address.
    public static let unavailable = Code(.unavailable)
    /// The worker holds the shard, and another one writes it.
    public static let notPrimary = Code(.notPrimary)
    /// The request is of a term that has ended.
    public static let staleTerm = Code(.staleTerm)
    /// The worker does not hold the shard.
    public static let notHere = Code(.notHere)
    /// Another change of the cluster stands in the way.
    public static let conflict = Code(.conflict)
    /// The connection ended before the answer; what was asked may have been done.
    public static let disconnected = Code(.disconnected)
    /// The peer was too slow to say what it wants.
    public static let tooSlow = Code(.tooSlow)
    /// Another process has the files.
    public static let locked = Code(.locked)
  }
}

// The one map from errors to the numbers that they have elsewhere.
extension ServiceError.Code {
  package enum Value: String, CaseIterable, Sendable {
    case malformed, unsupportedVersion, tooLarge, unknownMessage, refused, wrongCluster
    case coderMismatch, busy, deadlineExceeded, cancelled, shuttingDown, notFound, exists
    case invalid, corrupt, diskFull, io, internalError, unavailable, notPrimary, staleTerm
    case notHere, conflict, disconnected, tooSlow, locked

    /// The number on the wire. Numbers are never used again.
    package var wireNumber: UInt16 {
      switch self {
      case .malformed: 1
      case .unsupportedVersion: 2
      case .tooLarge: 3
      case .unknownMessage: 4
      case .refused: 5
      case .wrongCluster: 6
      case .coderMismatch: 7
      case .busy: 8
      case .deadlineExceeded: 9
      case .cancelled: 10
      case .shuttingDown: 11
      case .notFound: 12
      case .exists: 13
      case .invalid: 14
      case .corrupt: 15
      case .diskFull: 16
      case .io: 17
      case .internalError: 18
      case .unavailable: 19
      case .notPrimary: 20
      case .staleTerm: 21
      case .notHere: 22
      case .conflict: 23
      case .disconnected: 24
      case .tooSlow: 25
      case .locked: 26
      }
    }

    package var httpStatus: Int {
      switch self {
      case .malformed, .unsupportedVersion, .unknownMessage, .invalid: 400
      case .refused, .wrongCluster: 403
      case .notFound: 404
      case .cancelled, .tooSlow: 408
      case .exists, .coderMismatch, .staleTerm, .conflict: 409
      case .tooLarge: 413
      case .notPrimary, .notHere: 421
      case .locked: 423
      case .busy: 429
      case .corrupt, .io, .internalError: 500
      case .disconnected: 502
      case .shuttingDown, .unavailable: 503
      case .deadlineExceeded: 504
      case .diskFull: 507
      }
    }

    package var exitStatus: Int32 {
      switch self {
      case .notFound, .exists, .invalid, .wrongCluster, .tooLarge: 64
      case .malformed, .unsupportedVersion, .coderMismatch, .corrupt: 65
      case .refused, .busy, .deadlineExceeded, .shuttingDown, .unavailable, .notPrimary,
        .staleTerm, .notHere, .conflict, .disconnected, .tooSlow, .locked:
        69
      case .unknownMessage, .internalError: 70
      case .diskFull, .io: 74
      case .cancelled: 130
      }
    }

    package var isUsuallyRetryable: Bool {
      switch self {
      case .busy, .shuttingDown, .unavailable, .notPrimary, .staleTerm, .notHere, .disconnected,
        .deadlineExceeded:
        true
      case .malformed, .unsupportedVersion, .tooLarge, .unknownMessage, .refused, .wrongCluster,
        .coderMismatch, .cancelled, .notFound, .exists, .invalid, .corrupt, .diskFull, .io,
        .internalError, .conflict, .tooSlow, .locked:
        false
      }
    }

    /// The kind of a number, `nil` for one that this program does not know.
    package init?(wireNumber: UInt16) {
      guard let value = Self.byNumber[wireNumber] else { return nil }
      self = value
    }

    private static let byNumber = Dictionary(
      uniqueKeysWithValues: allCases.map { ($0.wireNumber, $0) })
  }
}

extension ServiceError {
  /// Bytes that break the rules, `place` saying which.
  static func malformed(
    _ place: some CustomStringConvertible, expected: some CustomStringConvertible,
    found: some CustomStringConvertible
  ) -> ServiceError {
    ServiceError(.malformed, "\(place): expected \(expected), found \(found)")
  }
}
