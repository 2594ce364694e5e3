import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import ThumbprintCodes
import ThumbprintTestKit
import ThumbprintTransport
import ThumbprintWire

@Suite struct ConnectionTests {
  @Test func requestsAreAnsweredByTheirIDs() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    #expect(connection.welcome.name == WorkerName("echo"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        group.addTask {
          let reply = try await connection.ask(
            FetchRequest(.echo, [UInt64(number)]), timeout: .seconds(30))
          #expect(reply.rows.id(1) == ItemID(UInt64(number)))
        }
      }
      try await group.waitForAll()
    }
    connection.close()
    try await bench.end()
  }

  @Test func errorsComeBackAsTheyWereSent() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    for (wish, code) in [
      (EchoService.Wish.fail, ServiceError.Code.notHere), (.forget, .internalError),
      (.huge, .tooLarge),
    ] {
      await #expect("\(wish)") {
        _ = try await connection.ask(FetchRequest(wish), timeout: .seconds(30))
      } throws: {
        ($0 as? ServiceError)?.code == code
      }
    }
    await #expect("no such request") {
      _ = try await connection.ask(ListCollections().request, timeout: .seconds(30))
    } throws: {
      ($0 as? ServiceError)?.code == .unknownMessage
    }
    connection.close()
    try await bench.end()
  }

  @Test func aPassedDeadlineEndsTheWaitAndTellsTheServer() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    await #expect("deadline") {
      _ = try await connection.ask(FetchRequest(.hold), timeout: .milliseconds(30))
    } throws: {
      ($0 as? ServiceError)?.code == .deadlineExceeded
    }
    // An answer that comes too late is passed over; the connection goes on.
    _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.service.log.withLock { $0.cancelled.count } == 1)
    for request in bench.service.log.withLock({ $0.held }) {
      #expect(request.isCancelled)
      request.answer(FetchReply(rows: .empty))
    }
    _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
    connection.close()
    try await bench.end()
  }

  @Test func aCancelledTaskTakesItsRequestBack() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    let task = Task { try await connection.ask(FetchRequest(.hold), timeout: .seconds(60)) }
    while bench.service.log.withLock({ $0.held.isEmpty }) { await Task.yield() }
    task.cancel()
    await #expect("cancelled") { _ = try await task.value } throws: {
      ($0 as? ServiceError)?.code == .cancelled
    }
    _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.service.log.withLock { $0.cancelled.count } == 1)
    bench.service.log.withLock { $0.held = [] }
    connection.close()
    try await bench.end()
  }

  /// A request that was taken back before it was sent kept its place until the server answered it.
  @Test func whatWasTakenBackBeforeItWasSentTakesNoPlace() async throws {
    var limits = TransportLimits()
    limits.inFlightCountMax = 1
    let bench = try await Bench(limits)
    let connection = try await bench.connect()
    let request = OutgoingRequest(FetchRequest(.hold), timeout: .seconds(60)) { _ in }
    request.cancel()
    connection.start(request)
    _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.service.log.withLock { $0.held.isEmpty })
    connection.close()
    try await bench.end()
  }

  @Test func moreThanTheServerTakesAtOnceWaitsForRoom() async throws {
    var limits = TransportLimits()
    limits.inFlightCountMax = 4
    let bench = try await Bench(limits)
    let connection = try await bench.connect()
    #expect(connection.welcome.inFlightCountMax == 4)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<200 {
        group.addTask {
          _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
        }
      }
      try await group.waitForAll()
    }
    connection.close()
    try await bench.end()
  }

  @Test func aServerThatGoesAwayEndsWhatIsOpen() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    async let open = connection.ask(FetchRequest(.hold), timeout: .seconds(60))
    while bench.service.log.withLock({ $0.held.isEmpty }) { await Task.yield() }
    await bench.server.shutDown(within: .milliseconds(10))
    do {
      _ = try await open
      Issue.record("answered")
    } catch {
      #expect((error as? ServiceError)?.code == .disconnected)
    }
    #expect(connection.failure?.code == .disconnected)
    bench.service.log.withLock { $0.held = [] }
    try await bench.end()
  }

  /// The story: a request that waited for a connection to a server which accepts and says nothing
  /// was answered when the attempt was given up, however short its own deadline was.
  @Test func whoWaitsForAConnectionWaitsNoLongerThanAsked() async throws {
    let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    var limits = TransportLimits()
    limits.handshakeTimeout = .hours(1)
    let peer = WirePeer(
      host: "127.0.0.1", port: try #require(silent.localAddress?.port),
      group: MultiThreadedEventLoopGroup.singleton, limits: limits
    ) { Hello(role: .client, program: "test") }
    for _ in 0..<2 {
      let error = await #expect(throws: ServiceError.self) {
        _ = try await peer.ask(FetchRequest(.echo), timeout: .milliseconds(50))
      }
      #expect(error?.code == .deadlineExceeded)
    }
    peer.close()
    try await silent.close()
  }

  @Test func nobodyAtTheAddressIsUnavailable() async throws {
    let bench = try await Bench()
    let port = try ReservedPort()
    let error = await #expect(throws: ServiceError.self) {
      _ = try await bench.connect(port: port.number)
    }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("127.0.0.1:\(port.number)") == true)
    try await bench.end()
  }

  /// As the HTTP port, where somebody took it for that of the protocol.
  @Test func whoSpeaksAnotherProtocolIsNamed() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let other = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(OtherProtocol())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let bench = try await Bench()
    let port = try #require(other.localAddress?.port)
    let error = await #expect(throws: ServiceError.self) {
      _ = try await bench.connect(port: port)
    }
    #expect(error?.code == .refused)
    #expect(
      error?.message
        == "what listens at 127.0.0.1:\(port) does not speak Thumbprint's protocol")
    #expect(error?.hint == "is it the HTTP port?")
    try await other.close()
    try await bench.end()
  }

  @Test func aPeerConnectsAgainByItself() async throws {
    let bench = try await Bench()
    let peer = WirePeer(host: "127.0.0.1", port: bench.server.port, group: bench.group) {
      Hello(role: .client, program: "peer")
    }
    for _ in 0..<3 {
      _ = try await peer.ask(FetchRequest(.echo), timeout: .seconds(30))
      let count = bench.service.log.withLock { $0.disconnected.count }
      bench.server.dropConnections()
      while bench.service.log.withLock({ $0.disconnected.count }) == count { await Task.yield() }
      // The loss may not be known yet when the next request is sent.
      do {
        _ = try await peer.ask(FetchRequest(.echo), timeout: .seconds(30))
      } catch {
        #expect(error.code == .disconnected)
      }
    }
    peer.close()
    await #expect("closed") {
      _ = try await peer.ask(FetchRequest(.echo), timeout: .seconds(1))
    } throws: {
      ($0 as? ServiceError)?.code == .shuttingDown
    }
    try await bench.end()
  }

  /// Queries failed for up to two seconds although both replicas of a shard were there: one worker
  /// had just come back and registered, and the coordinator still kept the pause that it had made
  /// after connections to it failed; then the other worker was killed.
  @Test func aPeerThatWasHeardOfIsNotWaitedFor() async throws {
    let first = try await Bench()
    let port = first.server.port
    await first.server.shutDown(within: .milliseconds(10))
    let peer = WirePeer(host: "127.0.0.1", port: port, group: first.group) {
      Hello(role: .client, program: "peer")
    }
    await #expect(throws: ServiceError.self) {
      _ = try await peer.ask(FetchRequest(.echo), timeout: .seconds(30))
    }
    // Asked at once again, it does not even try.
    let server = try await FrameServer.bind(
      host: "127.0.0.1", port: port, group: first.group, service: first.service,
      logger: Logger(label: "test"))
    peer.forgetFailures()
    _ = try await peer.ask(FetchRequest(.echo), timeout: .seconds(30))
    peer.close()
    await server.shutDown(within: .milliseconds(10))
    try await first.end()
  }
}

/// Answers whatever comes as a web server would.
private final class OtherProtocol: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let answer = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
  }
}

extension AdminOperation {
  fileprivate var request: AdminRequest { AdminRequest(self) }
}
