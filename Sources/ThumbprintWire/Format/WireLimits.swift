import ThumbprintCodes

/// The bounds of the protocol; those of one installation may be lower, none is higher.
public enum WireLimits {
  /// The version of the protocol that this program speaks, and the oldest that it understands.
  public static let version: UInt16 = 1
  public static let versionMin: UInt16 = 1
  /// The most bytes of the body of a message.
  public static let bodyByteCountMax = 16 << 20 | 64 << 10
  /// The most bytes of a body before the handshake is done.
  public static let handshakeByteCountMax = 1024
  /// The most bytes of rows and texts that an answer or a write is made to hold.
  public static let payloadByteCountMax = 16 << 20
  /// The most bytes of the request of an operation of administration.
  public static let adminByteCountMax = 64 << 10
  /// The most bytes of the manifest of a copy, and of the part of it that comes in one message.
  public static let manifestByteCountMax = 256 << 20
  public static let manifestPartByteCountMax = 8 << 20
  /// The most requests under way on one connection.
  public static let inFlightCountMax = 1024
  /// The longest deadline, in milliseconds: one day.
  public static let deadlineMillisecondsMax: UInt32 = 86_400_000
  /// The most queries of one search.
  public static let queryCountMax = 1024
  /// The most neighbours that one query may ask for.
  public static let nearestCountMax = 16_384
  /// The most shards of a collection.
  public static let shardCountMax = 1024
  /// The most rows of one write, or of one answer to a scan.
  public static let rowCountMax = 16_384
  /// The most ids of one delete or one fetch, and rows of the answer to it.
  public static let idCountMax = 65_536
  /// The most matches of one answer to a search.
  public static let matchCountMax = 1 << 20
  /// The most entries of one answer to a log pull.
  public static let logEntryCountMax = 4096
  /// The most bytes of the message, and of the hint, of an error.
  public static let errorTextByteCountMax = 2048
  /// The most bytes of the name of a program in a handshake.
  public static let programByteCountMax = 64

  /// Named for the page that documents them.
  package static let all: [(name: String, value: Int)] = [
    ("bytes of a body", bodyByteCountMax),
    ("bytes of a body before the handshake is done", handshakeByteCountMax),
    ("bytes of an operation of administration", adminByteCountMax),
    ("bytes of the manifest of a copy", manifestByteCountMax),
    ("bytes of a manifest in a copy open reply", manifestPartByteCountMax),
    ("requests under way on a connection", inFlightCountMax),
    ("milliseconds of a deadline", Int(deadlineMillisecondsMax)),
    ("queries of a search", queryCountMax),
    ("neighbours of a query", nearestCountMax),
    ("shards of a collection", shardCountMax),
    ("rows of a write or a scan reply", rowCountMax),
    ("ids of a delete or a fetch, rows of a fetch reply", idCountMax),
    ("matches of a search reply", matchCountMax),
    ("bytes of a name", RecordLimits.nameByteCountMax),
    ("bytes of the tags of a record", RecordLimits.tagsByteCountMax),
    ("entries of a log reply", logEntryCountMax),
    ("bytes of the message, or the hint, of an error", errorTextByteCountMax),
    ("bytes of the name of a worker", WorkerName.characterCountMax),
    ("bytes of a coder identity", CoderIdentity.characterCountMax),
    ("bytes of the name of a program", programByteCountMax),
  ]
}
