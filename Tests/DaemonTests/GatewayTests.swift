import Foundation
import HTTPTypes
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintGateway
import ThumbprintImages
import ThumbprintMonitoring
import ThumbprintWire

/// The HTTP API of the coordinator, over its port.
@Suite struct GatewayTests {
  @Test func everyEndpointIsInTheDocumentAndNothingElse() throws {
    let paths = try OpenAPIDocument().paths
    var written: Set<[String]> = []
    for (path, methods) in paths {
      for (method, operation) in methods where method != "parameters" {
        let id = (operation as? [String: Any])?["operationId"] as? String
        written.insert([method.uppercased(), path, id ?? ""])
      }
    }
    let served = Set(Endpoint.all.map { [$0.method.rawValue, $0.path, $0.operation] })
    #expect(written == served)
  }

  @Test func thePageOfTheAPIListsEveryEndpointAndBound() throws {
    let text = try OpenAPIDocument.text(of: "docs/reference/http.md")
    let rows = text.matches(of: /\| ([A-Z]+) \| `([^`]+)` \|/).map {
      "\($0.output.1) \($0.output.2)"
    }
    #expect(
      rows.count == Endpoint.all.count
        && Set(rows)
          == Set(
            Endpoint.all.map {
              "\($0.method.rawValue) \($0.path)"
            })
    )
    for bound in [
      GatewayLimits.jsonByteCountMax, GatewayLimits.recordsByteCountMax,
      GatewayLimits.writeCountMax, GatewayLimits.pictureByteCountMax, GatewayLimits.pixelCountMax,
      GatewayLimits.matchCountMax, GatewayLimits.recordCountMax,
      GatewayLimits.picturesHeldByteCountMax, GatewayLimits.recordsHeldByteCountMax,
      HTTPServer.Limits().headByteCountMax,
    ] {
      let written = String("\(bound)".reversed()).matches(of: /.{1,3}/)
        .map { String($0.output.reversed()) }.reversed().joined(separator: ",")
      #expect(text.contains(written), "\(written)")
    }
    for bound in [
      "written at once | 4,096; \(GatewayLimits.writerCountMax) |",
      "of a sample | 1,000; \(GatewayLimits.sampleCountMax) |",
      "body of a request | \(GatewayLimits.bodySeconds) s |",
    ] { #expect(text.contains(bound), "\(bound)") }
  }

  @Test func whatIsAskedIsAnsweredAsOverTheProtocol() async throws {
    let site = try await Site()
    let made = try site.post("/collections", ["name": "photos", "shards": 3, "replicas": 1])
    #expect(made.status == 201)
    let again = try site.post("/collections", ["name": "photos"])
    #expect(again.status == 409 && again.text.contains("\"code\":\"exists\""))
    let names = ["<img src=x onerror=alert(1)>", String(repeating: "n", count: 1024), "a \"b\""]
    let records = (0..<200).map { number in
      Record(
        id: ItemID(number == 0 ? UInt64.max : UInt64(number)),
        name: number < 3 ? names[number] : nil, feature: Self.feature(number), image: ImageCode())
    }
    let collection = try await site.client.collection("photos")
    _ = try await collection.upsert(records)

    let found = try site.json(site.post("/collections/photos/search", ["id": "7", "k": 5]))
    let matches = try #require(found["matches"] as? [[String: Any]])
    var search = SearchRequest(collection: collection.id, extent: .nearest(5))
    search.append(feature: Self.feature(7))
    let reply = try await collection.search(search)
    #expect(
      matches.map { $0["id"] as? String }
        == (0..<5).map { "\(reply.rows.id($0).rawValue)" })
    #expect(matches.map { $0["distance"] as? Int } == reply.distances.map(Int.init))
    #expect(found["isComplete"] as? Bool == true && found["distanceMax"] as? Int == 4096)
    let certificate = try #require(found["certificate"] as? [String: Any])
    #expect((certificate["sentence"] as? String)?.contains("nearest of all 200 records") == true)

    // The same by the code itself, and names as they are, whatever is in them.
    let code = Self.feature(0).withUnsafeBytes { Data($0).base64EncodedString() }
    let nearest = try site.json(site.post("/collections/photos/search", ["feature": code, "k": 3]))
    let first = try #require((nearest["matches"] as? [[String: Any]])?.first)
    #expect(first["id"] as? String == "18446744073709551615" && first["distance"] as? Int == 0)
    #expect(first["name"] as? String == names[0])
    let fetched = try site.json(site.get("/collections/photos/records?ids=2,999999,1"))
    let list = try #require(fetched["records"] as? [[String: Any]])
    #expect(list.map { $0["id"] as? String } == ["2", "1"])
    #expect(list[1]["name"] as? String == names[1])

    // What only shows a picture is like nothing, but for its image code.
    let shown = Record(id: ItemID(300), name: nil, feature: FeatureCode(), image: ImageCode())
    _ = try await collection.upsert([shown])
    let refused = try site.post("/collections/photos/search", ["id": "300"])
    #expect(refused.status == 400 && refused.text.contains("record 300 has no feature code"))
    let combined = ["id": "300", "metric": "combined"]
    #expect(try site.post("/collections/photos/search", combined).status == 200)

    let sample = try site.json(site.get("/collections/photos/sample?count=20"))
    #expect(((sample["records"] as? [[String: Any]])?.count ?? 0) > 0)
    #expect(try site.get("/collections/photos/stats").text.contains("\"recordCount\""))
    #expect(try site.get("/collections").text.contains("\"name\":\"photos\""))
    #expect(try site.get("/cluster").text.contains("\"workers\""))
    #expect(try site.post("/cluster/rebalance", ["dryRun": true]).status == 200)
    #expect(try site.post("/cluster/workers/w/drain", ["dryRun": true]).status == 200)
    #expect(try site.ask("DELETE", "/collections/photos").status == 200)
    #expect(try site.get("/collections").text == "[]")
    await site.end()
  }

  @Test func picturesAreCodedAndShownAsByTheModel() async throws {
    let site = try await Site()
    let path = try #require(InstalledModel.path)
    let model = try Model(path: path)
    var picture = Picture(width: 90, height: 60, red: 200, green: 120, blue: 40)
    for i in stride(from: 0, to: picture.pixels.count, by: 7) { picture.pixels[i] = UInt8(i % 251) }
    let answer = try site.json(
      Socket.post(
        "/api/v1/codes", port: site.port, type: "image/png", try picture.png()))
    #expect(answer["coder"] as? String == model.identity.name)
    let image = model.codec.encode(picture)
    let text = try #require(answer["image"] as? String)
    #expect(text == image.withUnsafeBytes { $0.map { String(format: "%02x", $0) }.joined() })
    let feature = try #require(model.features).encode(picture)
    #expect(
      answer["feature"] as? String
        == feature.withUnsafeBytes { Data($0).base64EncodedString() })
    for byteCount in [16, 32, 48, 64] {
      let shown = try site.get("/thumbnails/\(text.prefix(2 * byteCount))")
      #expect(shown.head.contains("image/png"))
      // What is kept is asked for again soon: another model shows the same code otherwise.
      let tag = try #require(shown.head.firstMatch(of: /(?i)etag: (".*?")/)?.output.1)
      #expect(!shown.head.contains("immutable"))
      for (known, status) in [(tag, 304), ("\"other\", \(tag)", 304), ("\"other\"", 200)] {
        let again = try site.ask(
          "GET", "/thumbnails/\(text.prefix(2 * byteCount))", headers: ["If-None-Match: \(known)"])
        #expect(again.status == status && again.body.isEmpty == (status == 304))
      }
      let expected = model.codec.decode(image, byteCount: byteCount)
      #expect(try PictureReader.decode(shown.body) == expected)
    }
    await site.end()
  }

  @Test func hostileRequestsAreToldWhatIsWrong() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 1]).status == 201)
    let search = "/api/v1/collections/c/search"
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 20_000)
    let large = [UInt8](repeating: UInt8(ascii: " "), count: GatewayLimits.jsonByteCountMax + 1)
    for (body, status, part) in [
      (Array("{".utf8), 400, "is not JSON"), (deep, 400, "not JSON"), (large, 413, "65536 bytes"),
      (Array("[]".utf8), 400, "expected"), (Array("{}".utf8), 400, "'id' or 'feature'"),
      (Array(#"{"id": 7}"#.utf8), 400, "id: String is expected"),
      (Array(#"{"id": "-1"}"#.utf8), 400, "'-1' is no id"),
      (Array(#"{"id": "1"}"#.utf8), 404, "no record 1"),
      (Array(#"{"id": "1", "feature": ""}"#.utf8), 400, "not both"),
      (Array(#"{"feature": "AAAA"}"#.utf8), 400, "512 bytes in Base64"),
      (Array(#"{"id": "1", "promise": "recall=2"}"#.utf8), 404, "no record"),
    ] as [([UInt8], Int, String)] {
      let answer = try Socket.post(search, port: site.port, body)
      #expect(answer.status == status && answer.text.contains(part), "\(answer.text)")
    }
    let code = Data(repeating: 1, count: 512).base64EncodedString()
    for (fields, part) in [
      (["feature": Data(count: 512).base64EncodedString()], "stands for no feature code"),
      (["k": 0], "k: 0 is not in 1...1000"), (["k": 1001], "k: 1001"),
      (["within": 9999], "radius is 9999"), (["promise": "recall=2"], "0 < X < 1"),
      (["metric": "x"], "feature or combined"), (["metric": "combined"], "image:"),
      (["k": 1, "within": 1], "exclude each other"), (["coder": "NO!"], "no name of a coder"),
      (["image": "zz"], "64 bytes in hexadecimal"),
    ] as [([String: any Sendable], String)] {
      let answer = try site.post(
        "/collections/c/search", ["feature": code].merging(fields) { $1 })
      #expect(answer.status == 400 && answer.text.contains(part), "\(answer.text)")
    }
    for (path, status, part) in [
      ("/collections/none", 404, "no collection 'none'"), ("/collections/%zz", 400, "escaped"),
      ("/collections/..%2f..%2fetc", 404, "no collection"), ("/nothing", 404, "nothing at"),
      ("/collections/c/records", 400, "ids are missing"),
      ("/collections/c/records?ids=1,,2", 400, "'' is no id"),
      (
        "/collections/c/records?ids=\(Array(repeating: "1", count: 1001).joined(separator: ","))",
        413, "1001 ids"
      ),
      ("/collections/c/sample?count=x", 400, "count: 'x'"),
      ("/thumbnails/00", 400, "16, 32, 48 or 64"),
      ("/thumbnails/\(String(repeating: "g", count: 32))", 400, "hexadecimal"),
    ] {
      let answer = try site.get(path)
      #expect(answer.status == status && answer.text.contains(part), "\(path): \(answer.text)")
      #expect(answer.text.contains("\"requestId\":\""), "\(path)")
    }
    for (type, body, status, part) in [
      ("image/png", Array("no picture".utf8), 400, "neither PNG nor JPEG"),
      ("image/jpeg", [0xFF, 0xD8, 0xFF], 400, "the picture:"),
      ("text/plain", [1], 400, "content type"), ("image/png", [], 400, "the file is empty"),
      (
        "image/png", [UInt8](repeating: 0, count: GatewayLimits.pictureByteCountMax + 1), 413,
        "16777216 bytes"
      ),
    ] as [(String, [UInt8], Int, String)] {
      let answer = try Socket.post("/api/v1/codes", port: site.port, type: type, body)
      #expect(answer.status == status && answer.text.contains(part), "\(type): \(answer.text)")
    }
    await site.end()
  }

  @Test func thePageLoadsNothingOfOthers() async throws {
    let site = try await Site()
    let page = try Socket.get("/", port: site.port)
    #expect(
      page.status == 200
        && page.head.lowercased().contains("content-security-policy: default-src 'none'"))
    var names = page.text.matches(of: /(?:src|href)="([^"#]+)"/).map { String($0.output.1) }
    var scripts = names.filter { $0.hasSuffix(".js") }
    while let name = scripts.popLast() {
      let script = try Socket.get("/" + name, port: site.port).text
      let imports = script.matches(of: /from "\.\/([^"]+)"/).map { String($0.output.1) }
      let new = Set(imports).subtracting(names)
      names += new
      scripts += new
    }
    #expect(names.count == 9, "\(names)")
    for name in names {
      let path = "/" + name
      let file = try Socket.get(path, port: site.port)
      #expect(file.status == 200, "\(path)")
      let foreign = file.text.matches(of: /https?:\/\/[^"' ]+/).map { String($0.output) }
      #expect(foreign.allSatisfy { $0 == "http://www.w3.org/2000/svg" }, "\(path): \(foreign)")
      for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        #expect(!file.text.contains(way), "\(path): names could become markup through \(way)")
      }
    }
    #expect(!page.text.contains("http://") && !page.text.contains("https://"))
    await site.end()
  }

  private static func feature(_ number: Int) -> FeatureCode {
    var code = FeatureCode()
    code.withUnsafeMutableBytes { bytes in
      for i in 0...number { bytes[(i * 37) % 512] ^= UInt8(1 << (i % 8)) }
    }
    return code
  }
}
