/// What the body of a frame holds.
public protocol WireMessage: Sendable {
  static var type: MessageType { get }

  /// The bytes of the body.
  func encoded() -> [UInt8]

  /// Reads a body. What it returns has the same bytes when it is encoded again.
  ///
  /// - Throws: ``ServiceError/Code/malformed``.
  static func decoded(_ body: [UInt8]) throws(ServiceError) -> Self
}

/// A message that is answered, by a ``WireRequest/Reply`` or an error.
public protocol WireRequest: WireMessage {
  associatedtype Reply: WireMessage
}

/// The number of a message. Numbers are never used again.
public enum MessageType: UInt16, CaseIterable, Sendable {
  case hello = 1
  case welcome = 2
  case ping = 3
  case pong = 4
  case cancel = 5
  case error = 6

  case search = 16
  case searchReply = 17
  case fetch = 18
  case fetchReply = 19
  case scan = 20
  case scanReply = 21
  case append = 22
  case appendReply = 23

  case logPull = 32
  case logReply = 33
  case copyOpen = 34
  case copyOpenReply = 35
  case copyRead = 36
  case copyReadReply = 37
  case copyClose = 38
  case copyCloseReply = 39

  case admin = 64
  case adminReply = 65
  case control = 66
  case controlReply = 67
}
