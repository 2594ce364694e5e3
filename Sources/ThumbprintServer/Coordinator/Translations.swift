import ThumbprintCluster
import ThumbprintCodes
import ThumbprintWire

// Between the words of the protocol and those of the machines, which do not know each other.

extension ServiceError {
  init(_ error: ClusterError) {
    let code: Code =
      switch error.code.value {
      case .notFound: .notFound
      case .exists: .exists
      case .invalid: .invalid
      case .conflict: .conflict
      case .unavailable: .unavailable
      case .busy: .busy
      case .coderMismatch: .coderMismatch
      }
    self.init(code, error.message, hint: error.hint)
  }
}

extension ReplicaRefusal {
  /// Why a worker did not search a shard, as far as the router has to know.
  init(_ code: ServiceError.Code) {
    switch code.value {
    case .notPrimary: self = .notPrimary(known: nil, term: .init(0))
    case .staleTerm: self = .staleTerm(known: .init(0))
    case .notHere: self = .notInSync
    case .unavailable, .shuttingDown, .disconnected, .tooSlow: self = .notReady
    case .busy, .deadlineExceeded, .cancelled: self = .busy
    case .malformed, .unsupportedVersion, .tooLarge, .unknownMessage, .refused, .wrongCluster,
      .coderMismatch, .notFound, .exists, .invalid, .corrupt, .diskFull, .io, .internalError,
      .conflict, .locked:
      self = .failed
    }
  }

  /// The same, for a client.
  var serviceCode: ServiceError.Code {
    switch self {
    case .notPrimary: .notPrimary
    case .staleTerm: .staleTerm
    case .notInSync, .copying: .notHere
    case .notReady, .outcomeUnknown: .unavailable
    case .busy: .busy
    case .failed: .io
    }
  }
}

extension Duration {
  /// Whole microseconds, as far as 32 bits go.
  var microseconds: UInt32 {
    let (seconds, attoseconds) = components
    return UInt32(clamping: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
  }
}
