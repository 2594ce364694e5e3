enum CancelLayout: WireLayout {
  static let name: StaticString = "cancel"
  static let requestID = WireField("request id", 0, 8)
  static let byteCount = 8
  static var fields: [WireField] { [requestID] }
}

/// Takes a request back. Not answered itself: the request is, with ``ServiceError/Code/cancelled``
/// or with what was ready already. A write that has begun is carried out all the same.
public struct Cancel: WireMessage, Hashable {
  public static let type = MessageType.cancel

  /// The request that is no longer wanted, on the same connection.
  public var requestID: UInt64

  public init(requestID: UInt64) { self.requestID = requestID }

  public func encoded() -> [UInt8] {
    var writer = WireWriter()
    writer.begin(CancelLayout.self)
    writer.set(CancelLayout.requestID, requestID)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> Cancel {
    var reader = WireReader(body, place: "cancel")
    try reader.begin(CancelLayout.self)
    try reader.end()
    return Cancel(requestID: reader.get(CancelLayout.requestID))
  }
}
