import Synchronization
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// The copies that others make of replicas here. Each keeps one state of its shard.
final class CopySources: Sendable {
  private struct Session: Sendable {
    var shard: ShardKey
    var source: ShardCopySource
    var lastUse: MonotonicInstant
  }

  private let countMax: Int
  private let sessions = Mutex<[UInt64: Session]>([:])

  /// The most bytes of a manifest that come with the answer which opens a copy.
  private let manifestPartByteCount: Int

  init(countMax: Int, manifestPartByteCount: Int) {
    self.countMax = countMax
    self.manifestPartByteCount = manifestPartByteCount
  }

  func open(_ shard: ShardKey, _ source: ShardCopySource) throws -> CopyOpenReply {
    let session = UInt64.random(in: 1...UInt64.max)
    try sessions.withLock { sessions in
      guard sessions.count < countMax else {
        throw ServiceError(.busy, "\(countMax) copies are read from this worker already")
      }
      sessions[session] = Session(shard: shard, source: source, lastUse: .now)
    }
    return CopyOpenReply(
      session: session, manifest: source.manifest, partByteCountMax: manifestPartByteCount)
  }

  func read(_ request: CopyReadRequest) throws -> CopyReadReply {
    let source = sessions.withLock { sessions in
      sessions[request.session]?.lastUse = .now
      return sessions[request.session]?.source
    }
    guard let source else {
      throw ServiceError(.notFound, "there is no copy \(request.session) here; begin another")
    }
    if request.item == CopyReadRequest.manifestItem {
      let rest = source.manifest.dropFirst(Int(request.offset))
      return CopyReadReply(
        bytes: Array(rest.prefix(min(request.byteCountMax, manifestPartByteCount))))
    }
    return CopyReadReply(
      bytes: try source.read(
        item: Int(request.item), offset: Int(request.offset), count: request.byteCountMax))
  }

  func close(_ session: UInt64) {
    // What goes last, goes outside the lock: it lets go of a file.
    _ = sessions.withLock { $0.removeValue(forKey: session) }
  }

  /// Lets go of the copies of a shard, or of all.
  func close(of shard: ShardKey?) {
    remove { shard == nil || $0.shard == shard }
  }

  /// Lets go of copies that nobody has read since `moment`.
  func closeIdle(since moment: MonotonicInstant) {
    remove { $0.lastUse < moment }
  }

  private func remove(_ isOver: @Sendable (Session) -> Bool) {
    _ = sessions.withLock { sessions in
      let removed = sessions.filter { isOver($0.value) }
      for session in removed.keys { sessions[session] = nil }
      return removed
    }
  }
}
