import Foundation
import Testing
import ThumbprintGateway
import ThumbprintMonitoring
import ThumbprintTestKit
import Yams

/// Who may ask over HTTP, and over HTTPS.
@Suite struct HTTPTokenTests {
  private static let token = "0123456789abcdef-token"

  private func tokenFile(_ text: String) throws -> URL {
    let file = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-token-\(UUID().uuidString)")
    try Data(text.utf8).write(to: file, options: .atomic)
    return file
  }

  /// Method and path of everything in the document of the API.
  private static func operations() throws -> [(String, String)] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appending(path: "Sources/ThumbprintGateway/openapi.yaml"), encoding: .utf8)
    let document = try #require(try Yams.load(yaml: text) as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    return paths.flatMap { path, methods in
      methods.keys.filter { $0 != "parameters" }.map {
        ($0.uppercased(), path.replacing(/\{[a-z]+\}/, with: "x"))
      }
    }
  }

  private func status(
    _ method: String, _ path: String, _ port: Int, _ authorization: String?
  ) throws -> Socket.Answer {
    try Socket.ask(
      method, path, port: port,
      headers: ["Host: localhost", "Content-Type: application/json"]
        + (authorization.map { ["Authorization: \($0)"] } ?? []), body: Array("{}".utf8))
  }

  @Test func everyRouteOfTheAPIWantsTheToken() async throws {
    let file = try tokenFile(Self.token + "\n")
    defer { try? FileManager.default.removeItem(at: file) }
    let began = ContinuousClock.now
    let pair = try await DaemonPair(["--http-token-file", file.path])
    try await pair.waitUntilReady()
    let port = pair.coordinatorHTTP
    let operations = try Self.operations()
    #expect(operations.count == Endpoint.all.count)
    let wrong = [
      nil, "Bearer", "Bearer ", "Basic \(Self.token)", "Bearer \(Self.token)x",
      "Bearer \(Self.token.dropLast())", "Bearer " + String(repeating: "a", count: 4000),
    ]
    for (method, path) in operations + [("GET", "/metrics"), ("GET", "/none"), ("GET", "//")] {
      for authorization in wrong {
        let answer = try status(method, path, port, authorization)
        #expect(answer.status == 401, "\(method) \(path) \(authorization ?? "")")
        #expect(answer.head.lowercased().contains("www-authenticate: bearer"))
        #expect(answer.text.contains("\"error\"") && !answer.text.contains(Self.token))
      }
      let answer = try status(method, path, port, "bearer \(Self.token)")
      #expect(answer.status != 401, "\(method) \(path): \(answer.text)")
    }
    // What watches processes has no token; the page asks for it itself.
    for path in ["/livez", "/readyz"] + Gateway.pagePaths {
      #expect(try status("GET", path, port, nil).status == 200, "\(path)")
    }
    #expect(try status("GET", "/metrics", pair.workerHTTP, nil).status == 401)
    #expect(try status("GET", "/metrics", pair.workerHTTP, "Bearer \(Self.token)").status == 200)

    // Another token counts at once; a file that holds none changes nothing.
    try Data("another-token-0123456789".utf8).write(to: file, options: .atomic)
    #expect(try status("GET", "/api/v1", port, "Bearer \(Self.token)").status == 401)
    #expect(try status("GET", "/api/v1", port, "Bearer another-token-0123456789").status == 200)
    try Data("short".utf8).write(to: file, options: .atomic)
    #expect(try status("GET", "/api/v1", port, "Bearer short").status == 401)
    #expect(try status("GET", "/api/v1", port, "Bearer another-token-0123456789").status == 200)

    // However often somebody tries, the log stays short.
    let lines = pair.coordinator.lines
    let refused = lines.count { $0.contains("HTTP request refused") }
    let windowCount = Int((ContinuousClock.now - began) / .seconds(10)) + 2
    #expect((1...50 * windowCount).contains(refused), "\(refused) lines")
    #expect(!lines.contains { $0.contains(Self.token) })
    pair.worker.end()
    pair.coordinator.end()
  }

  @Test func tokensAreComparedWhole() {
    let secret = Array("0123456789abcdef".utf8)
    #expect(HTTPToken.areEqual(secret, secret))
    for other in [[], Array(secret.dropLast()), secret + [0], secret + [48]] {
      #expect(!HTTPToken.areEqual(other, secret))
    }
    for index in secret.indices {
      var other = secret
      other[index] ^= 1
      #expect(!HTTPToken.areEqual(other, secret))
    }
    #expect(!HTTPToken.areEqual(secret + [UInt8](repeating: 0, count: 512), secret))
  }

  @Test func aFileWithoutATokenEndsTheStart() async throws {
    for text in [
      "", "short", String(repeating: "a", count: 257), "two words 0123456789", "é" + Self.token,
    ] {
      let file = try tokenFile(text)
      defer { try? FileManager.default.removeItem(at: file) }
      let lines = try await ended(["--http-token-file", file.path])
      #expect(
        lines.count == 2 && lines[0].contains("--http-token-file: '\(file.path)'"), "\(lines)")
    }
    let lines = try await ended(["--tls-key", "k"])
    #expect(
      lines.first
        == "thumbprint-coordinator: error: --tls-certificate is missing: --tls-key is given, and TLS "
        + "needs all three", "\(lines)")
  }

  /// What a coordinator says that cannot start.
  private func ended(_ arguments: [String]) async throws -> [String] {
    let log = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-token-\(UUID().uuidString).log")
    defer { try? FileManager.default.removeItem(at: log) }
    let process = try DaemonProcess(
      "thumbprint-coordinator", ["--metadata", "lmdb:never-made"] + arguments, log: log)
    while process.isRunning { try await Task.sleep(for: .milliseconds(5)) }
    #expect(process.end() == 64)
    return process.lines
  }

  @Test func openPortsAreWarnedAbout() async throws {
    let certificates = try TestCertificates("127.0.0.1")
    let file = try tokenFile(Self.token)
    defer { try? FileManager.default.removeItem(at: file) }
    let open = ["--listen", "0.0.0.0:0", "--http", "0.0.0.0:0", "--model", "none"]
    for (arguments, count) in [
      (open, 2), (open + ["--http-token-file", file.path], 1),
      (open + certificates["127.0.0.1"].flags, 1),
      (open + certificates["127.0.0.1"].flags + ["--http-token-file", file.path], 0),
      (["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--model", "none"], 0),
    ] {
      let folder = FileManager.default.temporaryDirectory
        .appending(path: "thumbprint-open-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let process = try DaemonProcess(
        "thumbprint-coordinator",
        arguments + ["--metadata", "lmdb:\(folder.appending(path: "m").path)"],
        log: folder.appending(path: "log"))
      _ = try await process.port("listening for HTTP")
      process.end()
      #expect(process.lines.count { $0.contains(" warning ") } == count, "\(process.lines)")
    }
  }

  @Test func browsersSpeakHTTPSWithoutACertificate() async throws {
    let certificates = try TestCertificates("127.0.0.1,localhost")
    let pair = try await DaemonPair(certificates["127.0.0.1"].flags)
    let plain = try Socket.get("/livez", port: pair.coordinatorHTTP)
    #expect(plain.status == 400 && plain.text.contains("https://"))
    let answer = try secured("/livez", pair.coordinatorHTTP, certificates)
    #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("alive\n"), "\(answer)")
    // Says nothing after the first byte of a handshake, and is let go.
    let slow = try Socket(port: pair.coordinatorHTTP)
    slow.write([22])
    #expect(slow.readToEnd(seconds: 60).isEmpty)
    let about = try secured("/api/v1", pair.coordinatorHTTP, certificates)
    #expect(about.contains("\"limits\""), "\(about)")
    pair.worker.end()
    pair.coordinator.end()
  }

  /// What `openssl s_client` gets for a path.
  private func secured(
    _ path: String, _ port: Int, _ certificates: TestCertificates
  ) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "openssl", "s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1",
      "-CAfile", certificates["127.0.0.1"].authority, "-connect", "127.0.0.1:\(port)",
    ]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    input.fileHandleForWriting.write(
      Data("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }
}
