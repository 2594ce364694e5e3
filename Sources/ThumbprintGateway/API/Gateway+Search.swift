import Hummingbird
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

extension Gateway {
  func search(_ question: Question) async throws -> SearchAnswerBody {
    let began = ContinuousClock.now
    let body = try await jsonBody(question.request, as: SearchBody.self)
    let collection = try await collection(question)
    let (feature, image) = try await query(body, collection)
    var search = SearchRequest(
      collection: collection.id, extent: try extent(body), distanceMax: body.maxDistance?.value,
      promise: try promise(body.promise), metric: try metric(body.metric),
      wants: [.images, .names, .tags, .certificate])
    if let coder = body.coder { search.coder = try identity(coder) }
    if body.partial == true { search.wants.insert(.partial) }
    if search.metric == .combined, image == nil {
      throw ServiceError(.invalid, "image: the combined metric compares image codes too")
    }
    // Codes of nothing are all equal; with the combined metric the image codes tell them apart.
    guard search.metric == .combined || feature.isThere else {
      throw ServiceError(
        .invalid,
        body.id.map { "id: record \($0) has no feature code, so nothing can be said to be like it" }
          ?? "feature: all bits are zero, which stands for no feature code",
        hint: "metric \"combined\" compares image codes too")
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
          sentence: SearchSentence.text(
            $0, of: search, matchCount: matches.count, isComplete: missing == 0),
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
      guard body.image == nil else {
        throw ServiceError(
          .invalid, "image: a record that is searched for by its id has its own",
          hint: "give 'feature' and 'image', or 'id' alone")
      }
      let record = try await Self.record(try Self.id(id), in: collection)
      return (record.feature, record.image)
    case (nil, let text?):
      return (try Self.feature(text), try body.image.map(Self.image))
    case (nil, nil), (.some, .some):
      throw ServiceError(.invalid, "a search needs 'id' or 'feature', and not both")
    }
  }

  private func extent(_ body: SearchBody) throws(ServiceError) -> WireExtent {
    if let radius = body.within?.value {
      guard body.k == nil else { throw ServiceError(.invalid, "k and within exclude each other") }
      return .within(radius)
    }
    let k = body.k?.value ?? 10
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
}
