/// What a cluster is known by: 128 random bits, drawn when its first coordinator starts. Workers
/// keep it with their data, so that they never join another by mistake.
public struct ClusterID: Hashable, Sendable {
  /// Bits 64 to 127.
  public let high: UInt64
  /// Bits 0 to 63.
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new identity from a source of randomness.
  public static func random(using generator: inout some RandomNumberGenerator) -> ClusterID {
    ClusterID(high: generator.next(), low: generator.next())
  }
}

extension ClusterID: LosslessStringConvertible {
  /// 32 lower-case hexadecimal digits.
  public var description: String { RecordDigest(high: high, low: low).description }

  /// Reads what ``description`` writes; `nil` for anything else.
  public init?(_ description: String) {
    guard let number = RecordDigest(description) else { return nil }
    self.init(high: number.high, low: number.low)
  }
}

extension ClusterID: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let id = ClusterID(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "a cluster's identity has 32 lower-case hexadecimal digits")
    }
    self = id
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
