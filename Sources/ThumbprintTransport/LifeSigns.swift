import NIOCore

/// Notes what shows that the other side of a connection is there, and judges when it is to be asked
/// for a sign and when it is gone.
///
/// A message of many megabytes takes minutes on a slow link, and a question behind it as long. So
/// every byte that comes is a sign, however much is missing of its frame; and as long as the other
/// side takes bytes that stand before the question, it cannot have heard that. Bytes after the
/// question are no sign: the system of a process that stands still takes them too. Stands first on a
/// connection, below TLS, where the bytes are those that the network carries.
final class LifeSigns: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Verdict: Equatable {
    case present
    /// Has been silent for so long that it should be asked.
    case doubtful
    /// Was asked and did not answer.
    case gone
  }

  private let limits: TransportLimits
  private let takenByteCount: TakenByteCount
  private var lastHeard = NIODeadline.uptimeNanoseconds(0)
  private var writtenByteCount: UInt64 = 0
  private var question: Question?

  /// A ping that nothing came after.
  private struct Question {
    let asked: NIODeadline
    /// Where it ends in all that was written.
    let end: UInt64
    /// How far the other side had come when it was looked at last.
    var taken: UInt64 = 0
    /// When it was last seen to take a part of what ends with the question.
    var lastTaken: NIODeadline
  }

  init(limits: TransportLimits, takenByteCount: @escaping TakenByteCount) {
    self.limits = limits
    self.takenByteCount = takenByteCount
  }

  func handlerAdded(context: ChannelHandlerContext) { lastHeard = context.eventLoop.now }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastHeard = context.eventLoop.now
    question = nil
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    writtenByteCount += UInt64(unwrapOutboundIn(data).readableBytes)
    context.write(data, promise: promise)
  }

  /// What was written last asks for a sign.
  func asked(now: NIODeadline) {
    question = Question(asked: now, end: writtenByteCount, lastTaken: now)
  }

  /// - Parameter isBusy: Whether the other side owes an answer.
  func judge(_ channel: any Channel, isBusy: Bool, now: NIODeadline) -> Verdict {
    guard question != nil else {
      // One that owes nothing may think that we are gone.
      let patience =
        isBusy ? limits.silenceMax : .nanoseconds(limits.idleTimeout.nanoseconds / 3)
      return now - lastHeard > patience ? .doubtful : .present
    }
    look(channel, now: now)
    guard let question else { return .present }
    // Whoever was slow to take what stood before the question may be as slow to answer: others on
    // the way may have taken it.
    let slowness = min(question.lastTaken - question.asked, limits.frameTimeout)
    return now - question.lastTaken > max(limits.silenceMax, slowness) ? .gone : .present
  }

  private func look(_ channel: any Channel, now: NIODeadline) {
    takenByteCount(channel)?.assumeIsolated().whenSuccess { taken in
      guard let question = self.question, question.taken < question.end, taken > question.taken
      else { return }
      self.question?.taken = taken
      self.question?.lastTaken = now
    }
  }
}

/// How many bytes the other side of a connection has taken since it began; `nil` if nobody knows.
package typealias TakenByteCount = (any Channel) -> EventLoopFuture<UInt64>?

package enum SystemByteCounts {
  /// What the system knows to have been acknowledged: `tcpi_bytes_acked` of `struct tcp_info` of
  /// Linux (4.1 or later; 0 before), which the header of the C library leaves out. The opening of
  /// the connection counts as a byte.
  package static func taken(_ channel: any Channel) -> EventLoopFuture<UInt64>? {
    guard let options = channel as? any SocketOptionProvider else { return nil }
    let info: EventLoopFuture<InlineArray<16, UInt64>> = options.unsafeGetSocketOption(
      level: .tcp, name: .tcp_info)
    return info.map { $0[15] }
  }
}
