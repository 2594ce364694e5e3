import Foundation
import Glibc
import Testing

/// `Cluster/local-cluster` and `Cluster/certificates`, where they have to refuse. Nothing is started:
/// the executables that they find end at once.
@Suite struct ClusterScriptTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "thumbprint-scripts-\(UUID().uuidString)")

  init() throws {
    let programs = folder.appending(path: "bin")
    try FileManager.default.createDirectory(at: programs, withIntermediateDirectories: true)
    for name in ["thumbprint-coordinator", "thumbprint-shard"] {
      let file = programs.appending(path: name)
      try "#!/bin/sh\nexit 1\n".write(to: file, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }
  }

  private func removeFolder() { try? FileManager.default.removeItem(at: folder) }

  /// Workers would join whatever cluster has the port.
  @Test func aPortThatAnswersIsRefused() throws {
    defer { removeFolder() }
    let listener = try Listener()
    defer { listener.close() }
    // It takes the place of the coordinator, whose port has to be below 64,000.
    try #require(listener.port <= 64_000)
    let run = try run("Cluster/local-cluster", "up", "--dir", "new", "--port", "\(listener.port)")
    #expect(run.status == 69, "\(run)")
    #expect(run.output.contains("port \(listener.port), which coordinator needs"), "\(run)")
    #expect(!exists("new"))
  }

  /// One that is left out would run on, and nothing would end it.
  @Test func workersAreNotLeftOut() throws {
    defer { removeFolder() }
    let cluster = folder.appending(path: "kept")
    try FileManager.default.createDirectory(at: cluster, withIntermediateDirectories: true)
    for (name, text) in [(".local-cluster", ""), ("settings", "3 7700\n")] {
      try text.write(to: cluster.appending(path: name), atomically: true, encoding: .utf8)
    }
    let run = try run("Cluster/local-cluster", "up", "--dir", "kept", "--workers", "2")
    #expect(run.status == 64, "\(run)")
    #expect(run.output.contains("has 3 workers, and --workers 2 is fewer"), "\(run)")
    let settings = try String(contentsOf: cluster.appending(path: "settings"), encoding: .utf8)
    #expect(settings == "3 7700\n")
  }

  @Test func certificatesAreForLongNamesTooAndLeaveNothingBehind() throws {
    defer { removeFolder() }
    let long = String(repeating: "a", count: 60) + "." + String(repeating: "b", count: 60)
    let made = try run("Cluster/certificates", "made", long)
    #expect(made.status == 0, "\(made)")
    #expect(exists("made/\(long).crt") && exists("made/\(long).key"))
    let failed = try run("Cluster/certificates", "made", "999.1.1.1")
    #expect(failed.status == 70, "\(failed)")
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: "made").path)
    let ours = ["authority", "client", long].flatMap { [$0 + ".crt", $0 + ".key"] }
    #expect(names.sorted() == ours.sorted())
  }

  private func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: path).path)
  }

  private func run(
    _ script: String, _ arguments: String...
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = Project.root.appending(path: script)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = [
      "PATH": "/usr/bin:/bin", "THUMBPRINT_BIN": folder.appending(path: "bin").path,
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

/// A port of loopback that somebody listens on.
private struct Listener {
  let port: UInt16
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
          ? getsockname(descriptor, $0, &length) : -1
      }
    }
    guard status == 0 else {
      _ = Glibc.close(descriptor)
      throw POSIXError(.EADDRNOTAVAIL)
    }
    port = UInt16(bigEndian: address.sin_port)
    self.descriptor = descriptor
  }

  func close() { _ = Glibc.close(descriptor) }
}
