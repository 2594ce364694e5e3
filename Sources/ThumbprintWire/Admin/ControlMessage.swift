/// What workers and coordinators tell each other: `{"operation": NAME, "arguments": {…}}`. Names
/// and arguments are those of the messages of ThumbprintCluster.
public struct ControlRequest: WireRequest, Hashable {
  public typealias Reply = ControlReply
  public static let type = MessageType.control

  public let operation: String
  private let body: [UInt8]

  public init(operation: String, arguments: some Codable) {
    self.operation = operation
    body = JSONBody.encode(JSONEnvelope(operation: operation, arguments: arguments))
  }

  private init(operation: String, body: [UInt8]) {
    self.operation = operation
    self.body = body
  }

  /// - Throws: `malformed`.
  public func arguments<T: Codable>(as type: T.Type = T.self) throws(ServiceError) -> T {
    try JSONBody.decode(body, as: JSONEnvelope<T>.self, place: operation).arguments
  }

  public func encoded() -> [UInt8] { body }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> ControlRequest {
    ControlRequest(operation: try JSONBody.operation(body, place: "control"), body: body)
  }
}

/// A body with the answer to a ``ControlRequest`` as JSON.
public struct ControlReply: WireMessage, Hashable {
  public static let type = MessageType.controlReply

  private let body: [UInt8]

  public init(_ result: some Codable) { body = JSONBody.encode(result) }

  private init(body: [UInt8]) { self.body = body }

  /// - Throws: `malformed`.
  public func result<T: Codable>(as type: T.Type = T.self) throws(ServiceError) -> T {
    try JSONBody.decode(body, place: "the answer to a control message")
  }

  public func encoded() -> [UInt8] { body }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> ControlReply {
    ControlReply(body: body)
  }
}
