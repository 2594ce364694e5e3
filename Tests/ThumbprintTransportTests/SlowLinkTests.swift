import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Messages that take minutes, on a clock of the tests: who is slow is not silent.
@Suite struct SlowLinkTests {
  // MARK: The side that asks

  /// The story: a reply that took more than four seconds to come, however steadily, ended the
  /// connection as silent, so that an export over a slow link never came to an end.
  @Test func aReplyMayComeSlowly() throws {
    let client = try SlowClient()
    let answer = client.ask(.echo)
    let reply = Frame(
      FetchReply(rows: .empty), answering: try #require(try client.sent().last).header
    ).encoded()
    for byte in reply {
      try client.receive([byte])
      client.advance(.milliseconds(1900))
    }
    #expect(client.failure == nil)
    #expect(throws: Never.self) { try answer.withLock { try #require($0).get() } }
    client.end()
  }

  /// The same for a request: the question whether the server is there stands behind it.
  @Test func aRequestMayGoSlowly() throws {
    let client = try SlowClient()
    let answer = client.ask(.echo)
    let header = try #require(try client.sent().last).header
    client.advance(.milliseconds(2100))
    #expect(try client.sent().map(\.header.type) == [.ping])
    for _ in 0..<60 {
      client.take(1)
      client.advance(.milliseconds(1900))
    }
    #expect(client.failure == nil)
    // All was taken by somebody on the way; the server has it a while later.
    client.take(.max)
    client.advance(.seconds(25))
    #expect(client.failure == nil)
    try client.receive(Frame(FetchReply(rows: .empty), answering: header).encoded())
    #expect(throws: Never.self) { try answer.withLock { try #require($0).get() } }
    client.end()
  }

  @Test func whoTakesEverythingAndSaysNothingIsGone() throws {
    let client = try SlowClient()
    let answer = client.ask(.echo)
    client.take(.max)
    client.advance(.milliseconds(2100))
    // As the system of a process that was stopped.
    for _ in 0..<21 {
      client.take(.max)
      client.advance(.milliseconds(100))
    }
    #expect(client.failure?.code == .disconnected)
    #expect(client.failure?.message == "somewhere:1 is silent")
    #expect(throws: ServiceError.self) { try answer.withLock { try #require($0).get() } }
    client.end()
  }

  @Test func whoTakesNothingIsGone() throws {
    let client = try SlowClient()
    _ = client.ask(.echo)
    client.advance(.milliseconds(4200))
    #expect(client.failure?.code == .disconnected)
    client.end()
  }

  /// The question is no request that waits until there is room for it.
  @Test func aServerIsAskedHoweverMuchItHasToDo() throws {
    let client = try SlowClient(inFlightCountMax: 1)
    let answer = client.ask(.echo)
    let header = try #require(try client.sent().last).header
    for _ in 0..<10 {
      client.advance(.milliseconds(2100))
      for ping in try client.sent() {
        #expect(ping.header.type == .ping)
        try client.receive(Frame(Pong(token: 0), answering: ping.header).encoded())
      }
    }
    #expect(client.failure == nil)
    try client.receive(Frame(FetchReply(rows: .empty), answering: header).encoded())
    #expect(throws: Never.self) { try answer.withLock { try #require($0).get() } }
    client.end()
  }

  /// What the tests above make up: the count that the system keeps.
  @Test func theSystemKnowsWhatWasTaken() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let listener = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(listener.localAddress?.port)
    let channel = try await ClientBootstrap(group: group)
      .connect(host: "127.0.0.1", port: port).get()
    for count in [1, 100_000, 3_000_000] {
      let before = try #require(try await Self.taken(channel))
      try await channel.writeAndFlush(ByteBuffer(repeating: 1, count: count))
      // Acknowledged once the other side has read it, at the latest.
      for _ in 0..<6_000 where try await Self.taken(channel) ?? 0 < before + UInt64(count) {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(try await Self.taken(channel) == before + UInt64(count))
    }
    try await channel.close()
    try await listener.close()
  }

  private static func taken(_ channel: any Channel) async throws -> UInt64? {
    try await channel.eventLoop.flatSubmit {
      SystemByteCounts.taken(channel)?.map { Optional($0) }
        ?? channel.eventLoop.makeSucceededFuture(nil)
    }.get()
  }

  // MARK: The side that answers

  /// The story: reads that never ended between two frames kept the start of the first one, and a
  /// busy connection was ended after 30 s.
  @Test func aSteadyStreamHasNoFrameThatIsSlow() throws {
    let server = try SlowServer()
    let ping = Frame(asking: Ping(token: 1), requestID: 2).encoded()
    let half = ping.count / 2
    try server.receive(Array(ping[..<half]))
    for _ in 0..<20 {
      server.advance(.seconds(10))
      try server.receive(Array(ping[half...]) + ping[..<half])
    }
    #expect(try server.sent().map(\.header.type) == Array(repeating: .pong, count: 20))
    // The last one never ends.
    server.advance(.seconds(31))
    #expect(try server.refusal()?.code == .tooSlow)
    server.end()
  }

  @Test func aLargeFrameHasItsTimeForEachPart() throws {
    let server = try SlowServer()
    let body = [UInt8](repeating: 7, count: 1 << 20)
    let frame = Frame(header: FrameHeader(type: .logPull, requestID: 2), body: body).encoded()
    for start in stride(from: 0, to: frame.count - 1, by: 32 << 10) {
      try server.receive(Array(frame[start..<min(start + 32 << 10, frame.count - 1)]))
      server.advance(.seconds(3))
    }
    #expect(try server.sent().isEmpty)
    // A byte now and then is not enough.
    server.advance(.seconds(31))
    #expect(try server.refusal()?.code == .tooSlow)
    server.end()
  }

  /// Bytes that wait because the server does not read are not late.
  @Test func theClockStandsStillWhileNothingIsRead() throws {
    var limits = TransportLimits()
    limits.inFlightByteCountMax = 0
    let server = try SlowServer(limits)
    let ping = Frame(asking: Ping(token: 1), requestID: 3).encoded()
    try server.receive(Frame(asking: FetchRequest(.hold), requestID: 2).encoded() + ping[..<50])
    server.channel.read()
    server.advance(.minutes(5))
    #expect(try server.sent().isEmpty)
    let held = server.service.log.withLock { log in
      defer { log.held = [] }
      return log.held
    }
    for request in held { request.answer(FetchReply(rows: .empty)) }
    server.advance(.seconds(29))
    #expect(try server.sent().map(\.header.type) == [.fetchReply])
    server.advance(.seconds(2))
    #expect(try server.refusal()?.code == .tooSlow)
    server.end()
  }
}

// MARK: Connections on a clock of the tests

/// A client whose server is the test.
private struct SlowClient {
  typealias Answer = Result<FetchReply, ServiceError>

  let channel = EmbeddedChannel()
  private let connection: WireConnection
  private let taken = Box<UInt64>()

  final class Box<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)

    func withLock<Result>(_ body: (Value?) throws -> Result) rethrows -> Result {
      try value.withLock { try body($0) }
    }
  }

  init(inFlightCountMax: Int = 256) throws {
    let ready = channel.eventLoop.makePromise(of: WireConnection.self)
    let taken = taken
    try WireConnection.begin(
      on: channel, address: "somewhere:1", hello: Hello(role: .client, program: "slow"),
      limits: TransportLimits(), ready: ready
    ) { channel in
      channel.eventLoop.makeSucceededFuture(taken.withLock { $0 ?? 0 })
    }
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    let hello = try #require(try channel.sentFrames().first)
    var welcome = Welcome(role: .worker, name: WorkerName("slow"), program: "slow")
    welcome.inFlightCountMax = inFlightCountMax
    try channel.writeInbound(ByteBuffer(bytes: Frame(welcome, answering: hello.header).encoded()))
    connection = try ready.futureResult.wait()
  }

  var failure: ServiceError? { connection.failure }

  func ask(_ wish: EchoService.Wish) -> Box<Answer> {
    let box = Box<Answer>()
    connection.start(
      OutgoingRequest(FetchRequest(wish), timeout: .hours(1)) { answer in
        box.value.withLock { $0 = answer }
      })
    channel.embeddedEventLoop.run()
    return box
  }

  func sent() throws -> [Frame] { try channel.sentFrames() }

  func receive(_ bytes: [UInt8]) throws { try channel.writeInbound(ByteBuffer(bytes: bytes)) }

  /// The network takes more bytes.
  func take(_ count: UInt64) {
    taken.value.withLock { $0 = count == .max ? count : ($0 ?? 0) + count }
  }

  func advance(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  func end() { _ = try? channel.finish(acceptAlreadyClosed: true) }
}

/// A server whose client is the test.
private struct SlowServer {
  let channel = EmbeddedChannel()
  let service = EchoService()

  init(_ limits: TransportLimits = TransportLimits()) throws {
    try FrameServer.serve(
      channel, service: service, limits: limits, logger: Logger(label: "test") { _ in LogLines() }
    ).wait()
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try receive(Frame(asking: Hello(role: .client, program: "slow"), requestID: 1).encoded())
    #expect(try sent().map(\.header.type) == [.welcome])
  }

  func sent() throws -> [Frame] { try channel.sentFrames() }

  /// Why the connection is ended, if it is.
  func refusal() throws -> ServiceError? {
    let last = try sent().last { $0.header.type == .error && $0.header.requestID == 0 }
    return try last.map { try ErrorMessage.decoded($0.body).error }
  }

  func receive(_ bytes: [UInt8]) throws {
    try channel.writeInbound(ByteBuffer(bytes: bytes))
    channel.embeddedEventLoop.run()
  }

  func advance(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  func end() { _ = try? channel.finish(acceptAlreadyClosed: true) }
}

extension EmbeddedChannel {
  /// The frames that were written since the last call.
  fileprivate func sentFrames() throws -> [Frame] {
    var decoder = FrameDecoder()
    var frames: [Frame] = []
    while let buffer = try readOutbound(as: ByteBuffer.self) {
      try buffer.withUnsafeReadableBytes { bytes in
        var rest = bytes
        while let frame = try decoder.next(&rest) { frames.append(frame) }
      }
    }
    return frames
  }
}
