import Foundation
import Testing
import ThumbprintClient

/// A cluster of one worker, and its HTTP port.
final class Site {
  let pair: DaemonPair
  let client: ClusterClient
  let port: Int

  init() async throws {
    pair = try await DaemonPair()
    try await pair.waitUntilReady()
    port = pair.coordinatorHTTP
    client = try await ClusterClient.connect(
      host: "127.0.0.1", port: pair.coordinatorPort, program: "test")
  }

  func get(_ path: String) throws -> Socket.Answer { try Socket.get("/api/v1" + path, port: port) }

  func post(_ path: String, _ body: [String: any Sendable]) throws -> Socket.Answer {
    try send("POST", path, body)
  }

  func send(
    _ method: String, _ path: String, _ body: [String: any Sendable]
  ) throws -> Socket.Answer {
    try Socket.ask(
      method, "/api/v1" + path, port: port,
      headers: ["Host: localhost", "Content-Type: application/json"],
      body: Array(try JSONSerialization.data(withJSONObject: body)))
  }

  func ask(
    _ method: String, _ path: String, headers: [String] = []
  ) throws -> Socket.Answer {
    try Socket.ask(method, "/api/v1" + path, port: port, headers: ["Host: localhost"] + headers)
  }

  /// The object of an answer that says yes.
  func json(_ answer: Socket.Answer) throws -> [String: Any] {
    try #require(
      answer.status == 200
        ? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] : nil,
      "\(answer.status): \(answer.text)")
  }

  func end() async {
    await client.close()
    #expect(pair.worker.end() == 0)
    #expect(pair.coordinator.end() == 0)
  }
}
