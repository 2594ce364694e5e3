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
      let place = decoder.codingPath.place
      throw ServiceError(
        .invalid,
        "\(place.isEmpty ? "the body of the request" : place) has an unknown key "
          + "'\(stranger.prefix(64))'",
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

/// A number in a body. Decoded as `Int`, one with a fraction would be reported without its place.
struct WholeNumber: Decodable {
  var value: Int

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let value = try? container.decode(Int.self) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a whole number of at most 64 bits is expected")
    }
    self.value = value
  }
}

extension [any CodingKey] {
  /// A place in a body: `records.0.id`.
  var place: String {
    map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
  }
}

extension DecodingError {
  /// What was expected and where, in one line.
  var line: String {
    let (context, what): (Context, String) =
      switch self {
      case .typeMismatch(let type, let context): (context, "\(Self.name(of: type)) is expected")
      case .valueNotFound(let type, let context): (context, "\(type) is missing")
      case .keyNotFound(let key, let context): (context, "'\(key.stringValue)' is missing")
      // The decoder says that of a whole body that is no JSON, and `WholeNumber` of a number.
      case .dataCorrupted(let context):
        (context, context.codingPath.isEmpty ? "is not JSON" : context.debugDescription)
      @unknown default: (Context(codingPath: [], debugDescription: ""), "cannot be read")
      }
    let place = context.codingPath.place
    return String((place.isEmpty ? what : "\(place): \(what)").prefix(256))
  }

  private static func name(of type: any Any.Type) -> String {
    if type is [String: Any].Type { return "an object" }
    return type is [Any].Type ? "an array" : "\(type)"
  }
}

struct CreateBody: RequestBody {
  var name: String
  var shards: WholeNumber?
  var replicas: WholeNumber?
  var tables: WholeNumber?
  var coder: String?

  enum CodingKeys: String, CodingKey, CaseIterable { case name, shards, replicas, tables, coder }
  typealias Key = CodingKeys
}

struct UpdateBody: RequestBody {
  var replicas: WholeNumber

  enum CodingKeys: String, CodingKey, CaseIterable { case replicas }
  typealias Key = CodingKeys
}

struct RebalanceBody: RequestBody {
  var dryRun: Bool?
  var bandwidth: WholeNumber?

  enum CodingKeys: String, CodingKey, CaseIterable { case dryRun, bandwidth }
  typealias Key = CodingKeys
}

struct DrainBody: RequestBody {
  var dryRun: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable { case dryRun }
  typealias Key = CodingKeys
}

struct BandwidthBody: RequestBody {
  var bandwidth: WholeNumber

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
  var k: WholeNumber?
  var within: WholeNumber?
  var maxDistance: WholeNumber?
  var promise: String?
  var metric: String?
  var partial: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case id, feature, image, coder, k, within, maxDistance, promise, metric, partial
  }
  typealias Key = CodingKeys
}
