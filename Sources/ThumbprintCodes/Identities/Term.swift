/// Who may write a shard: each primary has its own term, and a later one is greater.
///
/// 0 is the term of a shard outside any cluster.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public init(_ value: UInt64) { rawValue = value }

  public static func < (a: Term, b: Term) -> Bool { a.rawValue < b.rawValue }
}

extension Term: CustomStringConvertible {
  public var description: String { String(rawValue) }
}

extension Term: Codable {
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(UInt64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
