import Foundation
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintGateway
import ThumbprintImages
import ThumbprintWire

/// What changes something over HTTP, and answers as openapi.yaml says.
@Suite struct GatewayWriteTests {
  private let document: OpenAPIDocument

  init() throws { document = try OpenAPIDocument() }

  private func read(_ answer: Socket.Answer, as schema: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(answer.body))
    #expect(try document.problems(of: value, as: schema).isEmpty, "\(answer.text.prefix(500))")
    return try #require(value as? [String: Any])
  }

  /// Ids in runs with gaps between, the last possible one, and a code that tells them apart.
  private static func record(_ id: UInt64) -> Record {
    var feature = FeatureCode()
    feature.withUnsafeMutableBytes { $0.storeBytes(of: id, as: UInt64.self) }
    return Record(
      id: ItemID(id), name: "n\(id)", tags: ["colour": "red"], feature: feature, image: ImageCode())
  }

  private static func body(_ record: Record) -> [String: any Sendable] {
    [
      "id": "\(record.id)", "name": record.name ?? "", "tags": record.tags,
      "feature": record.feature.withUnsafeBytes { Data($0).base64EncodedString() },
    ]
  }

  @Test func recordsAreStoredReadAndDeletedByTheirIDs() async throws {
    let site = try await Site()
    #expect(
      try site.post("/collections", ["name": "c", "shards": 3, "coder": "our-coder"]).status == 201)
    let ids = (0..<50).map { UInt64($0) } + (0..<50).map { 1 << 40 + UInt64($0) } + [.max]
    let body: [String: any Sendable] = [
      "records": ids.map { Self.body(Self.record($0)) }, "coder": "our-coder",
    ]
    let first = try read(site.send("PUT", "/collections/c/records", body), as: "Upserted")
    #expect(first["added"] as? Int == 101 && first["unchanged"] as? Int == 0)
    let second = try read(site.send("PUT", "/collections/c/records", body), as: "Upserted")
    #expect(second["added"] as? Int == 0 && second["unchanged"] as? Int == 101)
    // They are those that other programs see.
    let collection = try await site.client.collection("c")
    #expect(collection.description.coder?.name == "our-coder")
    let stored = try await collection.records(ids.map { ItemID($0) })
    for id in ids { #expect(stored[ItemID(id)] == Self.record(id)) }

    let one = try read(site.get("/collections/c/records/\(UInt64.max)"), as: "Record")
    #expect(one["name"] as? String == "n\(UInt64.max)")
    #expect(try site.get("/collections/c/records/50").status == 404)
    for limit in [1, 7, 100, 1000] {
      var seen: [String] = []
      var after = ""
      var pageCount = 0
      repeat {
        let path = "/collections/c/scroll?limit=\(limit)\(after)"
        let page = try read(site.get(path), as: "Page")
        let records = try #require(page["records"] as? [[String: Any]])
        #expect(records.count <= limit)
        seen += records.compactMap { $0["id"] as? String }
        after = (page["next"] as? String).map { "&after=\($0)" } ?? ""
        pageCount += 1
      } while !after.isEmpty && pageCount <= ids.count
      #expect(seen == ids.map { "\($0)" }, "limit \(limit)")
    }
    let gone = try read(site.ask("DELETE", "/collections/c/records/0"), as: "Deleted")
    #expect(gone["deleted"] as? Int == 1 && gone["absent"] as? Int == 0)
    let many: [String: any Sendable] = ["ids": ["0", "1", "2", "\(UInt64.max)"]]
    let deleted = try read(site.post("/collections/c/records/delete", many), as: "Deleted")
    #expect(deleted["deleted"] as? Int == 3 && deleted["absent"] as? Int == 1)
    let stats = try read(site.get("/collections/c/stats"), as: "Stats")
    #expect((stats["collection"] as? [String: Any])?["records"] as? Int == 97)
    await site.end()
  }

  @Test func badRecordsAreNamedAndNothingIsStored() async throws {
    let site = try await Site()
    #expect(
      try site.post("/collections", ["name": "c", "shards": 1, "coder": "our-coder"]).status == 201)
    let good = Self.body(Self.record(1))
    func with(_ key: String, _ value: any Sendable) -> [String: any Sendable] {
      ["records": [good, good.merging([key: value]) { $1 }]]
    }
    for (body, status, part) in [
      ([:], 400, "'records' is missing"), (["records": [] as [Int]], 400, "nothing in the request"),
      (["records": [good], "wait": true], 400, "unknown key 'wait'"),
      (with("nam", "x"), 400, "unknown key 'nam'"),
      (with("id", "x"), 400, "records.1: 'x' is no id"),
      (with("id", 7), 400, "records.1.id: String is expected"),
      (with("id", "+7"), 400, "'+7' is no id"),
      (with("feature", "AAAA"), 400, "records.1: feature: has to be 512 bytes"),
      (with("image", "00"), 400, "records.1: image: has to be 64 bytes"),
      (with("name", String(repeating: "n", count: 10_000)), 400, "10000 bytes; the most is 1024"),
      (with("tags", ["t": String(repeating: "t", count: 5000)]), 400, "the most is 4096"),
      (["records": [good], "coder": "NO!"], 400, "no name of a coder"),
      (["records": [good], "coder": "their-coder"], 409, "our-coder"),
      (
        ["records": Array(repeating: good, count: GatewayLimits.writeCountMax + 1)], 413,
        "4097 records; the most at once is 4096"
      ),
    ] as [([String: any Sendable], Int, String)] {
      let answer = try site.send("PUT", "/collections/c/records", body)
      #expect(answer.status == status && answer.text.contains(part), "\(answer.text.prefix(300))")
      _ = try read(answer, as: "Error")
    }
    let large = [UInt8](repeating: UInt8(ascii: " "), count: GatewayLimits.recordsByteCountMax + 1)
    let answer = try Socket.ask(
      "PUT", "/api/v1/collections/c/records", port: site.port,
      headers: ["Host: localhost", "Content-Type: application/json"], body: large)
    #expect(answer.status == 413 && answer.text.contains("8388608 bytes"))
    for (path, part) in [
      ("/collections/c/scroll?limit=0", "limit: '0'"), ("/collections/c/scroll?after=x", "after:"),
      ("/collections/c/scroll?limits=1", "'limits' is not known here"),
      ("/collections/c/sample?count=1&count=2", "count is given twice"),
    ] {
      let answer = try site.get(path)
      #expect(answer.status == 400 && answer.text.contains(part), "\(answer.text)")
    }
    let stats = try read(site.get("/collections/c/stats"), as: "Stats")
    #expect((stats["collection"] as? [String: Any])?["records"] as? Int == 0)
    await site.end()
  }

  /// Ids after a gap used to be drawn nearly always: a random number lies in the gap, and the next
  /// id was taken.
  @Test func samplesDoNotFavourWhatComesAfterAGap() async throws {
    let site = try await Site()
    #expect(try site.post("/collections", ["name": "c", "shards": 2]).status == 201)
    let ids = (0..<399).map { UInt64($0) } + [1 << 60]
    let collection = try await site.client.collection("c")
    _ = try await collection.upsert(ids.map { Self.record($0) })
    func sample(_ count: Int) throws -> [UInt64] {
      let answer = try read(site.get("/collections/c/sample?count=\(count)"), as: "Sample")
      #expect(answer["drawnFrom"] as? Int == 400 && answer["isWhole"] as? Bool == true)
      let records = try #require(answer["records"] as? [[String: Any]])
      return records.compactMap { ($0["id"] as? String).flatMap { UInt64($0) } }
    }
    var lonely = 0
    var seen: Set<UInt64> = []
    for _ in 0..<40 {
      let drawn = try sample(40)
      #expect(drawn.count == 40 && Set(drawn).count == 40)
      lonely += drawn.contains(1 << 60) ? 1 : 0
      seen.formUnion(drawn)
    }
    // 4 of 40 are expected; 20 or more come by chance once in 10¹⁰ times.
    #expect(lonely < 20, "the record after the gap came \(lonely) times of 40")
    // Each is missed by all with the chance 0.9⁴⁰.
    #expect(seen.count > 350)
    #expect(try Set(sample(250)).isSubset(of: ids))
    await site.end()
  }

  @Test func aPictureIsStoredAsIngestStoresIt() async throws {
    let site = try await Site()
    let model = try Model(path: try #require(InstalledModel.path))
    let made: [String: any Sendable] = ["name": "c", "shards": 2, "coder": model.identity.name]
    #expect(try site.post("/collections", made).status == 201)
    var picture = Picture(width: 80, height: 60, red: 30, green: 120, blue: 240)
    for i in stride(from: 0, to: picture.pixels.count, by: 5) { picture.pixels[i] = UInt8(i % 251) }
    let file = try picture.png()
    func post(_ query: String, _ bytes: [UInt8]) throws -> Socket.Answer {
      try Socket.post(
        "/api/v1/collections/c/pictures?\(query)", port: site.port, type: "image/png", bytes)
    }
    let first = try read(post("name=folder%2F7.jpg&modified=1700000000123", file), as: "Added")
    let record = try #require(first["record"] as? [String: Any])
    #expect(record["id"] as? String == "279961716376888")
    #expect(record["name"] as? String == "folder/7.jpg")
    let tags = ["file_bytes": "\(file.count)", "file_modified_ms": "1700000000123"]
    #expect(record["tags"] as? [String: String] == tags)
    #expect((first["counts"] as? [String: Any])?["added"] as? Int == 1)
    let again = try read(post("name=folder/7.jpg&modified=1700000000123", file), as: "Added")
    #expect((again["counts"] as? [String: Any])?["unchanged"] as? Int == 1)
    let collection = try await site.client.collection("c")
    let id = ItemID(279_961_716_376_888)
    let stored = try #require(try await collection.records([id])[id])
    #expect(stored.image == model.codec.encode(picture) && stored.tags == tags)
    #expect(stored.feature == model.features?.encode(picture))

    // A name whose id belongs to another record gets the next one.
    var stranger = stored
    stranger.name = "a stranger"
    _ = try await collection.upsert([stranger])
    let moved = try read(post("name=folder/7.jpg", file), as: "Added")
    let other = (moved["record"] as? [String: Any])?["id"] as? String
    #expect(other != nil && other != "\(id)")
    let numbered = try read(post("id=7", file), as: "Added")
    #expect((numbered["record"] as? [String: Any])?["id"] as? String == "7")
    #expect((numbered["record"] as? [String: Any])?["name"] == nil)
    for (query, bytes, part) in [
      ("", file, "neither a name nor an id"), ("name=", file, "name is empty"),
      ("id=x", file, "'x' is no id"), ("name=a", [], "the file is empty"),
      ("name=a&modified=x", file, "modified: 'x'"), ("name=%ff", file, "not escaped"),
      ("name=\(String(repeating: "n", count: 1025))", file, "1025 bytes; the most is 1024"),
    ] as [(String, [UInt8], String)] {
      let answer = try post(query, bytes)
      #expect(answer.status == 400 && answer.text.contains(part), "\(answer.text)")
    }
    // What the record says beyond the file stays: `thumbprint ingest` finds a picture by its path.
    var ingested = stored
    ingested.tags["file_path"] = "/data/folder/7.jpg"
    ingested.tags["file_modified_ms"] = "1700000000124"
    _ = try await collection.upsert([ingested])
    for query in ["name=folder/7.jpg", "id=\(id)", "name=folder/7.jpg&modified=1700000000123"] {
      let same = try read(post(query, file), as: "Added")
      #expect((same["counts"] as? [String: Any])?["unchanged"] as? Int == 1, "\(query)")
      #expect(try await collection.records([id])[id] == ingested, "\(query)")
    }
    let changed = try Picture(width: 70, height: 50, red: 240, green: 20, blue: 10).png()
    _ = try read(post("name=folder/7.jpg&modified=1800000000000", changed), as: "Added")
    let path = ["file_path": "/data/folder/7.jpg", "file_bytes": "\(changed.count)"]
    #expect(
      try await collection.records([id])[id]?.tags
        == path.merging(["file_modified_ms": "1800000000000"]) { $1 })
    // The time of the earlier file is not that of this one.
    _ = try read(post("name=folder/7.jpg", file), as: "Added")
    #expect(try await collection.records([id])[id]?.tags["file_modified_ms"] == nil)
    // What was coded by others is not mixed with it.
    #expect(try site.post("/collections", ["name": "d", "coder": "their-coder"]).status == 201)
    let mixed = try Socket.post(
      "/api/v1/collections/d/pictures?name=a", port: site.port, type: "image/png", file)
    #expect(mixed.status == 409 && mixed.text.contains("their-coder"), "\(mixed.text)")
    await site.end()
  }

  @Test func theClusterIsSteered() async throws {
    let site = try await Site()
    let made = try site.post("/collections", ["name": "c", "shards": 1])
    _ = try read(made, as: "Collection")
    let changed = try read(site.send("PATCH", "/collections/c", ["replicas": 1]), as: "Collection")
    #expect(changed["replicas"] as? Int == 1)
    let many = try site.send("PATCH", "/collections/c", ["replicas": 8])
    #expect(many.status >= 400 && many.status < 500, "\(many.text)")
    _ = try read(many, as: "Error")
    _ = try read(site.post("/cluster/rebalance", ["dryRun": true]), as: "MovePlan")
    _ = try read(site.post("/cluster/workers/w/drain", ["dryRun": true]), as: "MovePlan")
    let limit = try site.send("PUT", "/cluster/bandwidth", ["bandwidth": 1_000_000])
    _ = try read(limit, as: "Nothing")
    _ = try read(site.get("/cluster"), as: "Cluster")
    _ = try read(site.get(""), as: "About")
    for (method, path, status, part) in [
      ("DELETE", "/cluster/moves/7", 404, "7"), ("DELETE", "/cluster/moves/x", 400, "'x'"),
      ("DELETE", "/cluster/workers/w", 409, "drain it first"),
      ("DELETE", "/cluster/workers/W", 400, "no name of a worker"),
      ("DELETE", "/cluster/workers/none", 404, "none"),
      ("PUT", "/cluster", 405, "GET, HEAD"), ("OPTIONS", "/collections", 405, "GET, HEAD, POST"),
    ] {
      let answer = try site.ask(method, path)
      #expect(answer.status == status && answer.text.contains(part), "\(path): \(answer.text)")
    }
    for (body, part) in [
      ("0", "an object is expected"), (#"{"bandwidth": 1e40}"#, "a whole number"),
      (#"{"bandwidth": "1"}"#, "bandwidth: a whole number of at most 64 bits is expected"),
      ("{", "is not JSON"),
    ] {
      let answer = try Socket.ask(
        "PUT", "/api/v1/cluster/bandwidth", port: site.port,
        headers: ["Host: localhost", "Content-Type: application/json"], body: Array(body.utf8))
      #expect(answer.status == 400 && answer.text.contains(part), "\(answer.text)")
    }
    let head = try site.ask("HEAD", "/collections")
    #expect(head.status == 200 && head.body.isEmpty && head.head.contains("application/json"))
    for (path, body) in [
      ("/cluster/rebalance", ["bandwith": 1]), ("/cluster/rebalance", ["bandwidth": -1]),
      ("/cluster/workers/w/drain", ["bandwidth": 1]),
    ] as [(String, [String: Int])] {
      #expect(try site.post(path, body).status == 400)
    }
    await site.end()
  }
}
