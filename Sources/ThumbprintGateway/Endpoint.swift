import Hummingbird
import ThumbprintClient
import ThumbprintServer
import ThumbprintWire

/// One of the things that the API answers; openapi.yaml describes each.
public struct Endpoint: Sendable {
  /// Its name in openapi.yaml.
  public let operation: String
  public let method: HTTPRequest.Method
  /// With `{name}` where a value stands, as OpenAPI and the router write it.
  public let path: String
  /// What may stand behind the `?` of its address.
  public let parameters: Set<String>
  /// Whether it changes anything that is stored, or how the cluster keeps it.
  public let isChange: Bool

  let answer: @Sendable (Gateway, Question) async throws -> Response

  /// A question to one of them, and what its address says.
  struct Question {
    let request: Request
    let context: Gateway.Context
    let parameters: QueryParameters
  }

  /// - Parameter path: Behind that of the API.
  private init(
    _ operation: String, _ method: HTTPRequest.Method, _ path: String,
    parameters: Set<String> = [], isChange: Bool? = nil,
    response: @escaping @Sendable (Gateway, Question) async throws -> Response
  ) {
    self.operation = operation
    self.method = method
    self.path = "/api/v1" + path
    self.parameters = parameters
    self.isChange = isChange ?? (method != .get)
    answer = response
  }

  private init(
    _ operation: String, _ method: HTTPRequest.Method, _ path: String,
    parameters: Set<String> = [], isChange: Bool? = nil, status: HTTPResponse.Status = .ok,
    json: @escaping @Sendable (Gateway, Question) async throws -> any Encodable
  ) {
    self.init(operation, method, path, parameters: parameters, isChange: isChange) {
      try Gateway.json(try await json($0, $1), status: status)
    }
  }
}

extension Endpoint {
  public static let all = ofCollections + ofRecords + ofSearch + ofCluster

  private static let collection = "/collections/{collection}"

  private static let ofCollections: [Endpoint] = [
    Endpoint("listCollections", .get, "/collections") { gateway, _ in
      try await gateway.client.collections().map(CollectionAnswer.init)
    },
    Endpoint("createCollection", .post, "/collections", status: .created) {
      try await $0.createCollection($1)
    },
    Endpoint("describeCollection", .get, collection) {
      CollectionAnswer(try await $0.collection($1).description)
    },
    Endpoint("updateCollection", .patch, collection) { try await $0.updateCollection($1) },
    Endpoint("dropCollection", .delete, collection) {
      try await $0.client.run(DropCollection(collection: $0.name($1, "collection")))
    },
    Endpoint("collectionStats", .get, "\(collection)/stats") {
      StatsAnswer(try await $0.collection($1).stats())
    },
  ]

  private static let ofRecords: [Endpoint] = [
    Endpoint("sampleRecords", .get, "\(collection)/sample", parameters: ["count"]) {
      try await $0.sample($1)
    },
    Endpoint("scrollRecords", .get, "\(collection)/scroll", parameters: ["after", "limit"]) {
      try await $0.scroll($1)
    },
    Endpoint("records", .get, "\(collection)/records", parameters: ["ids"]) {
      try await $0.records($1)
    },
    Endpoint("upsertRecords", .put, "\(collection)/records") { try await $0.upsert($1) },
    Endpoint("deleteRecords", .post, "\(collection)/records/delete") { try await $0.delete($1) },
    Endpoint("record", .get, "\(collection)/records/{id}") { try await $0.record($1) },
    Endpoint("deleteRecord", .delete, "\(collection)/records/{id}") {
      try await $0.deleteOne($1)
    },
    Endpoint(
      "addPicture", .post, "\(collection)/pictures", parameters: ["name", "id", "modified"]
    ) { try await $0.addPicture($1) },
  ]

  private static let ofSearch: [Endpoint] = [
    Endpoint("search", .post, "\(collection)/search", isChange: false) {
      try await $0.search($1)
    },
    Endpoint("code", .post, "/codes", isChange: false) { try await $0.code($1) },
    Endpoint("thumbnail", .get, "/thumbnails/{code}", response: { try await $0.thumbnail($1) }),
  ]

  private static let ofCluster: [Endpoint] = [
    Endpoint("about", .get, "") { gateway, _ in gateway.about() },
    Endpoint("openAPI", .get, "/openapi.yaml", response: { _, _ in PageFile.openAPI }),
    Endpoint("clusterStatus", .get, "/cluster") { gateway, _ in
      try await gateway.client.run(ClusterStatusOperation())
    },
    Endpoint("rebalance", .post, "/cluster/rebalance") { try await $0.rebalance($1) },
    Endpoint("setBandwidth", .put, "/cluster/bandwidth") { try await $0.setBandwidth($1) },
    Endpoint("drain", .post, "/cluster/workers/{worker}/drain") { try await $0.drain($1) },
    Endpoint("removeWorker", .delete, "/cluster/workers/{worker}") {
      try await $0.removeWorker($1)
    },
    Endpoint("abortMove", .delete, "/cluster/moves/{move}") { try await $0.abortMove($1) },
  ]
}
