/// What a collection is known by to machines: 128 random bits, drawn when it is made. A name may
/// be used again after a drop; an identity never is.
public struct CollectionID: Hashable, Sendable {
  /// Bits 64 to 127.
  public let high: UInt64
  /// Bits 0 to 63.
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new identity from a source of randomness.
  public static func random(using generator: inout some RandomNumberGenerator) -> CollectionID {
    CollectionID(high: generator.next(), low: generator.next())
  }
}

extension CollectionID: Comparable {
  public static func < (a: CollectionID, b: CollectionID) -> Bool {
    (a.high, a.low) < (b.high, b.low)
  }
}

extension CollectionID: LosslessStringConvertible {
  /// 32 lower-case hexadecimal digits.
  public var description: String { RecordDigest(high: high, low: low).description }

  /// Reads what ``description`` writes; `nil` for anything else.
  public init?(_ description: String) {
    guard let number = RecordDigest(description) else { return nil }
    self.init(high: number.high, low: number.low)
  }
}

extension CollectionID: Codable, CodingKeyRepresentable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let id = CollectionID(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "a collection's identity has 32 lower-case hexadecimal digits")
    }
    self = id
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public var codingKey: any CodingKey { TextKey(description) }

  public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }
}
