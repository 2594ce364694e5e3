import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// Clusters that hang, ports of something else, and readers that go.
@Suite(.serialized) struct ClusterTroubleTests {
  /// The relay holds back the records, so a write is under way when the signal comes, however slow
  /// everything is.
  @Test func ctrlCEndsWhatWaitsForACoordinatorThatHangs() throws {
    let cluster = try ClusterSandbox(workers: ["a"])
    let sandbox = cluster.sandbox
    try EncodeTests.writeModel(to: sandbox)
    try EncodeTests.writePictures(5, to: sandbox)
    let ingest = ["ingest", "pictures", "-c", "c", "--model", "m", "-q"]
    #expect(try cluster.run(ingest).status == 0)
    for number in 5..<100 {
      try sandbox.write(GoldenCode.picture(number).png(), to: "pictures/q\(number).png")
    }
    try sandbox.makeDataset("d", count: 3000)
    try cluster.succeed("collection", "create", "d")
    for (arguments, stopped) in [
      (ingest, "5 of 100 pictures are in 'c'\n  hint: to go on"),
      (["load", "d", "-c", "d"], "0 of 3,000 records are on the disk in 'd'\n  hint: to go on"),
    ] {
      let relay = try LoopbackRelay(to: cluster.address, holdingAfter: 16 << 10)
      defer { relay.close() }
      let command = try sandbox.start(
        arguments + ["--timeout", "600"], environment: ["THUMBPRINT_COORDINATOR": relay.address])
      let isHolding = relay.waitUntilHolding { !command.isRunning }
      #expect(isHolding, "\(arguments)")
      command.send(signal: SIGINT)
      let outcome = try command.outcome()
      #expect(outcome.status == 130, "\(arguments): \(outcome)")
      #expect(outcome.errors.contains("thumbprint: stopped: \(stopped)"), "\(outcome.errors)")
    }
    // What was stopped goes on, with what had arrived for some shards, or without.
    let rest = try cluster.run(ingest.dropLast() + ["--json"]).json([String: Any].self)
    let (added, unchanged) = (rest["added"] as? Int ?? 0, rest["unchanged"] as? Int ?? 0)
    #expect(added > 0 && unchanged >= 5 && added + unchanged == 100, "\(rest)")
  }

  @Test func aPortOfAnotherProtocolIsNamed() throws {
    let (listener, port) = try LoopbackRelay.listen()
    defer { close(listener) }
    Thread.detachNewThread {
      let client = accept(listener, nil, nil)
      guard client >= 0 else { return }
      var request = [UInt8](repeating: 0, count: 4096)
      guard read(client, &request, request.count) > 0 else { return }
      let answer = Array("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".utf8)
      _ = write(client, answer, answer.count)
      // Until the other end has it: what is closed with bytes unread may be lost.
      while read(client, &request, request.count) > 0 {}
      close(client)
    }
    let outcome = try Sandbox().fail(
      69, "what listens at 127.0.0.1:\(port) does not speak Thumbprint's protocol", "collection",
      "list", "--coordinator", "127.0.0.1:\(port)")
    #expect(outcome.errors.contains("\n  hint: is it the HTTP port?"))
  }

  /// As `| head -1` does, but for certain before anything is written.
  @Test func aReaderThatGoesEndsQuietlyInAStoreAndInACluster() throws {
    let cluster = try ClusterSandbox(workers: ["a"])
    let sandbox = cluster.sandbox
    try sandbox.makeCollection(count: 40)
    try cluster.succeed("collection", "create", "c")
    try cluster.succeed("load", "data", "-c", "c", "-q")
    for environment in [[:], cluster.environment] {
      // Not a pipe: between two calls another test could hand on its end to a process of its own.
      var ends: [Int32] = [0, 0]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      let status = socketpair(AF_UNIX, kind, 0, &ends)
      try #require(status == 0)
      close(ends[0])
      let errors = sandbox.folder.appending(path: "errors")
      try Data().write(to: errors)
      let process = Process()
      process.executableURL = Sandbox.program
      process.arguments = ["query", "-c", "c", "--id", "1"]
      process.currentDirectoryURL = sandbox.folder
      process.environment = environment
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal, "\(environment)")
      #expect(process.terminationStatus == SIGPIPE, "\(environment)")
      #expect(try Data(contentsOf: errors).isEmpty, "\(environment)")
    }
  }
}
