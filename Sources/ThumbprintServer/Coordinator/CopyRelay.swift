import NIOCore
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// The copies of shards that clients read through this coordinator: each is kept by the worker that
/// opened it, under a number that the worker drew.
struct CopyRelay {
  struct Session {
    var worker: WorkerAddress
    /// ``Peer/connection`` of the client: nobody else may read it.
    var connection: UInt64
  }

  /// The most copies that one connection may have open.
  static let countMax = 8
  /// The most copies that all clients may have open at one worker: it keeps more, for followers.
  static let workerCountMax = 32

  private var sessions: [UInt64: Session] = [:]
  /// Those that a worker was asked to open and that it has not answered.
  private var opening: [Session] = []

  /// Notes that a copy is about to be opened; then comes ``ended(opening:for:)``.
  ///
  /// - Throws: `busy`.
  mutating func begin(
    at worker: WorkerAddress, for connection: UInt64
  ) throws(ServiceError) {
    let all = Array(sessions.values) + opening
    guard all.count(where: { $0.connection == connection }) < Self.countMax else {
      throw ServiceError(.busy, "\(Self.countMax) copies are open on this connection")
    }
    guard all.count(where: { $0.worker == worker }) < Self.workerCountMax else {
      throw ServiceError(.busy, "\(Self.workerCountMax) copies are read by clients from \(worker)")
    }
    opening.append(Session(worker: worker, connection: connection))
  }

  mutating func ended(opening worker: WorkerAddress, for connection: UInt64) {
    let index = opening.firstIndex { $0.worker == worker && $0.connection == connection }
    if let index { opening.remove(at: index) }
  }

  mutating func opened(_ session: UInt64, at worker: WorkerAddress, for connection: UInt64) {
    sessions[session] = Session(worker: worker, connection: connection)
  }

  /// Where a copy is kept; `nil` if it is not one of this client.
  func worker(of session: UInt64, for connection: UInt64) -> WorkerAddress? {
    guard let found = sessions[session], found.connection == connection else { return nil }
    return found.worker
  }

  mutating func closed(_ session: UInt64) { sessions[session] = nil }

  /// Forgets the copies of a client that is gone, and returns them.
  mutating func disconnected(_ connection: UInt64) -> [(session: UInt64, worker: WorkerAddress)] {
    let gone = sessions.filter { $0.value.connection == connection }
    for session in gone.keys { sessions[session] = nil }
    return gone.map { ($0.key, $0.value.worker) }
  }
}

extension CoordinatorCore {
  /// Opens a copy at the primary of now, whatever term the client names: it cannot know.
  func openCopy(_ open: CopyOpenRequest, _ request: ServerRequest) throws(ServiceError) {
    guard let entry = map.shards[open.shard], let address = address(of: entry.primary) else {
      throw ServiceError(.notFound, "there is no shard \(open.shard)")
    }
    let connection = request.peer.connection
    try copies.begin(at: address, for: connection)
    let received = receiver {
      (core: CoordinatorCore, result: Result<CopyOpenReply, ServiceError>) in
      core.copies.ended(opening: address, for: connection)
      do throws(ServiceError) {
        let reply = try result.get()
        if request.isCancelled {
          core.closeCopy(reply.session, at: address)
        } else {
          core.copies.opened(reply.session, at: address, for: connection)
          request.answer(reply)
        }
      } catch {
        request.fail(error)
      }
    }
    network.start(
      OutgoingRequest(
        CopyOpenRequest(shard: open.shard, term: entry.term),
        traceID: request.frame.header.traceID, timeout: timeLeft(request), completion: received),
      to: address)
  }

  /// Passes a read on as it came, and its answer back.
  func readCopy(_ read: CopyReadRequest, _ request: ServerRequest) throws(ServiceError) {
    try relay(request, of: read.session)
  }

  func closeCopy(_ close: CopyCloseRequest, _ request: ServerRequest) throws(ServiceError) {
    try relay(request, of: close.session)
    copies.closed(close.session)
  }

  /// Lets go of the copies of a client that is gone.
  func closeCopies(of connection: UInt64) {
    for (session, worker) in copies.disconnected(connection) { closeCopy(session, at: worker) }
  }

  private func relay(_ request: ServerRequest, of session: UInt64) throws(ServiceError) {
    guard let worker = copies.worker(of: session, for: request.peer.connection) else {
      throw ServiceError(.notFound, "there is no copy \(session) here; begin another")
    }
    let frame = request.frame
    let received = receiver { (core: CoordinatorCore, result: Result<Frame, ServiceError>) in
      do throws(ServiceError) {
        let answer = try result.get()
        if answer.header.type == .error { throw try ErrorMessage.decoded(answer.body).error }
        request.answer(type: answer.header.type, body: answer.body)
      } catch {
        // The worker has let go of it: so it does not count any more.
        if error.code == .notFound { core.copies.closed(session) }
        request.fail(error)
      }
    }
    network.start(
      OutgoingRequest(
        type: frame.header.type, body: frame.body, traceID: frame.header.traceID,
        timeout: timeLeft(request), completion: received), to: worker)
  }

  private func closeCopy(_ session: UInt64, at worker: WorkerAddress) {
    network.start(
      OutgoingRequest(CopyCloseRequest(session: session), timeout: .seconds(5)) { _ in },
      to: worker)
  }

  private func timeLeft(_ request: ServerRequest) -> TimeAmount {
    max(.milliseconds(1), MonotonicInstant.now.duration(to: deadline(of: request))).timeAmount
  }
}
