/// Something that a client asks of a coordinator, and what it gets for it; both are JSON objects.
public protocol AdminOperation: Codable, Sendable, Hashable {
  associatedtype Result: Codable & Sendable & Hashable
  static var name: AdminOperationName { get }
}

/// What can be asked of a coordinator.
public enum AdminOperationName: String, CaseIterable, Sendable, Codable {
  case listCollections, createCollection, dropCollection, describeCollection, collectionStats
  case setReplicas, clusterStatus, rebalance, drain, undrain, removeWorker, abortMove
  case setBandwidth
}

/// A body `{"operation": NAME, "arguments": {…}}`.
public struct AdminRequest: WireRequest, Hashable {
  public typealias Reply = AdminReply
  public static let type = MessageType.admin

  public let operation: AdminOperationName
  private let body: [UInt8]

  public init<Operation: AdminOperation>(_ operation: Operation) {
    self.operation = Operation.name
    body = JSONBody.encode(
      JSONEnvelope(operation: Operation.name.rawValue, arguments: operation))
  }

  private init(operation: AdminOperationName, body: [UInt8]) {
    self.operation = operation
    self.body = body
  }

  /// The arguments; the operation must be that of ``operation``.
  ///
  /// - Throws: `malformed`.
  public func arguments<Operation: AdminOperation>(
    as type: Operation.Type = Operation.self
  ) throws(ServiceError) -> Operation {
    precondition(Operation.name == operation, "\(operation) has no arguments of \(Operation.name)")
    return try JSONBody.decode(
      body, as: JSONEnvelope<Operation>.self, place: operation.rawValue
    ).arguments
  }

  public func encoded() -> [UInt8] { body }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> AdminRequest {
    // Read on the thread that answers everyone: so a peer cannot keep it busy for long.
    guard body.count <= WireLimits.adminByteCountMax else {
      throw ServiceError(
        .tooLarge,
        "an operation of \(body.count) bytes; the most is \(WireLimits.adminByteCountMax)")
    }
    let name = try JSONBody.operation(body, place: "admin")
    guard let operation = AdminOperationName(rawValue: name) else {
      throw .malformed(
        "admin", expected: "a known operation", found: "'\(name.prefix(64))'")
    }
    return AdminRequest(operation: operation, body: body)
  }
}

/// A body with the result of an operation as JSON.
public struct AdminReply: WireMessage, Hashable {
  public static let type = MessageType.adminReply

  private let body: [UInt8]

  public init<Operation: AdminOperation>(
    _ result: Operation.Result, of operation: Operation.Type
  ) {
    body = JSONBody.encode(result)
  }

  private init(body: [UInt8]) { self.body = body }

  /// The result of an operation.
  ///
  /// - Throws: `malformed` if it has another form.
  public func result<Operation: AdminOperation>(
    of operation: Operation.Type
  ) throws(ServiceError) -> Operation.Result {
    try JSONBody.decode(body, place: "the answer to \(Operation.name)")
  }

  public func encoded() -> [UInt8] { body }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> AdminReply {
    AdminReply(body: body)
  }
}
