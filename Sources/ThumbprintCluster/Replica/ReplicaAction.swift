import ThumbprintCodes

/// What the shell of a replica must do. It runs actions in their order, and tells the outcome of
/// those that name an event.
///
/// What goes to the disk of one replica (``ReplicaAction/createReplica(_:)``,
/// ``ReplicaAction/persistPromise(_:)``, ``ReplicaAction/beginTerm(_:)``,
/// ``ReplicaAction/write(_:term:)``, ``ReplicaAction/apply(_:term:)``, the end of a copy,
/// ``ReplicaAction/dropReplica``) runs one after the other in the order given. Reads may overtake.
public enum ReplicaAction: Hashable, Sendable {
  /// Make the files of an empty replica. Then `replicaCreated()` or `diskFailed`.
  case createReplica(ReplicaAssignment)
  /// Write down that no order of a term before `Term` is taken. Then `promisePersisted`.
  case persistPromise(Term)
  /// Write the entry that begins `Term`. Then `termBegun`.
  case beginTerm(Term)
  /// Write what came with this request. Then `writeCompleted` or `writeFailed`.
  case write(WriteID, term: Term)
  /// Tell the writer that it is written, at the position, on every replica that is in sync.
  case acknowledge(WriteID, LogPosition)
  /// Tell the writer why not.
  case refuse(WriteID, ReplicaRefusal)
  /// Read entries after a position, for the pull of this request. Then `logRead`.
  case readLog(RequestID, after: LogPosition, byteCountMax: Int)
  /// Answer a pull, with the entries read for it if the outcome says so.
  case replyToPull(RequestID, PullReply)
  /// Ask the primary. Then `pullReplied`, or `pullFailed` if the connection fails or is not there.
  case pull(RequestID, from: WorkerName, address: WorkerAddress, FollowerPull)
  /// Write the entries that came with this reply. Then `applied` or `applyFailed`.
  case apply(RequestID, term: Term)
  /// Copy from the primary, no faster than `byteRate` (0: no bound); pieces that are here already
  /// are kept. Then `copyProgressed` now and then, and `copyFinished` or `copyFailed` in the end.
  case startCopy(RequestID, from: WorkerName, address: WorkerAddress, term: Term, byteRate: Int)
  /// The copy of this request may take so many bytes a second from now on; 0 for no bound.
  case limitCopy(RequestID, byteRate: Int)
  /// The copy of this request is not wanted any more: if it is not in place yet, it must never be
  /// put there. No event of it is expected.
  case stopCopy(RequestID)
  /// Report to the coordinator without waiting for the next heartbeat.
  case reportSoon
  /// Delete the files. Then `replicaDropped()`.
  case dropReplica
}
