import Foundation
import Hummingbird
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// What a search is asked with. Exactly one of `id` and `feature` says what for.
struct SearchBody: Decodable {
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
}

extension Gateway {
  func search(_ request: Request, _ context: Context) async throws -> SearchAnswerBody {
    let began = ContinuousClock.now
    let body = try await jsonBody(request, as: SearchBody.self)
    let collection = try await collection(context)
    let (feature, image) = try await query(body, collection)
    var search = SearchRequest(
      collection: collection.id, extent: try extent(body), distanceMax: body.maxDistance,
      promise: try promise(body.promise), metric: try metric(body.metric),
      wants: [.images, .names, .tags, .certificate])
    if let coder = body.coder { search.coder = try identity(coder) }
    if body.partial == true { search.wants.insert(.partial) }
    if search.metric == .combined, image == nil {
      throw ServiceError(.invalid, "image: the combined metric compares image codes too")
    }
    search.append(feature: feature, image: image)
    let reply = try await collection.search(search)
    guard let answer = reply.answers.first else {
      throw ServiceError(.internalError, "the answer holds no query")
    }
    guard answer.matches.count <= GatewayLimits.matchCountMax else {
      throw ServiceError(
        .tooLarge,
        "\(answer.matches.count) records are that near; the most is \(GatewayLimits.matchCountMax)",
        hint: "take a smaller radius")
    }
    let matches = try answer.matches.map { row in
      var record = try Self.record(reply.rows, row)
      record.distance = Int(reply.distances[row])
      return record
    }
    let missing = reply.shards.filter { $0.failure != nil }.count
    return SearchAnswerBody(
      matches: matches, distanceMax: search.metric.distanceMax, isComplete: missing == 0,
      certificate: answer.certificate.map {
        .init(
          sentence: Self.sentence($0, search.promise, missing: missing),
          missProbability: $0.missProbability, radius: $0.radius, rowCount: $0.rowCount,
          codesCompared: $0.codesCompared)
      },
      shards: reply.shards.map {
        .init(
          shard: $0.shard, milliseconds: Double($0.searchedMicroseconds) / 1000,
          failure: $0.failure?.description)
      },
      milliseconds: (ContinuousClock.now - began) / .milliseconds(1))
  }

  /// The codes that are searched for.
  private func query(
    _ body: SearchBody, _ collection: RemoteCollection
  ) async throws -> (FeatureCode, ImageCode?) {
    switch (body.id, body.feature) {
    case (let id?, nil):
      let id = try Self.id(id)
      guard let record = try await collection.records([id])[id] else {
        throw ServiceError(
          .notFound, "there is no record \(id) in '\(collection.description.name)'")
      }
      return (record.feature, record.image)
    case (nil, let text?):
      guard let bytes = Data(base64Encoded: text), let feature = FeatureCode(Array(bytes)) else {
        throw ServiceError(
          .invalid, "feature: has to be \(FeatureCode.byteCount) bytes in Base64")
      }
      let image = try body.image.map { text throws(ServiceError) in
        guard let bytes = Hexadecimal.bytes(text), let image = ImageCode(bytes) else {
          throw ServiceError(
            .invalid, "image: has to be \(ImageCode.byteCount) bytes in hexadecimal")
        }
        return image
      }
      return (feature, image)
    case (nil, nil), (.some, .some):
      throw ServiceError(.invalid, "a search needs 'id' or 'feature', and not both")
    }
  }

  private func extent(_ body: SearchBody) throws(ServiceError) -> WireExtent {
    if let radius = body.within {
      guard body.k == nil else { throw ServiceError(.invalid, "k and within exclude each other") }
      return .within(radius)
    }
    let k = body.k ?? 10
    guard (1...GatewayLimits.matchCountMax).contains(k) else {
      throw ServiceError(.invalid, "k: \(k) is not in 1...\(GatewayLimits.matchCountMax)")
    }
    return .nearest(k)
  }

  private func promise(_ text: String?) throws(ServiceError) -> WirePromise {
    switch text {
    case nil, "certified": return .certified
    case "exact": return .exact
    case let text?:
      guard text.hasPrefix("recall="), let share = Double(text.dropFirst(7)), share > 0, share < 1
      else {
        throw ServiceError(
          .invalid, "promise: '\(text.prefix(32))' is not certified, exact or recall=X, 0 < X < 1")
      }
      return .recall(share)
    }
  }

  private func metric(_ text: String?) throws(ServiceError) -> WireMetric {
    switch text {
    case nil, "feature": return .feature
    case "combined": return .combined
    case let text?:
      throw ServiceError(.invalid, "metric: '\(text.prefix(32))' is not feature or combined")
    }
  }

  func identity(_ text: String) throws(ServiceError) -> CoderIdentity {
    guard let identity = CoderIdentity(text) else {
      throw ServiceError(.invalid, "coder: '\(text.prefix(80))' is no name of a coder")
    }
    return identity
  }

  static func id(_ text: some StringProtocol) throws(ServiceError) -> ItemID {
    guard let number = UInt64(text) else {
      throw ServiceError(
        .invalid, "'\(text.prefix(32))' is no id: a number from 0 to \(UInt64.max)")
    }
    return ItemID(number)
  }

  static func record(_ rows: RowColumns, _ row: Int) throws(ServiceError) -> RecordAnswer {
    let tags = rows.parts.contains(.tags) ? try rows.tags(row) : [:]
    return RecordAnswer(
      id: "\(rows.id(row).rawValue)", name: rows.name(row), image: rows.image(row).hexadecimal,
      tags: tags.isEmpty ? nil : tags)
  }

  /// What was proved, for people.
  private static func sentence(
    _ certificate: WireCertificate, _ promise: WirePromise, missing: Int
  ) -> String {
    let rows = "\(certificate.rowCount) records"
    let proof =
      switch promise {
      case .exact: "Exact: the same answer as comparing all \(rows)."
      case .certified where certificate.missProbability == 0:
        "Certified: exact, the same answer as comparing all \(rows)."
      case .certified:
        "Certified: the true answer among \(rows), but for a chance of at most "
          + "\(certificate.missProbability)."
      case .recall(let share):
        "At least \(share * 100) % of the true answers among \(rows), on average."
      }
    let lack = missing == 0 ? "" : " \(missing) shards did not answer; their records are missing."
    return "\(proof) \(certificate.codesCompared) codes were compared in full.\(lack)"
  }
}
