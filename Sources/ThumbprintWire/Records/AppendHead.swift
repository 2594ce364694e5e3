import ThumbprintCodes

/// What has to be known of an ``AppendRequest`` to pass its body on as it is.
public struct AppendHead: Sendable, Hashable {
  public var shard: ShardKey
  public var coder: CoderIdentity?
  public var isDelete: Bool

  /// Reads the beginning of a body; the rest is left to whoever carries it out.
  ///
  /// - Throws: `malformed`.
  public init(_ body: [UInt8]) throws(ServiceError) {
    var reader = WireReader(body, place: "append")
    try reader.begin(AppendLayout.self)
    shard = try reader.shardKey(
      AppendLayout.collectionHigh, AppendLayout.collectionLow, AppendLayout.shard)
    let kind: UInt8 = try reader.get(AppendLayout.kind, in: 1...2)
    isDelete = kind == 2
    let coderByteCount: UInt8 = reader.get(AppendLayout.coderByteCount)
    coder = try reader.identity(coderByteCount, "coder", CoderIdentity.init)
  }
}
