import Foundation
import Hummingbird
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

// Records: read by id and in order, written, deleted.
extension Gateway {
  /// `?ids=1,2,3`: those that are there, in the order of the question.
  func records(_ question: Question) async throws -> RecordsAnswer {
    guard let text = try question.parameters.text("ids") else {
      throw ServiceError(.invalid, "ids are missing", hint: "?ids=1,2,3")
    }
    let ids = try text.split(separator: ",", omittingEmptySubsequences: false).map(Self.id)
    guard ids.count <= GatewayLimits.recordCountMax else {
      throw ServiceError(
        .tooLarge, "\(ids.count) ids; the most is \(GatewayLimits.recordCountMax)")
    }
    let found = try await collection(question).records(ids)
    return RecordsAnswer(records: ids.compactMap { found[$0] }.map { RecordAnswer($0) })
  }

  func record(_ question: Question) async throws -> RecordAnswer {
    let id = try Self.id(try name(question, "id"))
    return RecordAnswer(try await Self.record(id, in: try await collection(question)))
  }

  /// - Throws: `notFound` if there is none.
  static func record(
    _ id: ItemID, in collection: RemoteCollection
  ) async throws(ServiceError) -> Record {
    guard let record = try await collection.records([id])[id] else {
      throw ServiceError(
        .notFound, "there is no record \(id) in '\(collection.description.name)'")
    }
    return record
  }

  /// `?after=17&limit=100`: all records page by page, in the order of their ids.
  func scroll(_ question: Question) async throws -> ScrollAnswer {
    let limit = try question.parameters.number("limit", in: 1...GatewayLimits.recordCountMax) ?? 100
    let after = try question.parameters.id("after")
    let collection = try await collection(question)
    // A little more than its share of each shard; where a shard had more to give, nobody knows
    // what comes after the last that it gave, so the page ends there.
    let shardCount = collection.description.shardCount
    let rowCount = min(limit, limit / shardCount * 5 / 4 + 8)
    var found: [(id: ItemID, record: RecordAnswer)] = []
    var horizon: ItemID?
    for shard in 0..<shardCount {
      let reply = try await client.ask(
        ScanRequest(
          shard: ShardKey(collection: collection.id, number: shard), after: after,
          rowCountMax: rowCount, parts: [.images, .names, .tags]))
      for row in 0..<reply.rows.rowCount {
        found.append((reply.rows.id(row), try Self.record(reply.rows, row)))
      }
      if !reply.isLast, let last = found.last?.id { horizon = min(horizon ?? last, last) }
    }
    found.sort { $0.id < $1.id }
    let page = found.prefix(limit).prefix { $0.id <= horizon ?? $0.id }
    let isLast = horizon == nil && page.count == found.count
    return ScrollAnswer(
      records: page.map(\.record), next: isLast ? nil : page.last.map { "\($0.id)" })
  }

  /// Stores records, on the disks of all replicas in sync before it answers.
  func upsert(_ question: Question) async throws -> UpsertAnswer {
    try await written(question, as: UpsertBody.self) { body in
      try Self.checkCount(body.records.count)
      let collection = try await collection(question)
      let records = try body.records.enumerated().map { index, record in
        try Self.naming("records.\(index)") { () throws(ServiceError) in
          let record = try Self.record(record.body)
          try RemoteCollection.check(record)
          return record
        }
      }
      return UpsertAnswer(
        try await collection.upsert(records, coder: try body.coder.map(identity)))
    }
  }

  func delete(_ question: Question) async throws -> DeleteAnswer {
    try await written(question, as: DeleteBody.self) { body in
      try Self.checkCount(body.ids.count)
      let ids = try body.ids.enumerated().map { index, id in
        try Self.naming("ids.\(index)") { () throws(ServiceError) in try Self.id(id) }
      }
      return DeleteAnswer(try await collection(question).delete(ids))
    }
  }

  /// Receives a large body and writes what it says: one of a few that do, once it is there.
  private func written<Body: RequestBody, Answer>(
    _ question: Question, as type: Body.Type, _ write: (Body) async throws -> Answer
  ) async throws -> Answer {
    try await recordsHeld.run { share in
      let body = try await jsonBody(
        question.request, as: type, byteCountMax: GatewayLimits.recordsByteCountMax, share: share)
      return try await writers.run { try await write(body) }
    }
  }

  func deleteOne(_ question: Question) async throws -> DeleteAnswer {
    let id = try Self.id(try name(question, "id"))
    return DeleteAnswer(try await collection(question).delete([id]))
  }

  private static func checkCount(_ count: Int) throws(ServiceError) {
    guard count > 0 else { throw ServiceError(.invalid, "there is nothing in the request") }
    guard count <= GatewayLimits.writeCountMax else {
      throw ServiceError(
        .tooLarge, "\(count) records; the most at once is \(GatewayLimits.writeCountMax)",
        hint: "send them in several requests")
    }
  }

  /// An error of `body` says which part of the request it is about.
  private static func naming<Value>(
    _ part: String, _ body: () throws(ServiceError) -> Value
  ) throws(ServiceError) -> Value {
    do {
      return try body()
    } catch {
      var error = error
      error.message = "\(part): \(error.message)"
      throw error
    }
  }

  private static func record(_ body: RecordBody) throws(ServiceError) -> Record {
    Record(
      id: try id(body.id), name: body.name, tags: body.tags ?? [:],
      feature: try feature(body.feature), image: try body.image.map(image) ?? ImageCode())
  }

  // MARK: Values as texts

  static func id(_ text: some StringProtocol) throws(ServiceError) -> ItemID {
    guard let number = UInt64(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw ServiceError(
        .invalid, "'\(text.prefix(32))' is no id: a number from 0 to \(UInt64.max)")
    }
    return ItemID(number)
  }

  static func feature(_ text: String) throws(ServiceError) -> FeatureCode {
    guard let bytes = Data(base64Encoded: text), let feature = FeatureCode(Array(bytes)) else {
      throw ServiceError(
        .invalid, "feature: has to be \(FeatureCode.byteCount) bytes in Base64")
    }
    return feature
  }

  static func image(_ text: String) throws(ServiceError) -> ImageCode {
    guard let bytes = Hexadecimal.bytes(text), let image = ImageCode(bytes) else {
      throw ServiceError(
        .invalid, "image: has to be \(ImageCode.byteCount) bytes in hexadecimal")
    }
    return image
  }

  func identity(_ text: String) throws(ServiceError) -> CoderIdentity {
    guard let identity = CoderIdentity(text) else {
      throw ServiceError(.invalid, "coder: '\(text.prefix(80))' is no name of a coder")
    }
    return identity
  }

  static func record(_ rows: RowColumns, _ row: Int) throws(ServiceError) -> RecordAnswer {
    let tags = rows.parts.contains(.tags) ? try rows.tags(row) : [:]
    return RecordAnswer(
      id: "\(rows.id(row).rawValue)", name: rows.name(row), image: rows.image(row).hexadecimal,
      tags: tags.isEmpty ? nil : tags)
  }
}
