import Foundation
import Hummingbird
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

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
    let reply = try await Self.answer(to: search, of: collection)
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

  /// Searches; what is unavailable is hinted at as it is asked for here.
  private static func answer(
    to search: SearchRequest, of collection: RemoteCollection
  ) async throws(ServiceError) -> SearchReply {
    do {
      return try await collection.search(search)
    } catch {
      var error = error
      if error.code == .unavailable, error.hint != nil {
        error.hint = "\"partial\": true answers from the other shards; /api/v1/cluster shows all"
      }
      throw error
    }
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
      return (try Self.feature(text), try body.image.map(Self.image))
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

  /// What was proved, for people.
  private static func sentence(
    _ certificate: WireCertificate, _ promise: WirePromise, missing: Int
  ) -> String {
    let count = grouped(certificate.rowCount)
    let rows = missing == 0 ? "all \(count) records" : "the \(count) records that were searched"
    let proof =
      switch promise {
      case .exact: "Exact: these are the nearest of \(rows)."
      case .certified where certificate.missProbability == 0:
        "Certified exact: these are the nearest of \(rows)."
      case .certified:
        "Certified: these are the nearest of \(rows); the chance that a nearer one was missed "
          + "is \(chance(certificate.missProbability))."
      case .recall(let share):
        "Aimed at \(grouped(share * 100)) % of the nearest of \(rows), on average."
      }
    let compared = grouped(certificate.codesCompared)
    let work =
      certificate.codesCompared < certificate.rowCount
      ? " Only \(compared) codes had to be compared bit by bit." : ""
    let lack = missing == 0 ? "" : " Nothing is known of those in the shards that did not answer."
    return proof + work + lack
  }

  private static func grouped(_ number: UInt64) -> String {
    number.formatted(IntegerFormatStyle<UInt64>(locale: Locale(identifier: "en_US")))
  }

  private static func grouped(_ number: Double) -> String {
    number.formatted(FloatingPointFormatStyle<Double>(locale: Locale(identifier: "en_US")))
  }

  /// A small chance as people say it: at most one in so many.
  private static func chance(_ probability: Double) -> String {
    let units = [(1e18, "billion billion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")]
    let times = 1 / probability
    guard let (unit, name) = units.first(where: { times >= $0.0 }) else {
      return "at most \(probability)"
    }
    if times >= 1e27 { return "practically none" }
    let count = UInt64(times / unit)
    return "at most 1 in \(count == 1 ? "a" : grouped(count)) \(name)"
  }
}
