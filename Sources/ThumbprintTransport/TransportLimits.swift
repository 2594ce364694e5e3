import NIOCore
import ThumbprintWire

/// The bounds that a side of a connection holds its peers to.
public struct TransportLimits: Sendable {
  /// The most connections that are served at once; further ones are told so and closed.
  public var connectionCountMax = 4096
  /// The most requests under way on one connection; further ones are answered `busy`.
  public var inFlightCountMax = 256
  /// The bytes of requests under way on one connection beyond which no more is read from it.
  public var inFlightByteCountMax = 64 << 20
  /// The bytes of answers that a peer leaves unread before its connection is closed.
  public var unreadByteCountMax = 256 << 20
  /// How long a new connection may take to say `hello` and, for the side that opens it, to be
  /// established and welcome.
  public var handshakeTimeout = TimeAmount.seconds(5)
  /// How long a frame may take from its first byte to its last, or, if it is large, each 256 KiB of
  /// it. The time while a server itself does not read does not count.
  public var frameTimeout = TimeAmount.seconds(30)
  /// How long a connection without a request under way may be silent.
  public var idleTimeout = TimeAmount.minutes(10)
  /// How long a server that owes an answer may be silent before it is asked whether it is there,
  /// and how long it may take to say so once it has taken what was sent before. Bytes of a message
  /// that is still coming break the silence.
  public var silenceMax = TimeAmount.seconds(2)
  /// How often a server looks at the first three times.
  public var tick = TimeAmount.milliseconds(500)
  /// A request that takes longer is logged; `nil` for none. Questions that wait for something to
  /// happen are never slow.
  public var slowRequestTime: TimeAmount?
  /// Lines about peers that are logged in ``logWindow``; of further ones only the number is.
  public var logLineCountMax = 50
  public var logWindow = TimeAmount.seconds(10)

  public init() {}
}
