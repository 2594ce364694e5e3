import Foundation
import Synchronization
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// Peers that break the rules, against the executables: no crash, a line of the log each, nothing
/// left of them when they are gone, and clients that notice nothing.
@Suite struct HostileConnectionTests {
  private static let limits = [
    "--handshake-timeout", "1s", "--frame-timeout", "1s", "--connection-limit", "2100",
  ]

  /// Bytes, and what an honest server says to them; `nil` if they end before there is anything to
  /// say.
  private static var attacks: [(name: String, bytes: [UInt8], code: ServiceError.Code?)] {
    let hello = Frame(asking: Hello(role: .client, program: "hostile"), requestID: 1).encoded()
    var garbage: [UInt8] = []
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<4096 { garbage.append(UInt8.random(in: 0...255, using: &generator)) }
    garbage[0] = 0
    var version = hello
    version[4] = 99
    let sum = WireChecksum.of(version[..<48])
    for i in 0..<8 { version[48 + i] = UInt8(truncatingIfNeeded: sum >> (8 * i)) }
    var damaged = hello
    damaged[60] ^= 1
    var length = hello
    for i in 12..<16 { length[i] = 0xff }
    let bodyOfLies = [UInt8](repeating: 0, count: WireLimits.handshakeByteCountMax + 1)
    return [
      ("another protocol", Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), .malformed),
      ("garbage", garbage, .malformed),
      ("another version", version, .unsupportedVersion),
      ("a damaged frame", damaged, .malformed),
      ("a length that is not what the checksum is of", length, .malformed),
      (
        "a length above the bound",
        FrameHeader(type: .hello, requestID: 1).encoded(body: bodyOfLies), .tooLarge
      ),
      (
        "no hello", Frame(asking: Ping(token: 1), requestID: 1).encoded(), .refused
      ),
      ("half a header, then silence", Array(hello[..<30]), .tooSlow),
      ("nothing at all", [], .tooSlow),
      ("hello, then half a frame", hello + hello[..<20], .tooSlow),
    ]
  }

  @Test func eachIsToldWhyAndLoggedOnce() async throws {
    let pair = try await DaemonPair(Self.limits)
    try await pair.waitUntilReady()
    let attacks = Self.attacks
    for port in [pair.coordinatorPort, pair.workerPort] {
      let isWorker = port == pair.workerPort
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (name, bytes, code) in attacks {
          group.addTask { try await Self.attack(port, bytes, code, name, isWorker: isWorker) }
        }
        group.addTask { try await Self.drip(port) }
        group.addTask { try Self.leaveWithinAFrame(port) }
        try await group.waitForAll()
      }
    }
    for daemon in [pair.worker, pair.coordinator] {
      #expect(daemon.isRunning)
      #expect(daemon.end() == 0)
      let lines = daemon.lines.filter { $0.contains(" refused ") || $0.contains(" cut off ") }
      #expect(lines.count == attacks.count + 2, "\(lines.joined(separator: "\n"))")
      #expect(lines.allSatisfy { $0.contains(" peer=127.0.0.1:") && $0.contains(" connection=") })
    }
  }

  private static func attack(
    _ port: Int, _ bytes: [UInt8], _ code: ServiceError.Code?, _ name: String, isWorker: Bool
  ) async throws {
    let socket = try Socket(port: port)
    socket.write(bytes)
    let answer = socket.readToEnd()
    var decoder = FrameDecoder()
    var last: Frame?
    try answer.withUnsafeBytes {
      var rest = $0
      while let frame = try decoder.next(&rest) { last = frame }
    }
    let error = try last.map { try ErrorMessage.decoded($0.body).error }
    // A worker says hello to workers and coordinators alone.
    let isTurnedAway = isWorker && name == "hello, then half a frame"
    #expect(
      error?.code == (isTurnedAway ? .refused : code), "\(name): \(String(describing: error))")
  }

  /// A byte now and then: never silent, and never done.
  private static func drip(_ port: Int) async throws {
    let socket = try Socket(port: port)
    let hello = Frame(asking: Hello(role: .client, program: "drip"), requestID: 1).encoded()
    for byte in hello {
      guard socket.write([byte]) else { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("a hello of \(hello.count) bytes took its time and was let in")
  }

  private static func leaveWithinAFrame(_ port: Int) throws {
    let socket = try Socket(port: port)
    socket.write(Array(Frame(asking: Ping(token: 1), requestID: 1).encoded()[..<12]))
  }

  @Test func thousandsOfIdleConnectionsHarmNobody() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    try #require(limit.rlim_cur > 2600, "this test needs 2,600 open files")
    let pair = try await DaemonPair(Self.limits)
    try await pair.waitUntilReady()
    let client = try await ClusterClient.connect(
      host: "127.0.0.1", port: pair.coordinatorPort, program: "test")
    let collection = try await client.createCollection("c", shardCount: 2, replicationFactor: 1)
    _ = try await collection.upsert(
      (1...50).map {
        Record(id: ItemID($0), name: "n\($0)", feature: FeatureCode(), image: ImageCode())
      })
    var search = SearchRequest(collection: collection.id, extent: .nearest(3))
    search.append(feature: FeatureCode())
    for _ in 0..<100 { _ = try await collection.search(search) }
    let fileCount = pair.coordinator.fileCount
    let memory = pair.coordinator.memoryByteCount
    let end = End()

    try await withThrowingTaskGroup(of: Int.self) { group in
      group.addTask { [search] in
        var count = 0
        // Once at least: on a busy machine this may begin when all is over.
        repeat {
          let reply = try await collection.search(search)
          #expect(reply.distances.count == 3)
          count += 1
        } while !end.isReached.load(ordering: .relaxed)
        return count
      }
      var idle: [Socket] = []
      for _ in 0..<2300 { idle.append(try Socket(port: pair.coordinatorPort)) }
      // Those that are one too many hear at once, the others when they have said nothing too long.
      let lastWords = String(decoding: try #require(idle.last).readToEnd(), as: UTF8.self)
      #expect(lastWords.isEmpty || lastWords.contains("connections are open"))
      for socket in idle.prefix(2050) {
        let words = String(decoding: socket.readToEnd(), as: UTF8.self)
        #expect(words.contains("no 'hello' within 1.0 s"))
      }
      idle = []
      while pair.coordinator.fileCount > fileCount + 2 {
        try await Task.sleep(for: .milliseconds(20))
      }
      end.isReached.store(true, ordering: .relaxed)
      for try await count in group { #expect(count > 0, "no query was answered") }
    }
    #expect(pair.coordinator.memoryByteCount < memory + 64 << 20)
    let metrics = try Socket.get("/metrics", port: pair.coordinatorHTTP).text
    #expect(metrics.contains("\nthumbprint_queries_total{outcome=\"failed\"} 0\n"))
    let slow = try #require(
      metrics.firstMatch(of: /connections_refused_total\{reason="tooSlow"\} ([0-9]+)/))
    #expect(try #require(Int(slow.output.1)) >= 2000)
    await client.close()
    #expect(pair.worker.end() == 0 && pair.coordinator.end() == 0)
    let lines = pair.coordinator.lines
    #expect(lines.filter { $0.contains(" refused ") }.count <= 50)
    #expect(lines.contains { $0.contains("more of the same") && $0.contains("tooSlow: ") })
  }

  private final class End: Sendable {
    let isReached = Atomic(false)
  }

  @Test func codesOfAnotherCoderAreRefusedByName() async throws {
    let pair = try await DaemonPair(Self.limits)
    try await pair.waitUntilReady()
    let client = try await ClusterClient.connect(
      host: "127.0.0.1", port: pair.coordinatorPort, program: "test",
      coder: CoderIdentity("theirs"))
    let error = await #expect(throws: ServiceError.self) {
      let collection = try await client.createCollection(
        "c", shardCount: 1, replicationFactor: 1, coder: CoderIdentity("ours"))
      var search = SearchRequest(collection: collection.id, extent: .nearest(1))
      search.append(feature: FeatureCode())
      _ = try await collection.search(search)
    }
    #expect(error?.code == .coderMismatch)
    #expect(
      error?.message.contains("'theirs'") == true && error?.message.contains("'ours'") == true)
    await client.close()
    pair.worker.end()
    pair.coordinator.end()
    let line = try #require(pair.coordinator.lines.first { $0.contains("request failed") })
    for part in ["code=coderMismatch", "connection=", "request=", "trace=", "type=search", "ms="] {
      #expect(line.contains(part), "\(line)")
    }
  }
}
