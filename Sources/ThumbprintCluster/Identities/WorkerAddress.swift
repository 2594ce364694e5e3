/// Where a worker listens: a host and a port, as `HOST:PORT`.
public struct WorkerAddress: Hashable, Sendable {
  /// The most characters of an address.
  public static let characterCountMax = 261

  public let host: String
  /// 1 to 65535.
  public let port: Int

  /// The address of `host`, a name or a numeric address without brackets, or `nil` if it is empty,
  /// too long or has characters that no host name and no numeric address has, or if `port` is not
  /// in `1...65535`.
  public init?(host: String, port: Int) {
    let isPlain = host.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "%"):
        true
      default: false
      }
    }
    guard isPlain, (1...253).contains(host.utf8.count), (1...65_535).contains(port) else {
      return nil
    }
    self.host = host
    self.port = port
  }
}

extension WorkerAddress: LosslessStringConvertible {
  /// `HOST:PORT`, or `[HOST]:PORT` if the host has colons.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Reads what ``description`` writes; `nil` for anything else.
  public init?(_ description: String) {
    guard description.utf8.count <= Self.characterCountMax,
      let colon = description.lastIndex(of: ":"),
      let port = Int(description[description.index(after: colon)...])
    else { return nil }
    var host = description[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    self.init(host: String(host), port: port)
  }
}

extension WorkerAddress: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = WorkerAddress(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "an address is HOST:PORT with a port of 1 to 65535")
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
