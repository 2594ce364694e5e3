import ThumbprintWire

/// The body of a request: an object in which every key has a meaning.
protocol RequestBody: Decodable {
  associatedtype Key: CodingKey, CaseIterable
}

/// Decodes a body and refuses keys that it does not have: a wrong letter would otherwise be a
/// setting that nobody hears of.
struct Strict<Body: RequestBody>: Decodable {
  var body: Body

  init(from decoder: any Decoder) throws {
    let known = Set(Body.Key.allCases.map(\.stringValue))
    let given = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
    if let stranger = given.filter({ !known.contains($0) }).min() {
      throw ServiceError(
        .invalid, "the body of the request has an unknown key '\(stranger.prefix(64))'",
        hint: "there are: \(known.sorted().joined(separator: ", "))")
    }
    body = try Body(from: decoder)
  }

  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

struct CreateBody: RequestBody {
  var name: String
  var shards: Int?
  var replicas: Int?
  var tables: Int?
  var coder: String?

  enum CodingKeys: String, CodingKey, CaseIterable { case name, shards, replicas, tables, coder }
  typealias Key = CodingKeys
}

struct UpdateBody: RequestBody {
  var replicas: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case replicas }
  typealias Key = CodingKeys
}

struct RebalanceBody: RequestBody {
  var dryRun: Bool?
  var bandwidth: Int?

  enum CodingKeys: String, CodingKey, CaseIterable { case dryRun, bandwidth }
  typealias Key = CodingKeys
}

struct DrainBody: RequestBody {
  var dryRun: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable { case dryRun }
  typealias Key = CodingKeys
}

struct BandwidthBody: RequestBody {
  var bandwidth: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case bandwidth }
  typealias Key = CodingKeys
}

/// Records to be stored, each in the form in which the API shows them.
struct UpsertBody: RequestBody {
  var records: [Strict<RecordBody>]
  var coder: String?

  enum CodingKeys: String, CodingKey, CaseIterable { case records, coder }
  typealias Key = CodingKeys
}

struct RecordBody: RequestBody {
  var id: String
  var name: String?
  var feature: String
  var image: String?
  var tags: [String: String]?

  enum CodingKeys: String, CodingKey, CaseIterable { case id, name, feature, image, tags }
  typealias Key = CodingKeys
}

struct DeleteBody: RequestBody {
  var ids: [String]

  enum CodingKeys: String, CodingKey, CaseIterable { case ids }
  typealias Key = CodingKeys
}

/// What a search is asked with. Exactly one of `id` and `feature` says what for.
struct SearchBody: RequestBody {
  var id: String?
  var feature: String?
  var image: String?
  var coder: String?
  var k: Int?
  var within: Int?
  var maxDistance: Int?
  var promise: String?
  var metric: String?
  var partial: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case id, feature, image, coder, k, within, maxDistance, promise, metric, partial
  }
  typealias Key = CodingKeys
}
