import NIOCore
import Synchronization

/// What is to be written to a connection, by any thread.
///
/// However many threads add to it, its loop is woken once and everything is flushed together.
final class Outbox: Sendable {
  private struct State {
    var buffers: [ByteBuffer] = []
    /// Requests whose answers are among ``buffers``.
    var answered: [UInt64] = []
    var isScheduled = false
    var isClosed = false
  }

  private let state = Mutex(State())
  private let channel: any Channel
  /// Called on the loop with the requests whose answers were given to the connection.
  private let onAnswers: @Sendable ([UInt64]) -> Void

  init(channel: any Channel, onAnswers: @escaping @Sendable ([UInt64]) -> Void = { _ in }) {
    self.channel = channel
    self.onAnswers = onAnswers
  }

  /// Adds a frame. Nothing happens once the connection has ended.
  func write(_ buffer: ByteBuffer, answering requestID: UInt64? = nil) {
    let isFirst = state.withLock { state in
      if state.isClosed { return false }
      state.buffers.append(buffer)
      if let requestID { state.answered.append(requestID) }
      if state.isScheduled { return false }
      state.isScheduled = true
      return true
    }
    if isFirst { channel.eventLoop.execute { self.drain() } }
  }

  /// Gives all that waits to the connection. On the loop.
  func drain() {
    let (buffers, answered) = state.withLock { state in
      defer {
        state.buffers = []
        state.answered = []
        state.isScheduled = false
      }
      return (state.buffers, state.answered)
    }
    if !buffers.isEmpty {
      for buffer in buffers { channel.write(buffer, promise: nil) }
      channel.flush()
    }
    if !answered.isEmpty { onAnswers(answered) }
  }

  /// Takes nothing more.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.buffers = []
    }
  }
}
