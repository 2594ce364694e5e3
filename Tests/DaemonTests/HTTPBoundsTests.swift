import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Testing
import ThumbprintMonitoring
import ThumbprintWire

/// Clients that would hold the connections of an HTTP server, which runs in this process with little
/// patience: none keeps others out, and honest ones are answered.
@Suite struct HTTPBoundsTests {
  /// Limits under which only what a test is about ends a connection.
  private static var limits: HTTPServer.Limits {
    var limits = HTTPServer.Limits()
    limits.connectionCountMax = 4
    limits.newcomerTimeout = .hours(1)
    limits.idleTimeout = .hours(1)
    limits.requestTimeout = .hours(1)
    limits.answerTimeout = .hours(1)
    limits.leaveTimeout = .hours(1)
    return limits
  }

  /// Runs a server, and `body` on a thread of its own: sockets of tests block, and the server needs
  /// the threads that tests run on.
  private func serve(
    _ limits: HTTPServer.Limits, _ body: @escaping @Sendable (Int) throws -> Void
  ) async throws {
    var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let server = HTTPServer(
      host: "127.0.0.1", port: 0, limits: limits, routes: Self.routes(logger), logger: logger,
      onListening: { listening.yield($0) })
    let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
    Task {
      defer { listening.finish() }
      try await group.run()
    }
    let port = try #require(await ports.first { _ in true }, "the server did not start")
    let result = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: Result { try body(port) }) }
    }
    await group.triggerGracefulShutdown()
    try result.get()
  }

  private static func routes(_ logger: Logger) -> HTTPServer.Routes {
    let routes = HTTPServer.Routes()
    routes.add(middleware: ErrorAnswers(logger: logger))
    routes.get("alive") { _, _ in "alive" }
    routes.get("large") { _, _ in
      Response(
        status: .ok, body: .init(byteBuffer: ByteBuffer(repeating: 65, count: 1 << 20)))
    }
    routes.post("refused") { _, _ -> Response in throw ServiceError(.refused, "not for you") }
    routes.post("whole") { request, _ in
      "\(try await request.body.collect(upTo: 1 << 20).readableBytes) bytes"
    }
    return routes
  }

  @Test(arguments: ["/refused", "/whole", "/none"])
  func aBodyThatDripsIsNotAwaitedForEver(_ path: String) async throws {
    var limits = Self.limits
    limits.requestTimeout = .milliseconds(200)
    limits.leaveTimeout = .milliseconds(200)
    try await serve(limits) { [limits] port in
      let head = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
      var dripping = try (0..<limits.connectionCountMax).map { _ in try Socket(port: port) }
      for socket in dripping { socket.write(Array(head.utf8)) }
      // A byte now and then, until nobody is there who would take it.
      for _ in 0..<6000 where !dripping.isEmpty {
        dripping = dripping.filter { $0.write([65]) }
        usleep(10_000)
      }
      #expect(dripping.isEmpty, "\(path)")
      #expect(try Socket.get("/alive", port: port).text == "alive")
    }
  }

  @Test func whoAsksAndReadsNothingIsLetGo() async throws {
    var limits = Self.limits
    limits.connectionCountMax = 2
    limits.answerTimeout = .milliseconds(200)
    try await serve(limits) { [limits] port in
      let question = Array("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
      var deaf: [Socket] = []
      for _ in 0..<limits.connectionCountMax {
        let socket = try Socket(port: port)
        socket.write((0..<64).flatMap { _ in question })
        // Being answered, and not only connected: what asks for nothing would make room.
        #expect(!socket.read(byteCountMax: 1000).isEmpty)
        deaf.append(socket)
      }
      #expect(try Socket.get("/alive", port: port).text == "alive")
      withExtendedLifetime(deaf) {}
    }
  }

  @Test func connectionsThatAskForNothingMakeRoom() async throws {
    var limits = Self.limits
    limits.newcomerTimeout = HTTPServer.Limits().newcomerTimeout
    try await serve(limits) { port in
      let sockets = try (0..<3 * Self.limits.connectionCountMax).map { number in
        let socket = try Socket(port: port)
        // Silent, in the middle of a head, and answered already.
        let words = ["", "GET /alive HT", "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n"][number % 3]
        socket.write(Array(words.utf8))
        return socket
      }
      for _ in 0..<3 { #expect(try Socket.get("/alive", port: port).text == "alive") }
      withExtendedLifetime(sockets) {}
    }
  }

  /// Neither others that are opened nor ones that are answered end what had no time to ask.
  @Test(arguments: 0...3) func newcomersAreLeftTimeToAsk(besides busyCount: Int) async throws {
    try await serve(Self.limits) { port in
      let head = "POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
      let busy = try (0..<busyCount).map { _ in
        let socket = try Socket(port: port)
        socket.write(Array(head.utf8))
        return socket
      }
      let newcomers = try (busyCount..<Self.limits.connectionCountMax).map { _ in
        try Socket(port: port)
      }
      // Nobody can see when the server has taken them: without this they might come too late to be
      // wronged, which does no harm.
      usleep(100_000)
      for socket in busy {
        socket.write(Array("abc".utf8))
        #expect(String(decoding: socket.read(byteCountMax: 1000), as: UTF8.self).contains(" 200 "))
      }
      for socket in newcomers {
        socket.write(Array("GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        let text = String(decoding: socket.readToEnd(seconds: 60), as: UTF8.self)
        #expect(text.hasSuffix("alive"))
      }
    }
  }

  @Test func anAnswerBeforeTheBodyIsHeard() async throws {
    var limits = Self.limits
    limits.leaveTimeout = .seconds(60)
    try await serve(limits) { [limits] port in
      let body = [UInt8](repeating: 65, count: 8 << 20)
      for _ in 0..<2 * limits.connectionCountMax {
        let answer = try Socket.post("/refused", port: port, body)
        #expect(answer.status == 403 && answer.text.contains("not for you"))
        #expect(answer.head.lowercased().contains("connection: close"))
      }
      let whole = try Socket.post("/whole", port: port, Array(body[..<1000]))
      #expect(whole.text == "1000 bytes")
      #expect(!whole.head.lowercased().contains("connection: close"))
    }
  }

  @Test func severalRequestsOnOneConnectionAreAnsweredInTurn() async throws {
    try await serve(Self.limits) { port in
      let socket = try Socket(port: port)
      let head = "Host: x\r\nContent-Length: 3\r\n"
      socket.write(
        Array(
          ("POST /whole HTTP/1.1\r\n\(head)\r\nabcPOST /refused HTTP/1.1\r\n\(head)\r\nabc"
            + "GET /large HTTP/1.1\r\nHost: x\r\n\r\nGET /alive HTTP/1.1\r\nHost: x\r\n\r\n"
            + "POST /whole HTTP/1.1\r\nConnection: close\r\n\(head)\r\na").utf8))
      // The end of the last body comes late.
      usleep(50_000)
      socket.write(Array("bc".utf8))
      let text = String(decoding: socket.readToEnd(seconds: 60), as: UTF8.self)
      #expect(text.matches(of: /HTTP\/1.1 200/).count == 4)
      #expect(text.matches(of: /HTTP\/1.1 403/).count == 1)
      #expect(text.hasSuffix("3 bytes") && text.contains("\r\n\r\nalive"))
    }
  }

  @Test func whatIsNoHTTPIsToldSoInTheFormOfAllErrors() async throws {
    var limits = Self.limits
    limits.leaveTimeout = .milliseconds(200)
    let long = String(repeating: "x", count: 60_000)
    try await serve(limits) { port in
      for (words, status, part) in [
        ("BREW /alive HTTP/1.1\r\nHost: x\r\n\r\n", 400, "no such method"),
        ("GET /alive HTTP/1.1\r\nHost: x\r\nX: \(long)", 413, "49152 bytes"),
        ("GET /\(long)", 413, "49152 bytes"), ("hello\r\n\r\n", 400, "no such method"),
        ("GET /alive HTCPCP/1.0\r\n\r\n", 400, "is not HTTP"),
        (
          "POST /whole HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
          "the body of the request"
        ),
      ] {
        let socket = try Socket(port: port)
        socket.write(Array(words.utf8))
        let text = String(decoding: socket.readToEnd(seconds: 60), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(words.prefix(60)): \(text)")
        #expect(text.contains(part) && text.contains("\"requestId\":\""), "\(text)")
        #expect(text.contains("application/json"), "\(text)")
      }
    }
  }
}
