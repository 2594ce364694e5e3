import NIOCore
import Synchronization
import Testing
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// Peers that break the rules: one line of the log each, no harm to others.
@Suite struct RefusalTests {
  private func quick() -> TransportLimits {
    var limits = TransportLimits()
    limits.handshakeTimeout = .milliseconds(100)
    limits.frameTimeout = .milliseconds(100)
    limits.idleTimeout = .milliseconds(100)
    limits.tick = .milliseconds(10)
    return limits
  }

  private func error(_ bytes: [UInt8]) throws -> ServiceError? {
    var decoder = FrameDecoder()
    var last: Frame?
    try bytes.withUnsafeBytes {
      var rest = $0
      while let frame = try decoder.next(&rest) { last = frame }
    }
    return try last.map { try ErrorMessage.decoded($0.body).error }
  }

  @Test func anotherCoderIsRefusedByName() async throws {
    let bench = try await Bench()
    let error = await #expect(throws: ServiceError.self) {
      _ = try await bench.connect(
        Hello(role: .client, coder: CoderIdentity("wrong"), program: "test"))
    }
    #expect(error?.code == .coderMismatch)
    #expect(error?.message.contains("'wrong'") == true)
    #expect(error?.message.contains("'right'") == true)
    #expect(bench.lines.all.count == 1 && bench.lines.all[0].contains("coderMismatch"))
    try await bench.end()
  }

  @Test func garbageIsRefusedAndOthersGoOn() async throws {
    // Where all tests run at once seconds may pass between connecting and writing.
    var patient = TransportLimits()
    patient.handshakeTimeout = .minutes(10)
    patient.frameTimeout = .minutes(10)
    patient.idleTimeout = .minutes(10)
    let bench = try await Bench(patient)
    let good = try await bench.connect()
    for text in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\0\0\0\0\0\0", "TP\n\n"] {
      let peer = try await bench.raw()
      await peer.write(Array(text.utf8))
      _ = try await peer.untilClosed()
    }
    let hello = Frame(asking: Hello(role: .client, program: ""), requestID: 1).encoded()
    // A damaged frame, before the handshake and after it.
    for start in [[], hello] {
      let peer = try await bench.raw()
      var damaged = Frame(asking: Ping(token: 1), requestID: 2).encoded()
      damaged[60] ^= 1
      await peer.write(start + damaged)
      #expect(try error(await peer.untilClosed())?.code == .malformed)
    }
    let impolite = try await bench.raw()
    await impolite.write(Frame(asking: Ping(token: 1), requestID: 2).encoded())
    #expect(try error(await impolite.untilClosed())?.code == .refused)
    let large = try await bench.raw()
    let body = [UInt8](repeating: 0, count: WireLimits.handshakeByteCountMax + 1)
    await large.write(FrameHeader(type: .hello, requestID: 1).encoded(body: body))
    #expect(try error(await large.untilClosed())?.code == .tooLarge)
    _ = try await good.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.lines.all.count == 7, "\(bench.lines.all)")
    good.close()
    try await bench.end()
  }

  @Test func whoSaysNothingIsLetGo() async throws {
    let bench = try await Bench(quick())
    let silent = try await bench.raw()
    #expect(try error(await silent.untilClosed())?.message.contains("'hello'") == true)
    #expect(bench.lines.all.count == 1)
    try await bench.end()
  }

  @Test func aFrameThatNeverEndsIsLetGo() async throws {
    var patient = quick()
    patient.handshakeTimeout = .seconds(60)
    patient.idleTimeout = .seconds(60)
    let bench = try await Bench(patient)
    let slow = try await bench.raw()
    let hello = Frame(asking: Hello(role: .client, program: ""), requestID: 1).encoded()
    await slow.write(hello + hello[..<10])
    let trickle = Task {
      for byte in hello[10...] {
        await slow.write([byte])
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    let error = try error(await slow.untilClosed())
    trickle.cancel()
    #expect(error?.code == .tooSlow && error?.message.contains("frame") == true)
    #expect(bench.lines.all.count == 1)
    try await bench.end()
  }

  @Test func anIdleConnectionIsLetGoUnlessItPings() async throws {
    var patient = quick()
    // Seconds may pass before a test that was begun gets to say hello.
    patient.handshakeTimeout = .minutes(10)
    patient.frameTimeout = .minutes(10)
    patient.idleTimeout = .seconds(2)
    let bench = try await Bench(patient)
    var limits = TransportLimits()
    limits.idleTimeout = .milliseconds(60)
    // This one asks whether the server is there every 20 ms.
    let alive = try await bench.connect(limits: limits)
    let idle = try await bench.connect()
    while idle.failure == nil { try await Task.sleep(for: .milliseconds(5)) }
    #expect(idle.failure?.code == .tooSlow)
    #expect(alive.failure == nil)
    _ = try await alive.ask(FetchRequest(.echo), timeout: .seconds(30))
    alive.close()
    try await bench.end()
  }

  @Test func tooManyConnectionsAreNotLetIn() async throws {
    var limits = TransportLimits()
    limits.connectionCountMax = 2
    let bench = try await Bench(limits)
    let first = try await bench.connect()
    let second = try await bench.connect()
    let error = await #expect(throws: ServiceError.self) { _ = try await bench.connect() }
    #expect(error?.code == .busy && error?.message.contains("2 connections are open") == true)
    #expect(bench.lines.all.count == 1 && bench.lines.all[0].contains("busy"))
    first.close()
    while bench.server.connectionCount > 1 { await Task.yield() }
    let third = try await bench.connect()
    _ = try await third.ask(FetchRequest(.echo), timeout: .seconds(30))
    second.close()
    third.close()
    try await bench.end()
  }

  @Test func aFloodOfRequestsIsAnsweredBusy() async throws {
    var limits = TransportLimits()
    limits.inFlightCountMax = 3
    limits.handshakeTimeout = .seconds(60)
    let bench = try await Bench(limits)
    let peer = try await bench.raw()
    var bytes = Frame(asking: Hello(role: .client, program: ""), requestID: 1).encoded()
    for id in 2...10 {
      bytes += Frame(asking: FetchRequest(.hold), requestID: UInt64(id)).encoded()
    }
    await peer.write(bytes)
    for _ in 0..<6_000 where bench.service.log.withLock({ $0.held.count }) < 3 {
      try await Task.sleep(for: .milliseconds(10))
    }
    for request in bench.service.log.withLock({ $0.held }) {
      request.answer(FetchReply(rows: .empty))
    }
    bench.service.log.withLock { $0.held = [] }
    await bench.server.shutDown(within: .milliseconds(50))
    var decoder = FrameDecoder()
    var types: [MessageType: Int] = [:]
    try await peer.untilClosed().withUnsafeBytes {
      var rest = $0
      while let frame = try decoder.next(&rest) { types[frame.header.type, default: 0] += 1 }
    }
    #expect(types == [.welcome: 1, .error: 6, .fetchReply: 3])
    try await bench.end()
  }
}
