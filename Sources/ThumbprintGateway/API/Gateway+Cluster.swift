import Hummingbird
import ThumbprintClient
import ThumbprintCodes
import ThumbprintServer
import ThumbprintWire

// What the coordinator is, its collections, and its cluster.
extension Gateway {
  func about() -> AboutAnswer {
    AboutAnswer(
      version: Daemon.version,
      model: pictures.map {
        .init(
          identity: $0.identity.name, imageIdentity: $0.imageIdentity.name,
          codesPictures: $0.hasFeatures)
      },
      isReadOnly: access == .readOnly)
  }

  func createCollection(_ request: Request) async throws -> CollectionAnswer {
    let body = try await jsonBody(request, as: CreateBody.self)
    let collection = try await client.createCollection(
      body.name, shardCount: body.shards, replicationFactor: body.replicas,
      tableCount: body.tables, coder: try body.coder.map(identity))
    return CollectionAnswer(collection.description)
  }

  func updateCollection(_ request: Request, _ context: Context) async throws -> CollectionAnswer {
    let body = try await jsonBody(request, as: UpdateBody.self)
    let name = try name(context, "collection")
    _ = try await client.run(SetReplicas(collection: name, replicationFactor: body.replicas))
    return CollectionAnswer(try await client.collection(name).description)
  }

  func rebalance(_ request: Request) async throws -> MovePlan {
    let body = try await jsonBody(request, as: RebalanceBody.self)
    return try await client.run(
      Rebalance(
        isDryRun: body.dryRun ?? false, byteRate: try body.bandwidth.map(Self.byteRate)))
  }

  func setBandwidth(_ request: Request) async throws -> NoResult {
    let body = try await jsonBody(request, as: BandwidthBody.self)
    return try await client.run(SetBandwidth(byteRate: try Self.byteRate(body.bandwidth)))
  }

  func drain(_ request: Request, _ context: Context) async throws -> MovePlan {
    let worker = try worker(context)
    let body = try await jsonBody(request, as: DrainBody.self)
    return try await client.run(Drain(worker: worker, isDryRun: body.dryRun ?? false))
  }

  func removeWorker(_ context: Context) async throws -> NoResult {
    try await client.run(RemoveWorker(worker: try worker(context)))
  }

  func abortMove(_ context: Context) async throws -> NoResult {
    let text = try name(context, "move")
    guard let number = UInt64(text) else {
      throw ServiceError(
        .invalid, "'\(text.prefix(32))' is no number of a move",
        hint: "the state of the cluster has the ids of its moves")
    }
    return try await client.run(AbortMove(move: number))
  }

  private func worker(_ context: Context) throws(ServiceError) -> WorkerName {
    let text = try name(context, "worker")
    guard let worker = WorkerName(text) else {
      throw ServiceError(.invalid, "'\(text.prefix(64))' is no name of a worker")
    }
    return worker
  }

  private static func byteRate(_ rate: Int) throws(ServiceError) -> Int {
    guard rate >= 0 else { throw ServiceError(.invalid, "bandwidth: \(rate) is below 0") }
    return rate
  }
}
