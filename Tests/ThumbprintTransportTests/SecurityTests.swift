import Foundation
import NIOCore
import Synchronization
import Testing
import ThumbprintTestKit
import ThumbprintTransport
import ThumbprintWire

/// TLS between a client and a server: who is let in, what the others are told, and where.
@Suite struct SecurityTests {
  private static func security(_ files: TestCertificates.Files) throws -> TransportSecurity {
    try TransportSecurity(
      SecurityFiles(certificate: files.certificate, key: files.key, authority: files.authority))
  }

  private static func peer(_ files: TestCertificates.Files) throws -> PeerSecurity {
    PeerSecurity(try security(files))
  }

  /// What a client is told that is not let in.
  private func refusal(_ bench: Bench, _ security: PeerSecurity?) async throws -> ServiceError {
    try #require(
      await #expect(throws: ServiceError.self) {
        _ = try await WireConnection.connect(
          host: "127.0.0.1", port: bench.server.port, hello: Hello(role: .client, program: "test"),
          group: bench.group, security: security)
      })
  }

  /// The lines of the server, once there are so many.
  private func lines(_ bench: Bench, count: Int) async throws -> [String] {
    for _ in 0..<3000 where bench.lines.all.count < count {
      try await Task.sleep(for: .milliseconds(10))
    }
    return bench.lines.all
  }

  @Test func whoIsKnownIsLetInByNameAndByAddress() async throws {
    let known = try TestCertificates("localhost,127.0.0.1")
    let bench = try await Bench(security: try Self.security(known["localhost"]))
    for (host, holder) in [("127.0.0.1", "client"), ("localhost", "localhost")] {
      let connection = try await WireConnection.connect(
        host: host, port: bench.server.port, hello: Hello(role: .client, program: "test"),
        group: bench.group, security: try Self.peer(known[holder]))
      // Many records of TLS, both ways.
      let ids = Array(1...30_000 as ClosedRange<UInt64>)
      let reply = try await connection.ask(FetchRequest(.echo, ids), timeout: .seconds(60))
      #expect(reply.rows.rowCount == ids.count + 1)
      connection.close()
    }
    #expect(bench.lines.all.isEmpty)
    try await bench.end()
  }

  @Test func everyRefusalIsOneLineOnEachSide() async throws {
    let known = try TestCertificates("127.0.0.1")
    try known.add(["late"], days: -1)
    let strange = try TestCertificates("127.0.0.1")
    let bench = try await Bench(security: try Self.security(known["127.0.0.1"]))
    var impostor = strange["client"]
    impostor.authority = known["client"].authority
    var believer = known["client"]
    believer.authority = strange["client"].authority
    let port = bench.server.port
    for (files, said, logged) in [
      (nil, "127.0.0.1:\(port) wants TLS", "127.0.0.1:\(port) wants TLS"),
      (
        impostor, "does not accept our certificate: its authority did not sign it",
        "the certificate of the peer is not signed by our authority"
      ),
      (
        known["late"], "does not accept our certificate: it has expired",
        "the certificate of the peer expired on 20"
      ),
      (
        believer, "the certificate of 127.0.0.1:\(port) is not signed by our authority",
        "the peer does not accept our certificate: its authority did not sign it"
      ),
    ] as [(TestCertificates.Files?, String, String)] {
      let before = bench.lines.all.count
      let error = try await refusal(bench, try files.map(Self.peer))
      #expect(error.message.contains(said), "\(error.message)")
      #expect(error.hint != nil && !error.message.contains("\n"))
      let lines = try await lines(bench, count: before + 1)
      #expect(lines.count == before + 1 && lines.last?.contains(logged) == true, "\(lines)")
    }
    try await bench.end()
  }

  @Test func theServerHasToBeTheOneThatWasCalled() async throws {
    let known = try TestCertificates("other.example,10.9.8.7")
    try known.add(["late"], days: -1)
    let elsewhere = try await Bench(security: try Self.security(known["other.example"]))
    let error = try await refusal(elsewhere, try Self.peer(known["client"]))
    #expect(
      error.message.contains("is not for that host, but for other.example, 10.9.8.7"),
      "\(error.message)")
    // A process that calls itself knows by what else it is itself.
    let own = try await WireConnection.connect(
      host: "127.0.0.1", port: elsewhere.server.port, hello: Hello(role: .client, program: "test"),
      group: elsewhere.group,
      security: PeerSecurity(toItself: try Self.security(known["other.example"])))
    own.close()
    try await elsewhere.end()
    let late = try await Bench(security: try Self.security(known["late"]))
    let expired = try await refusal(late, try Self.peer(known["client"]))
    #expect(expired.message.contains("expired on 20"), "\(expired.message)")
    try await late.end()
    // A certificate for asking is none for answering.
    let asker = try await Bench(security: try Self.security(known["client"]))
    let wrong = try await refusal(asker, try Self.peer(known["client"]))
    #expect(wrong.message.contains("for this use"), "\(wrong.message)")
    try await asker.end()
  }

  @Test func whoSpeaksTLSToAPortWithoutIsTold() async throws {
    let known = try TestCertificates("127.0.0.1")
    let bench = try await Bench()
    let error = try await refusal(bench, try Self.peer(known["client"]))
    #expect(
      error.message == "127.0.0.1:\(bench.server.port) does not speak TLS", "\(error.message)")
    #expect(bench.lines.all.count == 1)
    #expect(bench.lines.all.last?.contains("the peer speaks TLS, and this port does not") == true)
    try await bench.end()
  }

  @Test func garbageAndSilenceInTheHandshakeAreLetGo() async throws {
    let known = try TestCertificates("127.0.0.1")
    var limits = TransportLimits()
    limits.handshakeTimeout = .seconds(1)
    limits.tick = .milliseconds(20)
    let bench = try await Bench(limits, security: try Self.security(known["127.0.0.1"]))
    // Begins as a handshake does, and is none; ends within one; says nothing; drips.
    let head: [UInt8] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for number in 0..<40 {
      let garbage = (0..<600).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let peer = try await bench.raw()
      await peer.write((number % 2 == 0 ? head : [22]) + garbage)
      _ = try await peer.untilClosed()
    }
    for start in [[], [22], head] as [[UInt8]] {
      let peer = try await bench.raw()
      await peer.write(start)
      _ = try await peer.untilClosed()
    }
    let slow = try await bench.raw()
    while slow.channel.isActive {
      await slow.write([22])
      try await Task.sleep(for: .milliseconds(20))
    }
    let good = try await WireConnection.connect(
      host: "127.0.0.1", port: bench.server.port, hello: Hello(role: .client, program: "test"),
      group: bench.group, security: try Self.peer(known["client"]))
    _ = try await good.ask(FetchRequest(.echo), timeout: .seconds(30))
    good.close()
    // One line each, or its number in the line that stands for what is too much.
    #expect(bench.lines.all.count <= 44, "seed=\(seed)")
    #expect(bench.server.counts.refused.values.reduce(0, +) == 44, "seed=\(seed)")
    try await bench.end()
  }

  @Test func whoIsOneTooManyIsToldOverTLS() async throws {
    let known = try TestCertificates("127.0.0.1")
    var limits = TransportLimits()
    limits.connectionCountMax = 1
    limits.tick = .seconds(5)
    let bench = try await Bench(limits, security: try Self.security(known["127.0.0.1"]))
    let first = try await WireConnection.connect(
      host: "127.0.0.1", port: bench.server.port, hello: Hello(role: .client, program: "test"),
      group: bench.group, security: try Self.peer(known["client"]))
    let error = try await refusal(bench, try Self.peer(known["client"]))
    #expect(error.code == .busy, "\(error.message)")
    first.close()
    try await bench.end()
  }

  @Test func filesThatHaveChangedCountForNewConnections() async throws {
    let old = try TestCertificates("127.0.0.1")
    let new = try TestCertificates("127.0.0.1")
    let bench = try await Bench(security: try Self.security(old["127.0.0.1"]))
    func connect(_ files: TestCertificates.Files) async throws -> WireConnection {
      try await WireConnection.connect(
        host: "127.0.0.1", port: bench.server.port, hello: Hello(role: .client, program: "test"),
        group: bench.group, security: try Self.peer(files))
    }
    let open = try await connect(old["client"])
    // Half of a renewal: the key is another, the certificate is not. What was read before stays.
    let key = old["127.0.0.1"].key
    let kept = try Data(contentsOf: URL(filePath: key))
    try Data(contentsOf: URL(filePath: new["127.0.0.1"].key)).write(
      to: URL(filePath: key), options: .atomic)
    let between = try await connect(old["client"])
    between.close()
    try kept.write(to: URL(filePath: key), options: .atomic)
    // The whole of it.
    try old.replace("127.0.0.1", with: new["127.0.0.1"])
    let shown = try await refusal(bench, try Self.peer(old["client"]))
    #expect(shown.message.contains("is not signed by our authority"), "\(shown.message)")
    try Data(contentsOf: URL(filePath: new["client"].authority)).write(
      to: URL(filePath: old["client"].authority), options: .atomic)
    let renewed = try await connect(new["client"])
    _ = try await renewed.ask(FetchRequest(.echo), timeout: .seconds(30))
    // What was open goes on.
    _ = try await open.ask(FetchRequest(.echo), timeout: .seconds(30))
    open.close()
    renewed.close()
    try await bench.end()
  }

  @Test func filesThatAreNotAsTheyShouldBeAreNamed() throws {
    let known = try TestCertificates("a", "b")
    let files = known["a"]
    let none = known.folder.appending(path: "none").path
    func message(_ change: (inout TestCertificates.Files) -> Void) throws -> String {
      var changed = files
      change(&changed)
      return try #require(
        #expect(throws: ServiceError.self) { _ = try Self.security(changed) }
      ).message
    }
    #expect(
      try message { $0.certificate = none }
        == "--tls-certificate: '\(none)' cannot be read: No such file or directory")
    #expect(try message { $0.key = none }.hasPrefix("--tls-key: '\(none)' cannot be read"))
    #expect(try message { $0.authority = none }.hasPrefix("--tls-authority: '\(none)'"))
    #expect(try message { $0.certificate = $0.key }.hasSuffix("holds no certificate in PEM"))
    #expect(try message { $0.authority = $0.key }.hasSuffix("holds no certificate in PEM"))
    #expect(try message { $0.key = $0.certificate }.contains("holds no private key in PEM"))
    #expect(
      try message { $0.key = known["b"].key }
        == "--tls-key: '\(known["b"].key)' does not belong to the certificate '\(files.certificate)'"
    )
    #expect(try Self.security(files).warnings.isEmpty)
    chmod(files.key, 0o644)
    #expect(try Self.security(files).warnings.first?.contains("can be read by everybody") == true)
    try known.add(["late"], days: -1)
    #expect(try Self.security(known["late"]).warnings.first?.contains("expired on") == true)
    #expect(throws: ServiceError.self) {
      _ = try SecurityFiles(certificate: "c", key: nil, authority: "a")
    }
    #expect(try SecurityFiles(certificate: nil, key: nil, authority: nil) == nil)
  }
}

/// SplitMix64.
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
