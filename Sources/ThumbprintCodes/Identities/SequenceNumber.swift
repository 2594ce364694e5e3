/// The number of an operation in the log of a shard; the first is 1, and 0 comes before it.
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public init(_ value: UInt64) { rawValue = value }

  public static func < (a: SequenceNumber, b: SequenceNumber) -> Bool {
    a.rawValue < b.rawValue
  }
}

extension SequenceNumber: CustomStringConvertible {
  public var description: String { String(rawValue) }
}

extension SequenceNumber: Codable {
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(UInt64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
