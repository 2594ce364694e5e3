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

  func createCollection(_ question: Question) async throws -> CollectionAnswer {
    let body = try await jsonBody(question.request, as: CreateBody.self)
    let collection = try await client.createCollection(
      body.name, shardCount: body.shards?.value, replicationFactor: body.replicas?.value,
      tableCount: body.tables?.value, coder: try body.coder.map(identity))
    return CollectionAnswer(collection.description)
  }

  func updateCollection(_ question: Question) async throws -> CollectionAnswer {
    let body = try await jsonBody(question.request, as: UpdateBody.self)
    let name = try name(question, "collection")
    _ = try await client.run(SetReplicas(collection: name, replicationFactor: body.replicas.value))
    return CollectionAnswer(try await client.collection(name).description)
  }

  func rebalance(_ question: Question) async throws -> MovePlan {
    let body = try await jsonBody(question.request, as: RebalanceBody.self)
    return try await client.run(
      Rebalance(
        isDryRun: body.dryRun ?? false, byteRate: try body.bandwidth.map(Self.byteRate)))
  }

  func setBandwidth(_ question: Question) async throws -> NoResult {
    let body = try await jsonBody(question.request, as: BandwidthBody.self)
    return try await client.run(SetBandwidth(byteRate: try Self.byteRate(body.bandwidth)))
  }

  func drain(_ question: Question) async throws -> MovePlan {
    let worker = try worker(question)
    let body = try await jsonBody(question.request, as: DrainBody.self)
    return try await client.run(Drain(worker: worker, isDryRun: body.dryRun ?? false))
  }

  func removeWorker(_ question: Question) async throws -> NoResult {
    try await client.run(RemoveWorker(worker: try worker(question)))
  }

  func abortMove(_ question: Question) async throws -> NoResult {
    let text = try name(question, "move")
    guard let number = UInt64(text) else {
      throw ServiceError(
        .invalid, "'\(text.prefix(32))' is no number of a move",
        hint: "the state of the cluster has the ids of its moves")
    }
    return try await client.run(AbortMove(move: number))
  }

  private func worker(_ question: Question) throws(ServiceError) -> WorkerName {
    let text = try name(question, "worker")
    guard let worker = WorkerName(text) else {
      throw ServiceError(.invalid, "'\(text.prefix(64))' is no name of a worker")
    }
    return worker
  }

  private static func byteRate(_ number: WholeNumber) throws(ServiceError) -> Int {
    let rate = number.value
    guard rate >= 0 else { throw ServiceError(.invalid, "bandwidth: \(rate) is below 0") }
    return rate
  }
}
