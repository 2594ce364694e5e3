import Foundation
import Testing
import ThumbprintClient

/// What daemons do with files that are theirs, and with a log that nobody reads.
@Suite struct DaemonFilesTests {
  /// The story: folders of data could be read by every user of a host: names, tags, pictures.
  @Test func whatIsStoredIsForTheOwnerAlone() async throws {
    let pair = try await DaemonPair()
    try await pair.waitUntilReady()
    let client = try await ClusterClient.connect(
      host: "127.0.0.1", port: pair.coordinatorPort, program: "test")
    _ = try await client.createCollection("c", shardCount: 1, replicationFactor: 1)
    await client.close()
    var names: [String] = []
    for folder in ["data", "metadata"] {
      let root = pair.folder.appending(path: folder)
      let below = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String }
      for path in [root.path] + (below ?? []).map({ root.appending(path: $0).path }) {
        let facts = try FileManager.default.attributesOfItem(atPath: path)
        let mode = try #require(facts[.posixPermissions] as? Int)
        #expect(mode & 0o077 == 0, "\(path) has mode \(String(mode, radix: 8))")
        names.append(path)
      }
    }
    #expect(names.contains { $0.hasSuffix(".mdb") } && names.count > 5, "\(names)")
    #expect(pair.worker.end() == 0 && pair.coordinator.end() == 0)
  }

  /// The story: a daemon whose log was a pipe ended by itself once the reader of the pipe was gone,
  /// and one whose log was on a full disk crashed with the next line.
  @Test func aLogThatTakesNothingEndsNoDaemon() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-log-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let pipe = Pipe()
    let process = Process()
    process.executableURL = DaemonProcess.programs.appending(path: "thumbprint-coordinator")
    process.arguments = [
      "--listen", "127.0.0.1:0", "--metadata", "lmdb:\(folder.appending(path: "m").path)",
      "--log-level", "info",
    ]
    process.environment = [:]
    process.standardInput = FileHandle.nullDevice
    process.standardError = pipe
    try process.run()
    defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    try pipe.fileHandleForWriting.close()
    var text = ""
    while !text.contains("\n") {
      let more = pipe.fileHandleForReading.availableData
      if more.isEmpty { break }
      text += String(decoding: more, as: UTF8.self)
    }
    let match = try #require(text.firstMatch(of: /address=127.0.0.1:([0-9]+)/), "\(text)")
    let port = try #require(Int(match.output.1))
    try pipe.fileHandleForReading.close()
    for _ in 0..<3 {
      // A line of the log each.
      let socket = try Socket(port: port)
      socket.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      #expect(!socket.readToEnd().isEmpty)
    }
    let client = try await ClusterClient.connect(host: "127.0.0.1", port: port, program: "test")
    #expect(try await client.collections().isEmpty)
    await client.close()
    #expect(process.isRunning)
    process.terminate()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
  }
}
