import NIOCore
import Synchronization
import Testing
import ThumbprintTransport
import ThumbprintWire

/// What becomes of requests that nobody answers.
@Suite struct ForgottenRequestTests {
  /// The story: every client that left, and every worker, was logged as a defect of the server.
  @Test func whoLeavesIsNoFailure() async throws {
    let bench = try await Bench()
    let leaving = try await bench.connect()
    let waiting = Task { try await leaving.ask(FetchRequest(.hold), timeout: .seconds(60)) }
    while bench.service.log.withLock({ $0.held.isEmpty }) { await Task.yield() }
    let cancelled = bench.service.log.withLock { $0.held.map(\.frame.header.requestID) }
    leaving.close()
    await #expect(throws: ServiceError.self) { _ = try await waiting.value }
    while bench.service.log.withLock({ $0.cancelled }) != cancelled { await Task.yield() }
    // Now nobody knows the request any more.
    bench.service.log.withLock { $0.held = [] }

    let staying = try await bench.connect()
    _ = try await staying.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.server.counts.failed == 0 && bench.server.counts.answered == 1)
    #expect(bench.lines.all.filter { $0.hasPrefix("request failed") }.isEmpty)
    staying.close()
    try await bench.end()
  }

  @Test func aTaskThatIsTakenBackIsNoFailureEither() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    await #expect(throws: ServiceError.self) {
      _ = try await connection.ask(FetchRequest(.hold), timeout: .milliseconds(30))
    }
    while bench.service.log.withLock({ $0.cancelled.isEmpty }) { await Task.yield() }
    bench.service.log.withLock { $0.held = [] }
    _ = try await connection.ask(FetchRequest(.echo), timeout: .seconds(30))
    #expect(bench.server.counts.failed == 0)
    connection.close()
    try await bench.end()
  }

  @Test func whoStillWaitsIsToldOfADefect() async throws {
    let bench = try await Bench()
    let connection = try await bench.connect()
    let error = await #expect(throws: ServiceError.self) {
      _ = try await connection.ask(FetchRequest(.forget), timeout: .seconds(30))
    }
    #expect(error?.code == .internalError)
    #expect(bench.server.counts.failed == 1)
    #expect(bench.lines.all.contains { $0.contains("code=internalError") })
    connection.close()
    try await bench.end()
  }
}
