/// A whole message as it travels.
public struct Frame: Sendable, Hashable {
  public var header: FrameHeader
  public var body: [UInt8]

  public init(header: FrameHeader, body: [UInt8]) {
    self.header = header
    self.body = body
  }

  /// A frame that asks.
  public init(
    asking message: some WireMessage, requestID: UInt64, traceID: UInt64 = 0,
    deadlineMilliseconds: UInt32 = 0
  ) {
    header = FrameHeader(
      type: type(of: message).type, requestID: requestID, traceID: traceID,
      deadlineMilliseconds: deadlineMilliseconds)
    body = message.encoded()
  }

  /// A frame that answers the one with `request`.
  public init(_ message: some WireMessage, answering request: FrameHeader) {
    header = FrameHeader(
      type: type(of: message).type, requestID: request.requestID, traceID: request.traceID)
    body = message.encoded()
  }

  /// Header and body.
  public func encoded() -> [UInt8] { header.encoded(body: body) + body }

  /// Reads the body.
  ///
  /// - Throws: The error that the peer sent in place of the message; `malformed`.
  public func message<M: WireMessage>(as type: M.Type = M.self) throws(ServiceError) -> M {
    if header.type == M.type { return try M.decoded(body) }
    if header.type == .error { throw try ErrorMessage.decoded(body).error }
    throw .malformed("frame", expected: "\(M.type)", found: "\(header.type)")
  }
}
