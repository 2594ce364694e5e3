enum PingLayout: WireLayout {
  static let name: StaticString = "ping"
  static let token = WireField("token", 0, 8)
  static let byteCount = 8
  static var fields: [WireField] { [token] }
}

/// Asks whether the other side is alive; shows an idle connection to be wanted.
public struct Ping: WireRequest, Hashable {
  public typealias Reply = Pong
  public static let type = MessageType.ping

  public var token: UInt64

  public init(token: UInt64) { self.token = token }

  public func encoded() -> [UInt8] { PingLayout.encoded(token) }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> Ping {
    Ping(token: try PingLayout.decoded(body, place: "ping"))
  }
}

/// Answers a ``Ping`` with its token.
public struct Pong: WireMessage, Hashable {
  public static let type = MessageType.pong

  public var token: UInt64

  public init(token: UInt64) { self.token = token }

  public func encoded() -> [UInt8] { PingLayout.encoded(token) }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> Pong {
    Pong(token: try PingLayout.decoded(body, place: "pong"))
  }
}

extension PingLayout {
  fileprivate static func encoded(_ value: UInt64) -> [UInt8] {
    var writer = WireWriter()
    writer.begin(PingLayout.self)
    writer.set(token, value)
    return writer.bytes
  }

  fileprivate static func decoded(
    _ body: [UInt8], place: String
  ) throws(ServiceError) -> UInt64 {
    var reader = WireReader(body, place: place)
    try reader.begin(PingLayout.self)
    try reader.end()
    return reader.get(token)
  }
}
