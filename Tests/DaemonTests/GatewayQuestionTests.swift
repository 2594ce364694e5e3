import Foundation
import HTTPTypes
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintGateway
import ThumbprintImages
import ThumbprintWire

/// What is asked wrongly is refused with its place and its bound, and nothing is done.
@Suite struct GatewayQuestionTests {
  @Test func parametersAreThoseOfTheDocument() throws {
    let paths = try OpenAPIDocument().paths
    for endpoint in Endpoint.all {
      let method = endpoint.method.rawValue.lowercased()
      let operation = try #require(paths[endpoint.path]?[method] as? [String: Any])
      let parameters = operation["parameters"] as? [[String: Any]] ?? []
      let names = parameters.filter { $0["in"] as? String == "query" }
        .compactMap { $0["name"] as? String }
      #expect(endpoint.parameters == Set(names), "\(endpoint.operation)")
    }
  }

  /// A worker was drained by what was meant to only say what that would do.
  @Test func unknownParametersAreRefusedByEveryEndpoint() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 1]).status == 201)
    let collection = try await site.client.collection("c")
    _ = try await collection.upsert([
      Record(id: ItemID(7), name: "n", feature: FeatureCode(), image: ImageCode())
    ])
    for endpoint in Endpoint.all {
      var path = endpoint.path.replacing("{collection}", with: "c").replacing("{id}", with: "7")
      path = path.replacing("{worker}", with: "w").replacing("{move}", with: "7")
      path = path.replacing("{code}", with: String(repeating: "0", count: 32))
      for parameter in ["dryRun", "coder", "k"] {
        let answer = try Socket.ask(
          endpoint.method.rawValue, "\(path)?\(parameter)=1", port: site.port,
          headers: ["Host: localhost", "Content-Type: application/json"],
          body: endpoint.method == .get ? [] : Array("{}".utf8))
        #expect(
          answer.status == 400 && answer.text.contains("the parameter '\(parameter)' is not known"),
          "\(endpoint.operation): \(answer.text)")
      }
    }
    // An empty body says nothing, and not that all is to be done.
    for path in ["/cluster/workers/w/drain", "/cluster/rebalance"] {
      let answer = try site.ask("POST", path, headers: ["Content-Type: application/json"])
      #expect(answer.status == 400 && answer.text.contains("is empty"), "\(answer.text)")
    }
    let cluster = try site.get("/cluster").text
    #expect(cluster.contains("\"state\":\"active\"") && !cluster.contains("draining"))
    #expect(try await collection.records([ItemID(7)]).count == 1)
    await site.end()
  }

  @Test func errorsNameTheirPlace() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 1]).status == 201)
    let code = Data(count: 512).base64EncodedString()
    for (method, path, body, part) in [
      (
        "PUT", "/collections/c/records", #"{"records": [{"id": "1", "feature": "", "nam": "x"}]}"#,
        "records.0 has an unknown key 'nam'"
      ),
      ("PUT", "/collections/c/records", #"{"recrods": []}"#, "body of the request has an unknown"),
      ("POST", "/collections/c/search", #"{"id": "1", "k": 2.5}"#, "k: a whole number"),
      ("POST", "/collections/c/search", #"{"id": "1", "within": 1e40}"#, "within: a whole number"),
      ("POST", "/collections/c/search", #"{"id": "1", "k": "5"}"#, "k: a whole number"),
      ("POST", "/collections/c/search", #"{"id": "1", "k": 5"#, "is not JSON"),
      ("POST", "/collections/c/search", #"{"id": "1", "image": "zz"}"#, "image: a record"),
      ("POST", "/collections/c/search", #"{"feature": "\#(code)", "image": "zz"}"#, "image: has"),
      ("POST", "/collections", #"{"name": "d", "shards": 1.5}"#, "shards: a whole number"),
      ("POST", "/collections", #"{"name": "."}"#, "is not '.' or '..'"),
      ("POST", "/collections", #"{"name": ".."}"#, "is not '.' or '..'"),
    ] {
      let answer = try Socket.ask(
        method, "/api/v1" + path, port: site.port,
        headers: ["Host: localhost", "Content-Type: application/json"], body: Array(body.utf8))
      #expect(answer.status == 400 && answer.text.contains(part), "\(body): \(answer.text)")
    }
    let name = String(repeating: "n", count: 1025)
    let picture = try Socket.post(
      "/api/v1/collections/c/pictures?name=\(name)", port: site.port, type: "image/png", [1])
    #expect(picture.status == 400 && picture.text.contains("name: 1025 bytes; the most is 1024"))

    // As many ids as may be asked for, each as long as one can be, escaped as some clients do.
    let ids = (0..<GatewayLimits.recordCountMax).map { "\(UInt64.max - UInt64($0))" }
    for separator in [",", "%2C"] {
      let answer = try site.get("/collections/c/records?ids=\(ids.joined(separator: separator))")
      #expect(answer.status == 200 && answer.text == #"{"records":[]}"#, "\(answer.text)")
    }
    await site.end()
  }

  /// Eight of them once kept all others from having a picture coded.
  @Test func slowPicturesAndRecordsKeepNoOthersWaiting() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 1]).status == 201)
    let slow = try (0..<40).map { number in
      let socket = try Socket(port: site.port)
      let (method, path, type) =
        number % 2 == 0
        ? ("POST", "codes", "image/png") : ("PUT", "collections/c/records", "application/json")
      socket.write(
        Array(
          ("\(method) /api/v1/\(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: \(type)\r\n"
            + "Content-Length: 1000\r\n\r\n{").utf8))
      return socket
    }
    let file = try Picture(width: 80, height: 60, red: 30, green: 120, blue: 240).png()
    let feature = Data(count: 512).base64EncodedString()
    let body: [String: any Sendable] = ["records": [["id": "1", "feature": feature]]]
    for _ in 0..<3 {
      let coded = try Socket.post("/api/v1/codes", port: site.port, type: "image/png", file)
      #expect(coded.status == 200, "\(coded.text)")
      #expect(try site.send("PUT", "/collections/c/records", body).status == 200)
    }
    withExtendedLifetime(slow) {}
    await site.end()
  }

  @Test func sentencesSayWhatWasAskedAndProved() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 1]).status == 201)
    let collection = try await site.client.collection("c")
    let records = (0..<48).map { number in
      var feature = FeatureCode()
      feature.withUnsafeMutableBytes { bytes in
        for byte in 0..<number { bytes[byte] = 0xff }
        // A code without any bit would be none.
        bytes[511] = 1
      }
      return Record(id: ItemID(UInt64(number)), feature: feature, image: ImageCode())
    }
    _ = try await collection.upsert(records)
    _ = try await collection.delete((0..<5).map { ItemID($0) })
    let code = (Data(count: 511) + [1]).base64EncodedString()
    for (fields, sentence) in [
      (["k": 3], "these are the nearest of all 43 records"),
      (["within": 80], "these are the ones within 80 bits among all 43 records"),
      (["within": 39], "nothing is within 39 bits among all 43 records"),
      (["k": 3, "maxDistance": 40], "these are the ones within 40 bits among all 43 records"),
      (["k": 1, "maxDistance": 40], "these are the nearest of all 43 records"),
      (["k": 1, "maxDistance": 1], "nothing is within 1 bit among all 43 records"),
      (["within": 80, "maxDistance": 7], "nothing is within 7 bits among all 43 records"),
    ] as [([String: any Sendable], String)] {
      for promise in ["exact", "certified"] {
        let body = fields.merging(["feature": code, "promise": promise]) { $1 }
        let answer = try site.json(site.post("/collections/c/search", body))
        let certificate = try #require(answer["certificate"] as? [String: Any])
        let text = try #require(certificate["sentence"] as? String)
        #expect(text.contains(": \(sentence)"), "\(text)")
      }
    }
    await site.end()
  }
}
