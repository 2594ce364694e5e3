import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

extension ServiceError {
  /// What a caller far away is told of a failure of storage. The path stays here, for the log.
  init(_ error: StoreError) {
    self.init(ServiceError.code(of: error.code), error.message, hint: error.hint)
  }

  /// Any error of this package.
  init(any error: any Error) {
    switch error {
    case let error as ServiceError: self = error
    case let error as StoreError: self.init(error)
    default: self.init(.internalError, "an unexpected failure: \(error)")
    }
  }

  private static func code(of code: StoreError.Code) -> Code {
    switch code.value {
    case .notFound: .notHere
    case .exists: .exists
    case .corrupt, .unsupportedVersion, .diverged, .damagedTransfer: .corrupt
    case .invalid: .invalid
    case .diskFull: .diskFull
    case .locked: .locked
    case .io: .io
    case .coderMismatch: .coderMismatch
    case .cancelled: .cancelled
    case .closed: .notHere
    case .staleTerm: .staleTerm
    case .outOfOrder: .conflict
    }
  }

  /// What a refusal is to the one who asked.
  init(_ refusal: ReplicaRefusal, shard: ShardKey, worker: WorkerName) {
    switch refusal {
    case .notPrimary(let known, let term):
      let who = known.map { "; worker \($0) is" } ?? ""
      self.init(
        .notPrimary, "worker \(worker) is not the primary of shard \(shard) in term \(term)\(who)")
    case .staleTerm(let known):
      self.init(
        .staleTerm, "worker \(worker) knows term \(known) of shard \(shard); the request is older")
    case .notInSync:
      self.init(.notHere, "the replica of shard \(shard) on worker \(worker) is not in sync")
    case .copying:
      self.init(.notHere, "worker \(worker) is still copying shard \(shard)")
    case .notReady:
      self.init(.unavailable, "shard \(shard) is not ready yet on worker \(worker)")
    case .busy:
      self.init(.busy, "too many writes to shard \(shard) wait on worker \(worker)")
    case .outcomeUnknown:
      self.init(
        .unavailable,
        "it is not known whether every replica of shard \(shard) has the write",
        hint: "write it again: what is stored already stays as it is")
    case .failed:
      self.init(.io, "worker \(worker) failed to write shard \(shard)")
    }
  }

  static func notHere(_ shard: ShardKey, worker: WorkerName) -> ServiceError {
    ServiceError(.notHere, "worker \(worker) does not hold shard \(shard)")
  }

  static func late(_ what: String) -> ServiceError {
    ServiceError(.deadlineExceeded, "the deadline of \(what) passed before it began")
  }

  static let tooMuch = ServiceError(.busy, "as many requests wait here as this worker takes")
}
