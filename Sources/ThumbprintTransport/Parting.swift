import NIOCore

extension ChannelHandlerContext {
  /// Says a last thing and ends the connection, once the other side had time to hear it.
  ///
  /// What comes until then has to be read and dropped by whoever calls this: a connection that is
  /// closed with bytes unread takes what was said last with it.
  ///
  /// - Parameters:
  ///   - words: `nil` if they are on their way.
  ///   - promise: Completed when the connection is closed.
  func part(
    saying words: ByteBuffer? = nil, within time: TimeAmount,
    promise: EventLoopPromise<Void>? = nil
  ) {
    if let words { writeAndFlush(NIOAny(words), promise: nil) }
    close(mode: .output, promise: nil)
    eventLoop.assumeIsolated().scheduleTask(in: time) { self.close(promise: promise) }
  }
}
