import NIOCore
import NIOHTTP1
import Synchronization

/// Holds one connection to its bounds of time, of which the library has none: each request and
/// each answer has to come to an end, and of a request that was answered before it was read whole,
/// no more is read than lets the client hear the answer.
final class HTTPConnection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Bytes of an answer that a client has to take in the time that it may stand still.
  private static let stepByteCount = 64 << 10

  private let limits: HTTPServer.Limits
  private let table: ConnectionTable
  private let onProblem: (HTTPParserError) -> HTTPProblem

  /// Requests whose heads were read and that are not answered whole.
  private var unansweredCount = 0
  /// Whether the last of them is not read whole.
  private var isReading = false
  /// Whether the last answer was given.
  private var isLeaving = false
  /// What broke the rules of HTTP; nothing is read after it.
  private var problem: HTTPParserError?
  private var requestAlarm: Scheduled<Void>?
  private var answerAlarm: Scheduled<Void>?
  private var leaveAlarm: Scheduled<Void>?

  /// - Parameter onProblem: Says how a request is answered that is no HTTP.
  init(
    _ limits: HTTPServer.Limits, _ table: ConnectionTable,
    onProblem: @escaping (HTTPParserError) -> HTTPProblem
  ) {
    self.limits = limits
    self.table = table
    self.onProblem = onProblem
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    for alarm in [requestAlarm, answerAlarm, leaveAlarm] { alarm?.cancel() }
  }

  // MARK: Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isLeaving else { return }
    switch unwrapInboundIn(data) {
    case .head:
      unansweredCount += 1
      isReading = true
      table.isBusy(context.channel)
      awaitRequest(context)
    case .body: break
    case .end:
      isReading = false
      requestAlarm?.cancel()
    }
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    if isLeaving { context.read() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? HTTPParserError { problem = error }
    context.fireErrorCaught(error)
  }

  private func awaitRequest(_ context: ChannelHandlerContext) {
    requestAlarm?.cancel()
    requestAlarm = context.eventLoop.assumeIsolated().scheduleTask(in: limits.requestTimeout) {
      [self] in
      // What comes behind a request that is not answered yet is perhaps not read yet.
      if unansweredCount > 1 { awaitRequest(context) } else { context.close(promise: nil) }
    }
  }

  // MARK: Answers

  func write(
    context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
  ) {
    guard !isLeaving else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var head):
      if unansweredCount == 0, let problem {
        write(onProblem(problem), context, promise)
        return
      }
      if isEarly { head.headers.replaceOrAdd(name: "Connection", value: "close") }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body: context.write(data, promise: promise)
    case .end:
      if isEarly || problem != nil {
        leave(with: data, context, promise)
      } else {
        unansweredCount -= 1
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess { [self] in
          if unansweredCount == 0 { table.isIdle(context.channel) }
        }
        context.write(data, promise: written)
      }
    }
  }

  /// Whether what is being answered is not read whole.
  private var isEarly: Bool { isReading && unansweredCount == 1 }

  /// The library's own answer to what is no HTTP has no body.
  private func write(
    _ answer: HTTPProblem, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
  ) {
    var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status))
    for (name, value) in answer.fields { head.headers.add(name: name, value: value) }
    head.headers.add(name: "Content-Length", value: "\(answer.body.readableBytes)")
    head.headers.add(name: "Connection", value: "close")
    context.write(wrapOutboundOut(.head(head)), promise: promise)
    context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
  }

  /// Ends the last answer. A connection that is closed with bytes unread takes what was said last
  /// with it, so what still comes is thrown away for a while.
  private func leave(
    with end: NIOAny, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
  ) {
    isLeaving = true
    requestAlarm?.cancel()
    leaveAlarm = context.eventLoop.assumeIsolated().scheduleTask(in: limits.leaveTimeout) {
      context.close(promise: nil)
    }
    let written = promise ?? context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess { [table] in
      context.close(mode: .output, promise: nil)
      table.isLeaving(context.channel)
    }
    context.writeAndFlush(end, promise: written)
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    answerAlarm?.cancel()
    if !context.channel.isWritable { awaitReader(context) }
    context.fireChannelWritabilityChanged()
  }

  /// Ends the connection of a client that asks and does not read the answers.
  private func awaitReader(_ context: ChannelHandlerContext) {
    let before = Self.waitingByteCount(context)
    answerAlarm = context.eventLoop.assumeIsolated().scheduleTask(in: limits.answerTimeout) {
      [self] in
      if Self.waitingByteCount(context) + Self.stepByteCount > before {
        context.close(promise: nil)
      } else {
        awaitReader(context)
      }
    }
  }

  /// Bytes that are written and that the operating system has not taken.
  private static func waitingByteCount(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}

/// The answer to what is no HTTP.
struct HTTPProblem {
  var status: Int
  var fields: [(name: String, value: String)]
  var body: ByteBuffer
}

/// The connections of a server, which make room for others as ``ConnectionRoom`` says.
final class ConnectionTable: Sendable {
  private let state: Mutex<State>

  private struct State {
    var room: ConnectionRoom<ObjectIdentifier>
    var channels: [ObjectIdentifier: any Channel] = [:]
    /// Whether room is going to be made when somebody's time is over.
    var isAlarmSet = false
  }

  init(countMax: Int, newcomerTimeout: TimeAmount) {
    state = Mutex(State(room: ConnectionRoom(countMax: countMax, patience: newcomerTimeout)))
  }

  /// It counts until it is closed.
  func opened(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    state.withLock {
      $0.channels[id] = channel
      $0.room.opened(id, at: .now())
    }
    channel.closeFuture.whenComplete { [self] _ in
      state.withLock {
        $0.channels[id] = nil
        $0.room.closed(id)
      }
    }
    makeRoom(on: channel.eventLoop)
  }

  func isBusy(_ channel: any Channel) {
    state.withLock { $0.room.isBusy(ObjectIdentifier(channel)) }
  }

  /// All that it asked is answered.
  func isIdle(_ channel: any Channel) {
    state.withLock { $0.room.isIdle(ObjectIdentifier(channel), at: .now()) }
    makeRoom(on: channel.eventLoop)
  }

  /// Its last answer is written.
  func isLeaving(_ channel: any Channel) {
    state.withLock { $0.room.isLeaving(ObjectIdentifier(channel), at: .now()) }
    makeRoom(on: channel.eventLoop)
  }

  private func makeRoom(on eventLoop: any EventLoop) {
    let (ending, alarm) = state.withLock { state -> ([any Channel], NIODeadline?) in
      let (ids, again) = state.room.makeRoom(at: .now())
      let alarm = state.isAlarmSet ? nil : again
      if alarm != nil { state.isAlarmSet = true }
      return (ids.compactMap { state.channels[$0] }, alarm)
    }
    for channel in ending { channel.close(promise: nil) }
    guard let alarm else { return }
    eventLoop.scheduleTask(deadline: alarm) { [self] in
      state.withLock { $0.isAlarmSet = false }
      makeRoom(on: eventLoop)
    }
  }
}
