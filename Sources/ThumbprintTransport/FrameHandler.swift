import NIOCore
import ThumbprintWire

/// Turns the bytes of a connection into frames. Frames are written as bytes by whoever makes them.
final class FrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = Frame

  private var decoder: FrameDecoder
  private var hasFailed = false
  private var isFirst = true
  /// When the frame began that has not ended.
  private(set) var frameBegan: NIODeadline?

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
          context.fireChannelRead(wrapInboundOut(frame))
        }
      }
    } catch {
      hasFailed = true
      context.fireErrorCaught(error)
    }
    if !decoder.isWithinFrame {
      frameBegan = nil
    } else if frameBegan == nil {
      frameBegan = .now()
    }
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
