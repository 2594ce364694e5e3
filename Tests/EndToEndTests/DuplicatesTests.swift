import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintImages

/// `duplicates` in a store and in a cluster, against comparing all pairs.
@Suite struct DuplicatesTests {
  private struct Group: Equatable {
    var keep: UInt64
    var members: [UInt64]
    var distances: [Int]
  }

  private func groups(_ outcome: Sandbox.Outcome) throws -> [Group] {
    let report = try outcome.json([String: Any].self)
    return try #require(report["groups"] as? [[String: Any]]).map { group in
      let members = try #require(group["members"] as? [[String: Any]])
      return Group(
        keep: try #require(group["keep"] as? UInt64),
        members: members.map { $0["id"] as? UInt64 ?? .max },
        distances: members.map { $0["distance"] as? Int ?? -1 })
    }
  }

  /// Floods from each record that is in no group yet.
  private func allPairs(_ records: [Record], within: Int) -> [Group] {
    let near = records.indices.map { a in
      records.indices.filter {
        $0 != a && records[a].feature.distance(to: records[$0].feature) <= within
      }
    }
    var seen: Set<Int> = []
    var groups: [Group] = []
    for start in records.indices where !near[start].isEmpty && seen.insert(start).inserted {
      var places = [start]
      var next = 0
      while next < places.count {
        for other in near[places[next]] where seen.insert(other).inserted { places.append(other) }
        next += 1
      }
      places.sort()
      // Nothing is known of the files, and the names are of one length: the least id is kept.
      groups.append(
        Group(
          keep: records[places[0]].id.rawValue, members: places.map { records[$0].id.rawValue },
          distances: places.map { a in
            near[a].map { records[a].feature.distance(to: records[$0].feature) }.min() ?? 0
          }))
    }
    return groups.sorted {
      $0.members.count != $1.members.count
        ? $0.members.count > $1.members.count : $0.members[0] < $1.members[0]
    }
  }

  private func flipped(_ code: FeatureCode, _ count: Int, _ random: inout SplitMix64) -> FeatureCode
  {
    var code = code
    code.withUnsafeMutableBytes { bytes in
      for _ in 0..<count {
        let bit = Int.random(in: 0..<FeatureCode.bitCount, using: &random)
        bytes[bit / 8] ^= 0x80 >> UInt8(bit % 8)
      }
    }
    return code
  }

  /// Groups of four, chains whose ends are far apart, equal records, and a crowd of records in which
  /// each has more neighbours than are asked for at first.
  private func records(seed: UInt64) -> [Record] {
    var random = SplitMix64(seed: seed)
    let planted = Sandbox.planted()
    var codes = (0..<600).map { planted.record($0).feature }
    for start in 0..<6 {
      var code = codes[40 * start]
      for _ in 0..<8 {
        code = flipped(code, 250, &random)
        codes.append(code)
      }
    }
    codes += Array(repeating: codes[77], count: 300)
    let center = codes[333]
    for _ in 0..<400 { codes.append(flipped(center, 100, &random)) }
    return codes.enumerated().map { number, code in
      Record(
        id: ItemID(UInt64(3 * number + 1)), name: "n\(10_000 + number)", feature: code,
        image: ImageCode())
    }
  }

  @Test func groupsAreThoseOfAllPairsInAStoreAndInACluster() throws {
    let seed = UInt64.random(in: 0...9999)
    let records = records(seed: seed)
    let cluster = try ClusterSandbox(workers: ["a", "b"])
    let sandbox = cluster.sandbox
    try sandbox.makeDataset("d", records: records)
    try sandbox.succeed("collection", "create", "c", "--shards", "2")
    try sandbox.succeed("load", "d", "-c", "c", "-q")
    try cluster.succeed("collection", "create", "c", "--shards", "3", "--replicas", "2")
    try cluster.succeed("load", "d", "-c", "c", "-q")
    for (within, promise) in [(400, "certified"), (500, "exact"), (150, "certified"), (0, "exact")]
    {
      let wanted = allPairs(records, within: within)
      let command = [
        "duplicates", "-c", "c", "--within", "\(within)", "--promise", promise, "--json", "-q",
      ]
      let stored = try groups(sandbox.start(command).outcome())
      #expect(stored == wanted, "within \(within), seed \(seed)")
      #expect(try groups(cluster.run(command)) == stored, "within \(within), seed \(seed)")
    }
  }

  /// Equal records, all of which are near all others: two hundred million pairs, none of them made.
  @Test func twentyThousandEqualRecordsAreOneGroup() throws {
    let sandbox = try Sandbox()
    let one = Sandbox.planted().record(1).feature
    try sandbox.makeDataset(
      "d",
      records: (0..<20_000).lazy.map {
        Record(id: ItemID(UInt64($0)), feature: one, image: ImageCode())
      })
    try sandbox.succeed("collection", "create", "c")
    try sandbox.succeed("load", "d", "-c", "c", "-q")
    let told = try sandbox.succeed("duplicates", "-c", "c", "--show", "3", "-q")
    #expect(told.output.hasPrefix("1 group of 20,000 records within 400 bits, among 20,000"))
    #expect(told.output.contains("and 19,990 more\n"))
    #expect(told.output.split(separator: "\n").count == 1 + 1 + 10 + 1)
  }

  /// What a program needs to clean up: what to keep, and what is near enough to that to go.
  @Test func theBestPictureIsKeptAndTheOthersAreRedundant() throws {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(6, to: sandbox)
    let bytes = try Data(contentsOf: URL(filePath: sandbox.path("pictures/p101.png")))
    try sandbox.write(bytes + [0, 0, 0], to: "pictures/larger.png")
    try sandbox.write(bytes, to: "pictures/p101 (copy).png")
    try sandbox.succeed("ingest", "pictures", "-c", "c", "--model", "m", "-q")
    let report = try sandbox.succeed("duplicates", "-c", "c", "--within", "0", "--json", "-q")
      .json([String: Any].self)
    let group = try #require((report["groups"] as? [[String: Any]])?.first)
    let members = try #require(group["members"] as? [[String: Any]])
    let redundant = members.filter { $0["isRedundant"] as? Bool == true }
    #expect(
      Set(redundant.compactMap { $0["name"] as? String }) == ["p101.png", "p101 (copy).png"])
    let kept = try #require(members.first { $0["id"] as? UInt64 == group["keep"] as? UInt64 })
    #expect(kept["name"] as? String == "larger.png")
    #expect(kept["fileBytes"] as? Int == bytes.count + 3)
    let sheet = try sandbox.succeed(
      "duplicates", "-c", "c", "--within", "0", "--sheet", "s.html", "--model", "m", "-q")
    #expect(sheet.output.contains("keep"))
    let page = try String(contentsOfFile: sandbox.path("s.html"), encoding: .utf8)
    #expect(page.components(separatedBy: "<li>").count == 1 + members.count)
    try sandbox.succeed(
      "duplicates", "-c", "c", "--within", "0", "--sheet", "s.png", "--model", "m", "-q")
    #expect(try PictureReader.read(path: sandbox.path("s.png")).width > 3 * 64)
  }
}
