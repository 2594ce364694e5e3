import Foundation
import Testing
import ThumbprintMonitoring
import ThumbprintServer

/// Holds docs/reference/metrics.md to what the executables show, both ways.
@Suite struct MetricsReferenceTests {
  @Test func everyMetricIsDocumentedAndNothingElse() async throws {
    let pair = try await DaemonPair()
    try await pair.waitUntilReady()
    let page = try Self.page()
    for (heading, port) in [
      ("Coordinator", pair.coordinatorHTTP), ("Worker", pair.workerHTTP),
    ] {
      let answer = try Socket.get("/metrics", port: port)
      #expect(answer.status == 200)
      #expect(answer.head.contains("text/plain; version=0.0.4"))
      let shown = Self.metrics(in: answer.text)
      let written = page["Both"]!.merging(page[heading]!) { a, _ in a }
      #expect(shown == written, "\(heading): the page and the program differ")
    }
    #expect(pair.worker.end() == 0)
    #expect(pair.coordinator.end() == 0)
  }

  @Test func numbersAreOfTheProcess() async throws {
    let pair = try await DaemonPair()
    try await pair.waitUntilReady()
    let coordinator = try Socket.get("/metrics", port: pair.coordinatorHTTP).text
    #expect(coordinator.contains("\nthumbprint_workers{state=\"active\"} 1\n"))
    #expect(coordinator.contains("\nthumbprint_collections 0\n"))
    let memory = try #require(coordinator.firstMatch(of: /process_resident_memory_bytes ([0-9]+)/))
    #expect(try #require(Int(memory.output.1)) > 1 << 20)
    let worker = try Socket.get("/metrics", port: pair.workerHTTP).text
    #expect(worker.contains("\nthumbprint_registered 1\n"))
    // No worker: the coordinator notices, and says so; there is no collection that misses it.
    pair.worker.end()
    while try !Socket.get("/metrics", port: pair.coordinatorHTTP).text
      .contains("\nthumbprint_workers{state=\"lost\"} 1\n")
    { try await Task.sleep(for: .milliseconds(20)) }
    #expect(try Socket.get("/readyz", port: pair.coordinatorHTTP).status == 200)
    #expect(try Socket.get("/livez", port: pair.coordinatorHTTP).status == 200)
    // No coordinator: a worker that is alone is alive and not ready.
    let lonely = try DaemonProcess(
      "thumbprint-shard",
      [
        "--data", pair.folder.appending(path: "lonely").path, "--name", "lonely", "--coordinator",
        "127.0.0.1:1", "--http", "127.0.0.1:0",
      ], log: pair.folder.appending(path: "lonely.log"))
    let port = try await lonely.port("listening for HTTP")
    #expect(try Socket.get("/livez", port: port).status == 200)
    let ready = try Socket.get("/readyz", port: port)
    #expect(ready.status == 503 && ready.text.contains("the coordinator does not know this worker"))
    let nothing = try Socket.get("/nothing", port: port)
    #expect(nothing.status == 404 && nothing.text.contains("\"code\":\"notFound\""))
    lonely.end()
    pair.coordinator.end()
  }

  @Test func anAddressInUseIsNamed() async throws {
    let pair = try await DaemonPair()
    let second = try DaemonProcess(
      "thumbprint-coordinator",
      [
        "--listen", "127.0.0.1:0", "--metadata", "lmdb:\(pair.folder.appending(path: "m2").path)",
        "--http", "127.0.0.1:\(pair.coordinatorHTTP)",
      ], log: pair.folder.appending(path: "second.log"))
    while second.isRunning { try await Task.sleep(for: .milliseconds(5)) }
    #expect(second.end() == 69)
    #expect(
      second.lines.last?.hasPrefix(
        "thumbprint-coordinator: error: cannot listen on 127.0.0.1:\(pair.coordinatorHTTP)")
        == true,
      "\(second.lines)")
    pair.worker.end()
    pair.coordinator.end()
  }

  /// Kinds and labels by name, of `# TYPE` lines and the series under them.
  private static func metrics(in text: String) -> [String: String] {
    var kinds: [String: String] = [:]
    var labels: [String: Set<String>] = [:]
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        kinds[String(words[2])] = String(words[3])
      } else if let match = line.firstMatch(of: /^([a-z_]+)\{([a-z]+)="([^"]*)"\}/),
        match.output.2 != "le"
      {
        labels[String(match.output.1), default: []].insert("\(match.output.2)=\(match.output.3)")
      }
    }
    return Dictionary(
      uniqueKeysWithValues: kinds.map { name, kind in
        (name, ([kind] + (labels[name] ?? []).sorted()).joined(separator: " "))
      })
  }

  /// The same of the tables of the page, by heading: `| name | kind | label | … |`, a label being
  /// written as `label`: `value`, `value`.
  private static func page() throws -> [String: [String: String]] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appending(path: "docs/reference/metrics.md"), encoding: .utf8)
    var page: [String: [String: String]] = [:]
    var heading = ""
    for line in text.split(separator: "\n") {
      if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
      guard !heading.isEmpty, line.hasPrefix("| `") else { continue }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      let words = cells[2].matches(of: /`([^`]+)`/).map { String($0.output.1) }
      let labels = words.dropFirst().map { "\(words[0])=\($0)" }.sorted()
      page[heading, default: [:]][cells[0].replacing("`", with: "")] =
        ([cells[1]] + labels).joined(separator: " ")
    }
    return page
  }
}
