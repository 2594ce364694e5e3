import NIOCore
import ThumbprintWire

/// Turns the bytes of a connection into frames. Frames are written as bytes by whoever makes them.
final class FrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = Frame

  private var decoder: FrameDecoder
  private var hasFailed = false
  private var isFirst = true
  /// When the frame that has not ended began, or rather the part of it that is coming; `nil` between
  /// frames.
  private(set) var partBegan: NIODeadline?
  /// Bytes of that part.
  private var partLength = 0

  /// Bytes of a frame for which a peer has as much time as for a small frame: a large one may come
  /// over a slow link, but has to come.
  static let partByteCount = 256 << 10

  init(bodyByteCountMax: Int) {
    decoder = FrameDecoder(bodyByteCountMax: bodyByteCountMax)
  }

  /// The most bytes of a body; more are allowed after the handshake.
  var bodyByteCountMax: Int {
    get { decoder.bodyByteCountMax }
    set { decoder.bodyByteCountMax = newValue }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // After an error nothing tells where the next frame begins.
    if hasFailed { return }
    let buffer = unwrapInboundIn(data)
    var hasCompleted = false
    do {
      if isFirst, buffer.readableBytesView.first == SecurityGate.handshakeByte {
        throw ServiceError(
          .refused, "the peer speaks TLS, and this port does not",
          hint: "leave out --tls-certificate, --tls-key and --tls-authority")
      }
      isFirst = false
      try buffer.withUnsafeReadableBytes { bytes in
        var rest = bytes
        while !rest.isEmpty, !hasFailed {
          guard let frame = try decoder.next(&rest) else { break }
          hasCompleted = true
          context.fireChannelRead(wrapInboundOut(frame))
        }
      }
    } catch {
      hasFailed = true
      context.fireErrorCaught(error)
    }
    partLength += buffer.readableBytes
    if !decoder.isWithinFrame {
      partBegan = nil
    } else if partBegan == nil || hasCompleted || partLength >= Self.partByteCount {
      partBegan = context.eventLoop.now
      partLength = 0
    }
  }

  /// The time for the part that is coming begins now.
  func restartClock(_ now: NIODeadline) {
    if partBegan != nil { partBegan = now }
  }

  /// Takes no more frames: the connection is about to be closed.
  func stop() { hasFailed = true }
}

extension Frame {
  /// Header and body in one buffer.
  func buffer() -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: FrameHeader.byteCount + body.count)
    buffer.writeBytes(header.encoded(body: body))
    buffer.writeBytes(body)
    return buffer
  }
}
