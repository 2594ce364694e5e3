import Foundation
import HTTPTypes
import Testing
import ThumbprintGateway
import ThumbprintMonitoring

/// Who may make a browser change something.
@Suite struct BrowserRulesTests {
  @Test func pagesOfOthersChangeAndReadNothing() async throws {
    let site = try await Site()
    let own = "127.0.0.1:\(site.port)"
    let type = "Content-Type: application/json"
    for (headers, status) in [
      // Programs that are no browsers, and the page itself.
      (["Host: \(own)"], 201), (["Host: \(own)", "Sec-Fetch-Site: same-origin"], 200),
      (["Host: \(own)", "Sec-Fetch-Site: none"], 200),
      (["Host: \(own)", "Origin: http://\(own)"], 200),
      (["Host: localhost:\(site.port)", "Origin: http://localhost:\(site.port)"], 200),
      // Pages of others, under their name and under one that was given this address.
      (["Host: \(own)", "Sec-Fetch-Site: cross-site"], 403),
      (["Host: \(own)", "Sec-Fetch-Site: same-site"], 403),
      (["Host: \(own)", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"], 403),
      (["Host: \(own)", "Origin: https://evil.example"], 403),
      (["Host: \(own)", "Origin: http://127.0.0.1:1"], 403),
      (["Host: \(own)", "Origin: null"], 403),
      (["Host: evil.example:\(site.port)", "Origin: http://evil.example:\(site.port)"], 403),
      (["Host: evil.example"], 403),
    ] as [([String], Int)] {
      let body = Array(#"{"name": "c", "shards": 1}"#.utf8)
      let answer = try Socket.ask(
        "POST", "/api/v1/collections", port: site.port, headers: headers + [type], body: body)
      // It is there after the first time.
      #expect(answer.status == (status == 200 ? 409 : status), "\(headers): \(answer.text)")
    }
    // What a page may send without asking first: no JSON by that name, no picture.
    for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
      for (method, path) in [
        ("POST", "collections"), ("PUT", "collections/c/records"), ("POST", "cluster/rebalance"),
        ("POST", "collections/c/pictures?name=a"), ("POST", "collections/c/records/delete"),
      ] {
        let answer = try Socket.ask(
          method, "/api/v1/" + path, port: site.port,
          headers: ["Host: \(own)", "Content-Type: \(type)"], body: Array("{}".utf8))
        #expect(answer.status == 400 && answer.text.contains("content type"), "\(path): \(type)")
      }
    }
    // A link to the page from elsewhere is no harm; reading is.
    let link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"]
    #expect(try site.ask("GET", "/collections", headers: link).status == 200)
    let script = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]
    #expect(try site.ask("GET", "/collections", headers: script).status == 403)
    #expect(
      try !site.get("/collections").head.lowercased().contains("access-control-allow-origin"))
    // Metrics are nothing for others either, of a coordinator or a worker.
    for port in [site.port, site.pair.workerHTTP] {
      for headers in [["Host: localhost"] + script, ["Host: evil.example"]] {
        let answer = try Socket.ask("GET", "/metrics", port: port, headers: headers)
        #expect(answer.status == 403, "\(headers): \(answer.text.prefix(100))")
        for path in ["/livez", "/readyz"] {
          let probe = try Socket.ask("GET", path, port: port, headers: headers)
          #expect(probe.status == 200, "\(path)")
        }
      }
      #expect(try Socket.get("/metrics", port: port).status == 200)
    }
    // Errors are no less protected than answers.
    for (method, path, status) in [
      ("GET", "/collections", 200), ("GET", "/collections/none", 404), ("GET", "/none", 404),
      ("GET", "/collections?x=1", 400), ("PUT", "/cluster", 405), ("BREW", "/cluster", 400),
    ] {
      let answer = try site.ask(method, path)
      #expect(answer.status == status, "\(method) \(path): \(answer.text)")
      let head = answer.head.lowercased()
      for field in [
        "x-content-type-options: nosniff", "content-security-policy: default-src 'none'",
        "cross-origin-resource-policy: same-origin", "cache-control: no-store",
        "referrer-policy: no-referrer",
      ] { #expect(head.contains(field), "\(method) \(path): \(field)") }
    }
    await site.end()
  }

  @Test func namesAreThoseThatNobodyElseCanGive() {
    let open = ServerNames(host: "0.0.0.0", names: [])
    for name in ["10.1.2.3:8700", "[fe80::1]:8700", "localhost:8700", "coordinator:8700"] {
      #expect(open.include(name), "\(name)")
    }
    for name in ["evil.example:8700", "1.2.3.4.evil.example", "10.1.2.300", ""] {
      #expect(open.include(name) == (name == ""), "\(name)")
    }
    let named = ServerNames(host: "0.0.0.0", names: ["Pictures.example.org"])
    #expect(named.include("pictures.EXAMPLE.org:8700") && named.include("127.0.0.1:8700"))
    #expect(!named.include("10.1.2.3") && !named.include("evil.example"))
    let local = ServerNames(host: "127.0.0.1", names: [])
    #expect(local.include("[::1]:1") && local.include("LOCALHOST") && !local.include("10.1.2.3"))
  }

  @Test func aReadOnlyServerAnswersOnlyReadsUnderItsNames() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-names-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let process = try DaemonProcess(
      "thumbprint-coordinator",
      [
        "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http-access", "read-only",
        "--http-names", "pictures.example.org", "--model", "none", "--metadata",
        "lmdb:\(folder.appending(path: "metadata").path)",
      ], log: folder.appending(path: "log"))
    let port = try await process.port("listening for HTTP")
    for endpoint in Endpoint.all {
      let path = endpoint.path.replacing(#/\{[a-z]+\}/#, with: "7")
      let answer = try Socket.ask(
        endpoint.method.rawValue, path, port: port,
        headers: ["Host: pictures.example.org", "Content-Type: application/json"],
        body: endpoint.method == .get ? [] : Array("{}".utf8))
      #expect((answer.status == 403) == endpoint.isChange, "\(endpoint.operation): \(answer.text)")
      if endpoint.isChange { #expect(answer.text.contains("only reads"), "\(answer.text)") }
    }
    #expect(try Socket.get("/api/v1", port: port).text.contains("\"isReadOnly\":true"))
    #expect(try Socket.get("/api/v1", port: port, host: "evil.example").status == 403)
    // Probes are for whoever watches, under any name.
    #expect(try Socket.get("/livez", port: port, host: "elsewhere").status == 200)
    #expect(process.end() == 0)
  }
}
