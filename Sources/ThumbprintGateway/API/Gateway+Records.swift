import Foundation
import Hummingbird
import NIOCore
import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintServer
import ThumbprintWire

struct CreateBody: Decodable {
  var name: String
  var shards: Int?
  var replicas: Int?
  var tables: Int?
  var coder: String?
}

struct RebalanceBody: Decodable {
  var dryRun: Bool?
  var bandwidth: Int?
}

extension Gateway {
  func about() -> AboutAnswer {
    AboutAnswer(
      version: Daemon.version,
      model: pictures.map {
        .init(
          identity: $0.identity.name, imageIdentity: $0.imageIdentity.name,
          codesPictures: $0.hasFeatures)
      })
  }

  // MARK: Collections and the cluster

  func createCollection(_ request: Request) async throws -> CollectionAnswer {
    let body = try await jsonBody(request, as: CreateBody.self)
    let collection = try await client.createCollection(
      body.name, shardCount: body.shards ?? 4, replicationFactor: body.replicas ?? 1,
      tableCount: body.tables ?? 128, coder: try body.coder.map(identity))
    return CollectionAnswer(collection.description)
  }

  func rebalance(_ request: Request) async throws -> MovePlan {
    let body = try await jsonBody(request, as: RebalanceBody.self)
    if let rate = body.bandwidth, rate < 0 {
      throw ServiceError(.invalid, "bandwidth: \(rate) is below 0")
    }
    return try await client.run(
      Rebalance(isDryRun: body.dryRun ?? false, byteRate: body.bandwidth))
  }

  func drain(_ request: Request, _ context: Context) async throws -> MovePlan {
    let text = try name(context, "worker")
    guard let worker = WorkerName(text) else {
      throw ServiceError(.invalid, "'\(text.prefix(64))' is no name of a worker")
    }
    let body = try await jsonBody(request, as: RebalanceBody.self)
    return try await client.run(Drain(worker: worker, isDryRun: body.dryRun ?? false))
  }

  // MARK: Records

  /// `?ids=1,2,3`: those that are there, in the order of the question.
  func records(_ request: Request, _ context: Context) async throws -> RecordsAnswer {
    guard let text = request.uri.queryParameters["ids"]?.removingPercentEncoding, !text.isEmpty
    else {
      throw ServiceError(.invalid, "ids are missing", hint: "?ids=1,2,3")
    }
    let ids = try text.split(separator: ",", omittingEmptySubsequences: false).map(Self.id)
    guard ids.count <= GatewayLimits.recordCountMax else {
      throw ServiceError(
        .tooLarge, "\(ids.count) ids; the most is \(GatewayLimits.recordCountMax)")
    }
    let found = try await collection(context).records(ids)
    return RecordsAnswer(
      records: ids.compactMap { found[$0] }.map {
        RecordAnswer(
          id: "\($0.id.rawValue)", name: $0.name, image: $0.image.hexadecimal,
          feature: $0.feature.base64, tags: $0.tags.isEmpty ? nil : $0.tags)
      })
  }

  /// Records from anywhere in the collection, in no order: good for looking, not for statistics.
  func sample(_ request: Request, _ context: Context) async throws -> RecordsAnswer {
    let count = try number(
      request, "count", in: 1...GatewayLimits.recordCountMax / 4, standard: 48)
    let collection = try await collection(context)
    let shardCount = collection.description.shardCount
    let shards = (0..<shardCount).shuffled().prefix(4)
    var found: [String: RecordAnswer] = [:]
    for shard in shards {
      guard let last = try await lastID(collection, shard) else { continue }
      for _ in 0..<(count + shards.count - 1) / shards.count where found.count < count {
        let start = UInt64.random(in: 0...last.rawValue)
        let rows = try await rows(
          collection, shard, after: start == 0 ? nil : ItemID(start - 1),
          parts: [.images, .names])
        guard rows.rowCount > 0 else { continue }
        let record = try Self.record(rows, 0)
        found[record.id] = record
      }
    }
    return RecordsAnswer(records: found.values.shuffled())
  }

  /// The greatest id of a shard, found bit by bit; `nil` if it is empty.
  private func lastID(
    _ collection: RemoteCollection, _ shard: Int
  ) async throws(ServiceError) -> ItemID? {
    guard try await rows(collection, shard, after: nil, parts: []).rowCount > 0 else { return nil }
    var low: UInt64 = 0
    for bit in stride(from: 63, through: 0, by: -1) {
      let middle = low | 1 << UInt64(bit)
      let rows = try await rows(collection, shard, after: ItemID(middle - 1), parts: [])
      if rows.rowCount > 0 { low = middle }
    }
    return ItemID(low)
  }

  private func rows(
    _ collection: RemoteCollection, _ shard: Int, after: ItemID?, parts: RowParts
  ) async throws(ServiceError) -> RowColumns {
    try await client.ask(
      ScanRequest(
        shard: ShardKey(collection: collection.id, number: shard), after: after, rowCountMax: 1,
        parts: parts)
    ).rows
  }

  // MARK: Pictures

  private func desk() throws(ServiceError) -> PictureDesk {
    guard let pictures else {
      throw ServiceError(
        .unavailable, "this coordinator has no model, so it codes and shows no pictures",
        hint: "start it with --model FILE")
    }
    return pictures
  }

  func code(_ request: Request) async throws -> CodeAnswer {
    let desk = try desk()
    let type = request.headers[.contentType] ?? ""
    guard ["image/png", "image/jpeg", "application/octet-stream"].contains(type) else {
      throw ServiceError(
        .invalid, "the content type has to be image/png, image/jpeg or application/octet-stream")
    }
    let count = uploadCount.add(1, ordering: .relaxed).newValue
    defer { uploadCount.subtract(1, ordering: .relaxed) }
    guard count <= GatewayLimits.uploadCountMax else {
      throw ServiceError(
        .busy, "\(GatewayLimits.uploadCountMax) pictures are being received already",
        hint: "ask again later")
    }
    let file = try await body(request, byteCountMax: GatewayLimits.pictureByteCountMax)
    let (feature, image) = try await desk.code(file)
    return CodeAnswer(
      coder: desk.identity.name, feature: feature.base64, image: image.hexadecimal)
  }

  func thumbnail(_ context: Context) async throws -> Response {
    let desk = try desk()
    let text = try name(context, "code")
    guard let bytes = Hexadecimal.bytes(text), [16, 32, 48, 64].contains(bytes.count),
      let code = ImageCode(bytes + [UInt8](repeating: 0, count: ImageCode.byteCount - bytes.count))
    else {
      throw ServiceError(
        .invalid, "a thumbnail is named by 16, 32, 48 or 64 bytes of an image code in hexadecimal")
    }
    let png = try await desk.png(code, byteCount: bytes.count)
    return Response(
      status: .ok,
      headers: [.contentType: "image/png", .cacheControl: "max-age=86400, immutable"],
      body: .init(byteBuffer: ByteBuffer(bytes: png)))
  }
}
