import ThumbprintClient
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// Some bytes of an item of a copy.
struct CopyPart: Sendable {
  var item: Int
  var offset: Int
  var byteCount: Int
}

/// One state of a shard that is being read.
protocol ShardCopyReader {
  /// What there is to be copied, as storage writes it.
  var manifest: [UInt8] { get }
  /// The bytes of parts, in their order.
  func read(_ parts: [CopyPart]) throws -> [[UInt8]]
  func close()
}

/// A shard of a store in this process.
struct StoredShardReader: ShardCopyReader {
  let source: ShardCopySource

  var manifest: [UInt8] { source.manifest }

  func read(_ parts: [CopyPart]) throws -> [[UInt8]] {
    try parts.map { try source.read(item: $0.item, offset: $0.offset, count: $0.byteCount) }
  }

  func close() {}
}

/// A shard of a cluster, read from its primary through the coordinator.
struct ClusterShardReader: ShardCopyReader {
  private let session: ClusterSession
  private let opened: CopyOpenReply

  var manifest: [UInt8] { opened.manifest }

  init(_ session: ClusterSession, _ shard: ShardKey) throws {
    self.session = session
    var opened = try session.ask(CopyOpenRequest(shard: shard, term: Term(0)))
    while let next = opened.manifestRead { try opened.add(try session.ask(next)) }
    self.opened = opened
  }

  func read(_ parts: [CopyPart]) throws -> [[UInt8]] {
    let (client, copy) = (session.client, opened.session)
    return try ClusterSession.wait {
      try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
        for (index, part) in parts.enumerated() {
          group.addTask {
            let reply = try await client.ask(
              CopyReadRequest(
                session: copy, item: UInt32(part.item), offset: UInt64(part.offset),
                byteCountMax: max(1, part.byteCount)))
            return (index, reply.bytes)
          }
        }
        var all = [[UInt8]](repeating: [], count: parts.count)
        for try await (index, bytes) in group { all[index] = bytes }
        return all
      }
    }
  }

  func close() {
    // Whoever keeps the copy lets go of it by itself when nobody reads it.
    _ = try? session.ask(CopyCloseRequest(session: opened.session))
  }
}
